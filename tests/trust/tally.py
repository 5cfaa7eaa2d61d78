"""Add up what a session of faults left: python tests/trust/tally.py LOG [LOG ...]

A log has one line for each injected fault (see the fixture `injected`): what it was, whether everything asserted about it
held, and how long it took to be over. Exit status 1 if anything did not hold.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def tally(rows: list[dict]) -> list[tuple[str, int, int, float]]:
    """(kind, faults, of which held, longest in seconds), the most frequent first."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["kind"]].append(row)
    found = [(kind, len(g), sum(r["held"] for r in g), max(r["seconds"] for r in g)) for kind, g in groups.items()]
    return sorted(found, key=lambda row: (-row[1], row[0]))


def main(logs: list[str]) -> int:
    """Print the table in Markdown."""
    rows = [json.loads(line) for log in logs for line in Path(log).read_text(encoding="utf-8").splitlines()]
    print("| fault | injected | held | longest |\n|---|---|---|---|")
    for kind, count, held, longest in tally(rows):
        print(f"| {kind} | {count} | {held} | {longest:.1f} s |")
    lost = sum(not row["held"] for row in rows)
    print(f"\n{len(rows)} faults, {lost} that did not hold")
    return 1 if lost or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
