"""python -m vlatlas.bench [SUITE ...]: measure, print, and keep the figures as JSON below _build/bench."""

import argparse
import time

from .. import paths
from ..repro import atomic
from .suites import SUITES, machine


def main(arguments: list[str] | None = None) -> None:
    """Run the suites named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"some of {', '.join(SUITES)}; default: all")
    given = parser.parse_args(arguments)
    unknown = set(given.suites) - set(SUITES)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    results = {}
    for name in given.suites or SUITES:
        print(f"{name}: {(SUITES[name].__doc__ or '').split(chr(10))[0]}")
        rows = SUITES[name]()
        results[name] = [r.as_dict() for r in rows]
        for r in rows:
            print(f"  {r.name:34} {r.value:7.2f}x as fast as {r.baseline} ({r.low:.2f} to {r.high:.2f})  {r.note}")
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    path = paths.root() / "_build" / "bench" / f"{stamp}.json"
    atomic.write_json(path, {"machine": machine(), "suites": results})
    print(f"kept in {path}")


if __name__ == "__main__":
    main()
