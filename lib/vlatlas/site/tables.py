"""Tables of one family, and the state of the whole. Never mixing profiles in a column."""

from collections import Counter

from sphinx.util.docutils import SphinxDirective

from ..repro.recording import measured_text
from .claims import shown_records
from .elements import grid, make
from .parts import badge, paper_link, paragraph, status_badge, text
from .state import atlas

PAPERS = [(name, None) for name in ("Paper", "Year", "Result", "In short")]
MEASURED = [(name, None) for name in ("Paper", "Claim", "Paper's value", "Ours", "Verdict")]


class FamilyPapers(SphinxDirective):
    """{family-papers} family: its papers by year, with status, verdict and TL;DR; on a phone a list."""

    required_arguments = 1

    def run(self):
        found = atlas(self.env.app)
        rows = [
            ({}, [paper_link(found, p.slug), str(p.bib.year or "") if p.bib else "",
                  [status_badge(p.status), *([" ", badge(p.verdict)] if p.verdict else [])],
                  p.data["tldr"] if p.data else p.title])
            for p in found.of_family(self.arguments[0])
        ]  # fmt: skip
        if not rows:
            raise self.error(f"family-papers: no family {self.arguments[0]!r}")
        return [make("div", grid(PAPERS, rows, f"{len(rows)} papers, by year"), class_="family-papers")]


class FamilyTable(SphinxDirective):
    """{family-table} family: every measured claim of its papers, one table for each profile and protocol."""

    required_arguments = 1

    def run(self):
        found = atlas(self.env.app)
        groups: dict[tuple[str, str], list] = {}
        for p in found.of_family(self.arguments[0]):
            for profile, record in shown_records(p).items():
                rows = groups.setdefault((profile, p.data["protocol"] or "own"), [])
                for claim in record.claims:
                    value, ours = claim["paper"]["value"], measured_text(claim)
                    rows.append(({}, [paper_link(found, p.slug), claim["says"], value, ours, badge(claim["verdict"])]))
        out = []
        for (profile, protocol), rows in groups.items():
            caption = f"Measured, profile {profile}, protocol {protocol}"
            out.append(make("div", grid(MEASURED, rows, caption), class_="atlas-table"))
        return out or [paragraph("No paper of this family has a record yet; the table fills as notebooks land.")]


class AtlasState(SphinxDirective):
    """{atlas-state}: how far the atlas is, in counts."""

    def run(self):
        papers = list(atlas(self.env.app).papers.values())
        status, verdict = Counter(p.status for p in papers), Counter(p.verdict for p in papers if p.verdict)
        parts = [text(f"{len(papers)} papers: ")]
        for name in ("notebook", "notes", "planned"):
            parts += [status_badge(name), f" {status[name]}  "]
        out = [paragraph(*parts)]
        if verdict:
            line = []
            for name, count in verdict.most_common():
                line += [badge(name), f" {count}  "]
            out.append(paragraph("Verdicts of the papers that were run: ", *line))
        return out
