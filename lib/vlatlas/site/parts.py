"""Small building blocks of pages, as docutils nodes: text is data here, and is escaped by the writer."""

from docutils import nodes
from sphinx import addnodes

from ..repro.vocabulary import DIRECTION, NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED

# A letter beside the colour, so that a verdict does not need colour to be read.
MARKS = {REPRODUCED: "✓", PARTLY: "◐", DIRECTION: "↗", NOT_REPRODUCED: "✗", NOT_TESTABLE: "–"}


def page_of(slug: str, name: str = "index") -> str:
    """The document of a paper's page, or with "reproduce" of its notebook: the one place that spells it."""
    return f"book/papers/{slug}/{name}"


def address_of(slug: str, name: str = "index") -> str:
    """The same as an address from the site's root."""
    return f"/{page_of(slug, name)}.html"


def text(value, *classes: str) -> nodes.inline:
    """A run of text."""
    return nodes.inline("", str(value), classes=list(classes))


def paragraph(*children, classes: tuple[str, ...] = ()) -> nodes.paragraph:
    """A paragraph of strings and nodes."""
    p = nodes.paragraph(classes=list(classes))
    p += [nodes.Text(c) if isinstance(c, str) else c for c in children]
    return p


def badge(verdict: str | None) -> nodes.inline:
    """A verdict's badge; "not run" where there is none."""
    label = verdict or "not run"
    return text(f"{MARKS.get(verdict, '·')} {label}", "badge", "badge-" + label.replace(" ", "-"))


def status_badge(status: str) -> nodes.inline:
    """planned, notes or notebook."""
    return text(status, "badge", f"status-{status}")


def link(label: str, url: str) -> nodes.reference:
    """An external link; only http and https, so that no field can smuggle a script in."""
    if not url.startswith(("https://", "http://")):
        return text(label)
    return nodes.reference("", label, refuri=url, internal=False)


def to_page(label: str, docname: str) -> addnodes.pending_xref:
    """A link to a page of the book, checked by Sphinx."""
    return addnodes.pending_xref(
        "", nodes.inline("", label), refdomain="std", reftype="doc", reftarget="/" + docname, refexplicit=True,
        refwarn=True,
    )  # fmt: skip


def paper_link(atlas, slug: str):
    """A link to a paper's page by its short name; plain text while it is planned."""
    paper = atlas.papers.get(slug)
    if paper is None or not paper.page.is_file():
        return text(paper.name if paper else slug, "planned")
    return to_page(paper.name, page_of(slug))


def table(head: list[str], rows: list[list], classes: tuple[str, ...] = ()) -> nodes.container:
    """A table that scrolls inside itself on a narrow screen. Cells are strings, nodes, or lists of nodes."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head))
    body = nodes.tbody()
    body += [_row(r) for r in rows]
    group += body
    box = nodes.container(classes=["atlas-table", *classes])
    box += nodes.table("", group, classes=["colwidths-auto"])
    return box


def _row(cells) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        items = cell if isinstance(cell, list) else [cell]
        blocks = [c for c in items if isinstance(c, nodes.Body) and not isinstance(c, nodes.Inline)]
        entry += items if blocks and len(blocks) == len(items) else [paragraph(*items)]
        row += entry
    return row
