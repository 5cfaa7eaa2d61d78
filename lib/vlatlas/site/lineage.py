"""{lineage}: what builds on what, from front matter, as an SVG that `atlas-lineage.js` makes explorable; and as a table."""

from collections import Counter

from sphinx.util.docutils import SphinxDirective

from .elements import make
from .overview import label, spans
from .parts import address_of, paper_link, table
from .state import atlas

COLUMN, ROW, TOP, WIDTH = 190, 22, 34, 140  # pixels: year to year, paper to paper, head, length of a name


def edges(found) -> list[tuple[str, str]]:
    """(older, newer) for every "builds on" between papers of the atlas."""
    papers = found.papers
    return [(old, p.slug) for p in papers.values() if p.data for old in p.data["builds_on"] if old in papers]


def places(found, links: list[tuple[str, str]]) -> tuple[list[tuple[int, int]], dict[str, tuple[int, int]]]:
    """Columns as (first year, last year), and slug -> (column, row): a few sweeps put papers near what they are linked with."""
    dated = {slug: p.bib.year for slug, p in found.papers.items() if p.bib and p.bib.year}
    linked = {slug for link in links for slug in link}
    years = spans(Counter(year for slug, year in dated.items() if slug in linked))
    columns = [[s for s, y in dated.items() if first <= y <= last and s in linked] for first, last in years]
    tallest = max(map(len, columns), default=0)
    height = {}

    def settle(column: list[str]) -> None:
        for k, slug in enumerate(column):
            height[slug] = (k + 0.5) * tallest / len(column)

    near: dict[str, list[str]] = {}
    for old, new in links:
        near.setdefault(old, []).append(new)
        near.setdefault(new, []).append(old)
    for column in columns:
        settle(column)
    for sweep in range(8):
        for column in columns if sweep % 2 else reversed(columns):
            pull = {s: sum(height[n] for n in near[s] if n in height) / len(near[s]) for s in column}
            column.sort(key=lambda s: (pull[s], s))  # noqa: B023 - used at once
            settle(column)
    return years, {s: (k, row) for k, column in enumerate(columns) for row, s in enumerate(column)}


def drawing(found):
    """The graph: columns of years, a curve for each "builds on", each name a link."""
    links = edges(found)
    years, at = places(found, links)
    rows = 1 + max((row for _, row in at.values()), default=0)

    def xy(slug: str) -> tuple[int, int]:
        column, row = at[slug]
        return column * COLUMN + 8, TOP + row * ROW

    shapes = [make("text", label(span), x=k * COLUMN + 8, y=18, class_="year") for k, span in enumerate(years)]
    for old, new in links:
        if old in at and new in at:
            (x1, y1), (x2, y2) = xy(old), xy(new)
            x1, y1, y2 = x1 + WIDTH, y1 + 9, y2 + 9
            bend = max(30, (x2 - x1) / 2)
            curve = f"M{x1} {y1}C{x1 + bend:.0f} {y1} {x2 - bend:.0f} {y2} {x2} {y2}"
            shapes.append(make("path", d=curve, class_="edge", data_from=old, data_to=new))
    for slug in sorted(at, key=at.get):
        paper, (x, y) = found.papers[slug], xy(slug)
        box = make("rect", x=x, y=y, width=WIDTH, height=18, rx=4)
        name = make("text", shorten(paper.name), x=x + 5, y=y + 13)
        node = [make("title", paper.title), box, name]
        if paper.page.is_file():
            node = [make("a", *node, href=address_of(slug), data_slug=slug, class_="node")]
        else:
            node = [make("g", *node, data_slug=slug, class_="node planned")]
        shapes += node
    width, height = max(1, len(years)) * COLUMN, TOP + rows * ROW + 6
    said = f"{len(links)} links between {len(at)} papers; the table below says the same in words"
    return make("svg", *shapes, class_="lineage", width=width, height=height, viewBox=f"0 0 {width} {height}",
                role="group", aria_label=said)  # fmt: skip


def shorten(name: str, most: int = 20) -> str:
    """A name that fits its box."""
    return name if len(name) <= most else name[: most - 1] + "…"


class Lineage(SphinxDirective):
    """{lineage}: the drawing, in a frame that scrolls."""

    def run(self):
        found = atlas(self.env.app)
        frame = make("div", drawing(found), class_="atlas-scroll", tabindex="0", role="region",
                     aria_label="Lineage, scrolls both ways")  # fmt: skip
        linked = {slug for link in edges(found) for slug in link if found.papers[slug].bib and found.papers[slug].bib.year}
        names = sorted((shorten(found.papers[slug].name), slug) for slug in linked)
        options = [make("option", "all papers", value=""), *(make("option", name, value=slug) for name, slug in names)]
        chosen = [make("label", "Show the line of ", for_="atlas-lineage"), make("select", *options, id="atlas-lineage")]
        above = [make("div", *chosen, class_="atlas-filters"), make("p", role="status", class_="atlas-count")]
        return [make("div", *above, make("div", frame, class_="lineage-frame"), class_="atlas-wide")]


class LineageTable(SphinxDirective):
    """{lineage-table}: the same links in words."""

    def run(self):
        found, rows = atlas(self.env.app), []
        links = edges(found)
        for slug in found.papers:
            older = [o for o, n in links if n == slug]
            newer = [n for o, n in links if o == slug]
            if older or newer:
                rows.append([paper_link(found, slug), _names(found, older), _names(found, newer)])
        return [table(["paper", "builds on", "built on by"], rows)]


def _names(found, slugs: list[str]) -> list:
    out = []
    for slug in slugs:
        out += [", "] * bool(out) + [paper_link(found, slug)]
    return out or ["–"]
