"""python -m vlatlas.bench [SUITE ...] [--keep]: measure, print, compare with the last kept run, leave JSON in _build/bench."""

import argparse
import sys
import time

from .. import paths
from ..repro import atomic
from ..repro.runner import git_commit
from . import history
from .suites import SUITES, machine

SLOW = ("large", "retrieval_large", "book", "browser")  # minutes, or a built site and a browser: only when named, or with --all


def main(arguments: list[str] | None = None) -> int:
    """Run the suites named, or all that take less than minutes. Exit status 1: one of them could not run; the others are kept."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.bench", description=__doc__)
    usual = f"some of {', '.join(SUITES)}; default: all but {' and '.join(SLOW)}"
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=usual)
    parser.add_argument("--all", action="store_true", help="every suite")
    parser.add_argument("--keep", action="store_true", help=f"append to {history.FOLDER}/history.json and draw the page anew")
    given = parser.parse_args(arguments)
    unknown = set(given.suites) - set(SUITES)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    names = given.suites or [name for name in SUITES if given.all or name not in SLOW]
    run = {"date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), **git_commit(paths.root()), "machine": machine()}
    run["suites"], failed = {}, False
    kept = history.latest([earlier for earlier in history.load() if history.place(earlier) == history.place(run)])
    for name in names:
        print(f"{name}: {(SUITES[name].__doc__ or '').split(chr(10))[0]}")
        try:
            rows = SUITES[name]()
        except RuntimeError as error:  # half an hour of other suites is not lost for this one
            print(f"  not measured: {error}")
            failed = True
            continue
        run["suites"][name] = [r.as_dict() for r in rows]
        for r in rows:
            print(line(r))
        if name in kept:
            for row, before, after in history.slower(kept[name][1], run["suites"][name]):
                print(f"  slower than on {kept[name][0]['date']}: {row} was {before:.2f}, is {after:.2f}")
    path = paths.root() / "_build" / "bench" / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    atomic.write_json(path, run)
    print(f"kept in {path.relative_to(paths.root())}")
    if given.keep:
        from . import page

        history.append(run)
        for written in page.write():
            print(f"wrote {written.relative_to(paths.root())}")
    return int(failed)


def line(row) -> str:
    """One row as the terminal shows it."""
    bar = "" if row.at_least is None else f"  bar {row.at_least:.2f}: {'met' if row.met else 'NOT met'}"
    spread = f" ({row.low:.2f} to {row.high:.2f}; fastest laps {row.best:.2f})" if row.laps > 1 else ""
    ratio = f"{row.value:7.2f} {row.unit} {'as' if row.unit.endswith('fast') else 'than'} {row.baseline}"
    return f"  {row.name:42} {ratio}{spread}{bar}  {row.note}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
