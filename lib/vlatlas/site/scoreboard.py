"""{scoreboard}: every claim of every paper; {score-summary}: the same in counts."""

import json
from collections import Counter

from sphinx.util.docutils import SphinxDirective

from ..repro.recording import measured_text
from ..repro.vocabulary import CLAIM_VERDICTS, FAMILIES
from .claims import shown_records
from .elements import grid, make
from .filters import form
from .parts import badge, paper_link, table, text, to_page
from .state import atlas

HEAD = [
    ("Paper", "name"), ("Claim", None), ("Paper's value", None), ("Ours", None), ("Verdict", "rank"), ("Run", "date"),
]  # fmt: skip
FILTERS = [
    {"name": "family", "label": "Family"},
    {"name": "verdict", "label": "Verdict"},
    {"name": "profile", "label": "Profile"},
]


def judged(paper) -> list[tuple]:
    """(claim of the page, record or None, judged claim or None): one entry per claim and profile."""
    records, out = shown_records(paper), []
    for claim in paper.data["claims"] if paper.data else []:
        seen = [(claim, r, c) for r in records.values() for c in r.claims if c["id"] == claim["id"]]
        out += seen or [(claim, None, None)]
    return out


def _row(found, paper, claim, record, outcome) -> tuple[dict, list]:
    verdict = outcome["verdict"] if outcome else None
    rank = CLAIM_VERDICTS.index(verdict) if verdict else len(CLAIM_VERDICTS)
    attributes = {
        "name": paper.name.lower(), "family": paper.family or "", "verdict": verdict or "not run", "rank": rank,
        "profile": record.profile if record else "", "date": record.date if record else "", "id": claim["id"],
    }  # fmt: skip
    run = [f"{record.profile}, {len(record.seeds)} seeds", make("span", record.date, class_="where block")] if record else "–"
    where = make("span", claim["paper"]["where"], class_="where block")
    ours = measured_text(outcome) if outcome else "–"
    cells = [paper_link(found, paper.slug), claim["says"], [text(claim["paper"]["value"]), where], ours, badge(verdict), run]
    return attributes, cells


class Scoreboard(SphinxDirective):
    """{scoreboard}: filterable with scripts, a plain table without."""

    def run(self):
        found = atlas(self.env.app)
        rows = [_row(found, p, *entry) for p in found.papers.values() for entry in judged(p)]
        caption = "Every claim of every paper"
        out = grid(HEAD, rows, caption, data_filters=json.dumps(FILTERS))
        return [make("div", *form(FILTERS, [data for data, _ in rows], caption), out, class_="atlas-wide")]


class ScoreSummary(SphinxDirective):
    """{score-summary}: claims by family and verdict; each paper counted by its most thorough profile, which is named."""

    def run(self):
        found, total, rows = atlas(self.env.app), Counter(), []
        for family in FAMILIES:
            count, profiles = Counter(), set()
            for paper in found.of_family(family):
                record = paper.headline_record()
                profiles |= {record.profile} if record else set()
                verdicts = {c["id"]: c["verdict"] for c in record.claims} if record else {}
                count.update(verdicts.get(c["id"], "not run") for c in (paper.data["claims"] if paper.data else []))
            if count:
                rows.append([to_page(family, f"book/families/{family}"), *_counts(count), ", ".join(sorted(profiles)) or "–"])
            total += count
        rows.append([text("All", "label"), *_counts(total), ""])
        return [table(["family", "claims", *CLAIM_VERDICTS, "not run", "profiles"], rows, classes=("numbers",))]


def _counts(count: Counter) -> list[str]:
    return [str(sum(count.values())), *(str(count[v]) if count[v] else "–" for v in (*CLAIM_VERDICTS, "not run"))]
