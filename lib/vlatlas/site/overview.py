"""The whole atlas at a glance: a map of verdicts, the newest figure, tasks as starting points, a timeline."""

from collections import Counter
from urllib.parse import quote

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from ..repro.vocabulary import FAMILIES
from .claims import figures
from .elements import make
from .parts import MARKS, address_of, paper_link, paragraph, to_page
from .state import atlas


def chip(paper, label: str, class_: str):
    """A link to a paper that shows its verdict by mark and colour; plain text while the paper is planned."""
    verdict = (paper.verdict or "not run").replace(" ", "-")
    said = f"{paper.name}: {paper.status if not paper.verdict else paper.verdict}"
    if not paper.page.is_file():
        return make("span", label, class_=f"{class_} planned", title=said)
    classes = f"{class_} is-{verdict} has-{paper.status}"
    return make("a", label, href=address_of(paper.slug), class_=classes, title=said, aria_label=said)


class AtlasMap(SphinxDirective):
    """{atlas-map}: one square per paper, in rows of families, drawn from the records."""

    def run(self):
        found, rows = atlas(self.env.app), []
        for family in FAMILIES:
            papers = sorted(found.of_family(family), key=lambda p: (p.bib.year or 0 if p.bib else 0, p.slug))
            if papers:
                name = make("a", family, href=f"/book/families/{family}.html", class_="map-family")
                squares = [chip(p, MARKS.get(p.verdict, "·"), "square") for p in papers]
                rows.append(make("li", name, make("span", *squares, class_="squares")))
        legend = [make("span", f"{mark} {name}", class_=f"key is-{name.replace(' ', '-')}") for name, mark in MARKS.items()
                  if any(p.verdict == name for p in found.papers.values())]  # fmt: skip
        legend.append(make("span", "· notes, nothing measured yet", class_="key"))
        caption = paragraph("One square per paper, oldest first; the mark is its verdict. ", *legend, classes=("map-legend",))
        return [make("ul", *rows, class_="atlas-map"), caption]


class LatestFigure(SphinxDirective):
    """{latest-figure}: the figure of the newest record, with its provenance."""

    def run(self):
        ran = [(r["finished"], p.slug, p, r) for p in atlas(self.env.app).papers.values() if (r := p.headline_record())]
        if not ran:
            return [paragraph("No paper has been run yet; the first record's figure will stand here.")]
        _, _, paper, record = max(ran, key=lambda entry: entry[:2])
        shown = figures(self.env, paper, record)[:1]
        return [paragraph("The newest result, ", paper_link(atlas(self.env.app), paper.slug), ":"), *shown]


class TaskPaths(SphinxDirective):
    """{task-paths}: every task that several papers share, as a link to the filtered catalogue."""

    def run(self):
        papers = atlas(self.env.app).papers.values()
        count = Counter(task for p in papers if p.data for task in p.data["tasks"])
        items = [
            nodes.list_item("", paragraph(make("a", task, href=f"/book/reference/catalogue.html#task={quote(task)}"), f" ({n})"))
            for task, n in sorted(count.items(), key=lambda item: (-item[1], item[0]))
            if n > 2
        ]
        return [nodes.bullet_list("", *items, classes=["task-paths"])]


def spans(count: Counter, few: int = 5) -> list[tuple[int, int]]:
    """Columns of years: each year its own, but the first years share one until a year has more than `few` papers."""
    years = sorted(count)
    busy = next((y for y in years if count[y] > few), None)
    early = [y for y in years if busy is not None and y < busy]
    rest = [(y, y) for y in years if y not in early]
    return [(early[0], early[-1]), *rest] if early else rest


def label(span: tuple[int, int]) -> str:
    """The head of a column of years."""
    first, last = span
    return str(first) if first == last else f"{first} to {last}"


class Timeline(SphinxDirective):
    """{timeline}: families against years; a table, so that it reads without sight or scripts."""

    def run(self):
        found = atlas(self.env.app)
        dated = [p for p in found.papers.values() if p.bib and p.bib.year]
        columns = spans(Counter(p.bib.year for p in dated))
        head = make("tr", make("th", "Family", scope="col"), *(make("th", label(span), scope="col") for span in columns))
        rows = []
        for family in FAMILIES:
            mine = sorted((p for p in dated if p.family == family), key=lambda p: (p.bib.year, p.name.lower()))
            if mine:
                name = make("th", to_page(family, f"book/families/{family}"), scope="row")
                cells = [
                    make("td", *(chip(p, p.name, "chip") for p in mine if a <= p.bib.year <= b), data_label=label((a, b)))
                    for a, b in columns
                ]
                rows.append(make("tr", name, *cells))
        caption = make("caption", f"{len(dated)} papers by family and year; a filled name has a result of ours")
        table = make("table", caption, make("thead", head), make("tbody", *rows), class_="timeline")
        frame = make("div", table, class_="atlas-scroll", tabindex="0", role="region", aria_label="Timeline, scrolls sideways")
        return [make("div", frame, class_="atlas-wide")]
