"""python -m vlatlas.protocols.calibration: measure all splits, or those named, and write file and table."""

import argparse

from .measure import MEASURES, measure, read, write


def main(arguments: list[str] | None = None) -> int:
    """0 if every figure lies between floor and ceiling, else 1."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.calibration", description=__doc__)
    parser.add_argument("splits", nargs="*", metavar="SPLIT", help="default: all of them")
    parser.add_argument("--dry", action="store_true", help="print the figures, write nothing")
    given = parser.parse_args(arguments)
    unknown = set(given.splits) - set(MEASURES)
    if unknown:
        parser.error(f"no split {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    figures = {} if given.dry or not given.splits else read()
    for name in given.splits or MEASURES:
        figures[name] = measure(name)
        f = figures[name]
        print(f"{name:24} {f.value:.3f}  floor {f.floor:.3f}  {'' if f.calibrated else 'OUT OF RANGE  '}{f.what}", flush=True)
    if not given.dry:
        write(figures)
    return 0 if all(f.calibrated for f in figures.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
