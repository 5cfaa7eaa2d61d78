"""The scoreboard as files for other programs: data/claims.csv and data/claims.json beside the pages."""

import csv
import io
import json
from pathlib import Path

from ..repro.recording import measured_text
from .claims import shown_records
from .state import atlas

COLUMNS = ("slug", "claim", "says", "paper_value", "where", "profile", "measured", "verdict", "seeds", "date")


def rows(found) -> list[dict]:
    """One row per claim and profile; an unmeasured claim has one row without a profile."""
    out = []
    for paper in found.papers.values():
        records = shown_records(paper)
        for claim in paper.data["claims"] if paper.data else []:
            base = {
                "slug": paper.slug, "claim": claim["id"], "says": claim["says"],
                "paper_value": claim["paper"]["value"], "where": claim["paper"]["where"],
            }  # fmt: skip
            judged = [(p, r, c) for p, r in records.items() for c in r.claims if c["id"] == claim["id"]]
            for profile, record, row in judged:
                more = {"profile": profile, "measured": measured_text(row), "verdict": row["verdict"]}
                out.append(base | more | {"seeds": len(record.seeds), "date": record.date})
            if not judged:
                out.append(base | dict.fromkeys(COLUMNS[5:], ""))
    return out


def write(app, exception) -> None:
    """Write both files after an HTML build that succeeded."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "data"
    folder.mkdir(exist_ok=True)
    table = rows(atlas(app))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    (folder / "claims.csv").write_text(buffer.getvalue(), encoding="utf-8")
    (folder / "claims.json").write_text(json.dumps(table, ensure_ascii=False, indent=1), encoding="utf-8")
