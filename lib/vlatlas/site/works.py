"""{works}: every work of the bibliography, with links; a surveyed paper leads to its page.

sphinxcontrib-bibtex formats the notes below each page's text; for one long list it would format every entry at each build.
"""

import unicodedata

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .parts import link, page_of, paragraph, text, to_page
from .state import atlas


def order(entry) -> tuple:
    """First author's last name without accents, then the year and the title."""
    last = entry.names[0][0] if entry.names else entry.title
    plain = "".join(c for c in unicodedata.normalize("NFKD", last) if not unicodedata.combining(c))
    return plain.lower(), entry.year or 0, entry.title.lower()


def line(found, entry) -> list:
    """Authors (six at most are named), year, title, venue, links."""
    authors = [name if name != "others" else "et al." for name in entry.authors]
    if len(authors) > 6:
        authors = [*authors[:6], "et al."]
    paper = found.papers.get(entry.slug or "")
    known = paper is not None and paper.page.is_file()
    title = to_page(entry.title, page_of(entry.slug)) if known else text(entry.title)
    out = [f"{', '.join(authors)} ({entry.year or 'no year'}). ", title, ". ", f"{entry.venue}." if entry.venue else ""]
    if entry.url:
        label = f"arXiv {entry.arxiv}" if entry.arxiv and "arxiv.org" in entry.url else "paper"
        out += [" ", link(label, entry.url)]
    return [part for part in out if part != ""]


class Works(SphinxDirective):
    """{works}: one item per entry, by author."""

    def run(self):
        found = atlas(self.env.app)
        self.env.note_dependency(str(found.root / "papers.bib"))
        items = [nodes.list_item("", paragraph(*line(found, entry))) for entry in sorted(found.bib.values(), key=order)]
        return [nodes.bullet_list("", *items, classes=["works"])]
