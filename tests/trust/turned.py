"""After `vlatlas reproduce --all`: hold every finished run against the committed record: python tests/trust/turned.py [PROFILE]

The same comparison as `vlatlas verify`, without a second run. Exit status 1: a number left its tolerance, or a verdict
turned.
"""

import sys

from vlatlas.repro import catalogue
from vlatlas.repro.verify import differences


def main(profile: str = "cpu") -> int:
    """Print what differs, paper by paper."""
    status = 0
    for paper in catalogue.load().papers.values():
        kept, run = paper.records.get(profile), paper.runs.get(profile)
        if kept is None or run is None:
            continue
        far = [d for d in differences(kept, run, paper.data["tolerances"]) if not d.close]
        before, after = ({c["id"]: c["verdict"] for c in paper.judged(r).claims} for r in (kept, run))
        turned = [f"{id_}: {before[id_]} -> {after.get(id_)}" for id_ in before if before[id_] != after.get(id_)]
        print(f"{paper.slug}: {len(far)} numbers differ" + "".join(f"; {t}" for t in turned))
        for d in far:
            print(f"  {d.metric}: recorded {d.recorded}, now {d.measured}, tolerance {d.tolerance:.0%}")
        status |= bool(far or turned)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
