"""{claims}: what the paper claims, what we measured, the figure, and how ours differs."""

import os
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ..repro.digests import stale
from ..repro.recording import measured_text
from ..repro.sources import Sources
from ..repro.vocabulary import HEADLINE_ORDER
from .elements import grid, make
from .parts import badge, paragraph, text
from .state import atlas, slug_of, sources


class Claims(SphinxDirective):
    """The claims table with a column per profile, controls, figure with provenance, deviations, errata."""

    has_content = False

    def run(self):
        paper = atlas(self.env.app).papers.get(slug_of(self.env.docname) or "")
        if paper is None or paper.data is None:
            raise self.error(f"no valid front matter for {self.env.docname}; run: vlatlas check")
        records = shown_records(paper)
        out = [*ages(paper, records, sources(self.env.app)), claims_table(paper, records)]
        for record in records.values():
            out += figures(self.env, paper, record)
        out += _list("How our experiment differs from the paper's", paper.data["deviations"])
        out += _list("Errata: what the starting notes had wrong", paper.data["errata"])
        return out


def shown_records(paper) -> dict:
    """profile -> the record that counts: committed before local, only sealed ones, never smoke."""
    out = {}
    if paper.data is None:
        return out  # without claims on a page there is nothing to judge
    for profile in HEADLINE_ORDER:
        for held in (paper.records, paper.runs):
            record = held.get(profile)
            if profile not in out and record and record.sealed and not record.own_parameters:
                out[profile] = paper.judged(record)
    return out


def ages(paper, records: dict, library: Sources | None = None) -> list[nodes.paragraph]:
    """One line for each record whose notebook, library or data have changed since its run.

    library: the sources that other papers of the build have read already.
    """
    out, library = [], library or Sources()
    for profile, record in records.items() if paper.status == "notebook" else ():
        if changed := stale(record, paper.notebook, library):
            what = (
                f"{' and '.join(changed)} changed since the {profile} run of {record.date}; its numbers are of the older state."
            )
            out.append(paragraph(text("Stale: ", "label"), what, classes=("stale",)))
    return out


def claims_table(paper, records: dict):
    """One row per claim and per control; a measured column and a verdict for each profile, never mixed; on a phone a list."""
    head = ["Claim", "Paper", *(f"Ours ({p})" for p in records)] if records else ["Claim", "Paper", "Ours"]
    rows = []
    for claim in paper.data["claims"]:
        row = [
            [paragraph(claim["says"]), paragraph(claim["tolerance"], classes=("tolerance",))],
            [paragraph(claim["paper"]["value"]), paragraph(claim["paper"]["where"], classes=("where",))],
        ]
        row += [_measured(r.claims, claim["id"]) for r in records.values()] or [[paragraph("not measured yet")]]
        rows.append(({}, row))
    for control in paper.data["controls"]:
        row = [[paragraph(text("Control: ", "label"), control["says"])], ""]
        rows.append(({}, row + ([_control(r.controls, control["id"]) for r in records.values()] or [""])))
    table = grid([(name, None) for name in head], rows, "What the paper claims, and what we measured")
    return make("div", table, class_="atlas-table claims")


def _measured(judged: list[dict], name: str) -> list:
    row = next((c for c in judged if c["id"] == name), None)
    if row is None:
        return [paragraph("not measured")]
    return [paragraph(badge(row["verdict"])), paragraph(measured_text(row))]


def _control(checked: list[dict], name: str) -> list:
    row = next((c for c in checked if c["id"] == name), None)
    outcome = {True: "✓ holds", False: "✗ failed"}.get(row["passed"] if row else None, "not judged")
    return [paragraph(outcome), paragraph(measured_text(row) if row else "")]


def figures(env, paper, record) -> list:
    """The record's figures with the finding as alt text, and the provenance line beneath."""
    out = []
    for path in (p for p in record.figures().values() if p.suffix == ".svg"):
        uri = "/" + Path(os.path.relpath(path, paper.root)).as_posix()  # runs may be a link to another disk
        alt = paper.data["figure"].get("alt") or f"Result of the {record.profile} run of {paper.name}"
        figure = nodes.figure(classes=["result"])
        figure += nodes.image(uri=uri, alt=alt)
        figure += nodes.caption("", "", nodes.Text(provenance(record)))
        out.append(figure)
    return out


def provenance(record) -> str:
    """One line that says where the numbers come from."""
    data = record["provenance"]
    versions = ", ".join(f"{k} {v}" for k, v in data["versions"].items() if k in ("python", "torch", "vlatlas"))
    commit = (data.get("commit") or "no commit")[:10]
    return (
        f"Profile {record.profile}, seeds {', '.join(map(str, record.seeds))}, {record.device}, {versions}, "
        f"commit {commit}, {record.date}, {record['elapsed_s']:.0f} s."
    )


def _list(title: str, items: list[str]) -> list:
    if not items:
        return []
    bullets = nodes.bullet_list()
    bullets += [nodes.list_item("", paragraph(item)) for item in items]
    return [nodes.rubric("", title), bullets]
