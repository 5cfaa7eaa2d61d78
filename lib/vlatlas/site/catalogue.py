"""{catalogue}: all papers, one row each, with what the filters of `atlas-filter.js` need."""

import json

from sphinx.util.docutils import SphinxDirective

from .claims import shown_records
from .elements import grid, make
from .filters import form
from .parts import badge, paper_link, status_badge, text, to_page
from .state import atlas

HEAD = [
    ("Paper", "name"), ("Family", "family"), ("Year", "year"), ("Venue", "venue"), ("Tasks", None),
    ("Training", "training"), ("Cost", "cost"), ("Result", "rank"),
]  # fmt: skip
FILTERS = [
    {"name": "family", "label": "Family"},
    {"name": "task", "label": "Task"},
    {"name": "year", "label": "Year"},
    {"name": "venue", "label": "Venue"},
    {"name": "modality", "label": "Modality"},
    {"name": "training", "label": "Training"},
    {"name": "status", "label": "Status"},
    {"name": "verdict", "label": "Verdict"},
    {"name": "cost", "label": "Cost to run", "most": [1, 5, 15, 60], "unit": "minutes"},
]
RANK = ("reproduced", "partly reproduced", "not reproduced", None)


def minutes(paper) -> tuple[float, str] | None:
    """Minutes and profile of the record that speaks for a paper."""
    record = paper.headline_record()
    return (record["elapsed_s"] / 60, record.profile) if record else None


def thumbnail(paper) -> str | None:
    """Where the site keeps the small picture of the paper's reproduced figure."""
    has = any(p.suffix == ".png" for r in shown_records(paper).values() for p in r.figures().values())
    return f"/data/thumbs/{paper.slug}.png" if has else None


def row(found, paper) -> tuple[dict, list]:
    """Attributes and cells of one paper."""
    data, bib, cost = paper.data or {}, paper.bib, minutes(paper)
    tasks, modalities = data.get("tasks", []), data.get("modalities", [])
    year, venue = str(bib.year or "") if bib else "", bib.venue if bib else ""
    training = {True: "training-free", False: "trains", None: ""}[data.get("training_free")]
    attributes = {
        "name": paper.name.lower(), "family": paper.family or "", "year": year, "venue": venue, "slug": paper.slug,
        "task": "|".join(tasks), "modality": "|".join(modalities), "training": training, "status": paper.status,
        "verdict": paper.verdict or "not run", "cost": f"{cost[0]:.1f}" if cost else "", "rank": RANK.index(paper.verdict),
    }  # fmt: skip
    picture = thumbnail(paper)
    image = make("img", src=picture, width="160", height="100", loading="lazy", alt="", class_="thumb") if picture else None
    first = [*([image] if image else []), paper_link(found, paper.slug), make("span", paper.title, class_="full-title")]
    result = [status_badge(paper.status)] + ([" ", badge(paper.verdict)] if paper.verdict else [])
    cells = [
        first,
        to_page(paper.family, f"book/families/{paper.family}") if paper.family else "",
        year,
        venue,
        [text(", ".join(tasks)), make("span", ", ".join(modalities), class_="where block")],
        training,
        f"{max(1, round(cost[0]))} min, {cost[1]}" if cost else "–",
        result,
    ]
    return attributes, cells


class CatalogueTable(SphinxDirective):
    """{catalogue}: all papers; without scripts a plain table by family and year."""

    def run(self):
        found = atlas(self.env.app)
        rows = [row(found, paper) for paper in found.papers.values()]
        caption = "All papers of the atlas"
        table = grid(HEAD, rows, caption, data_filters=json.dumps(FILTERS), data_words="words.js")
        return [make("div", *form(FILTERS, [data for data, _ in rows], caption), table, class_="atlas-wide")]
