"""{paper-facts}: what a paper is, in one box, from bibliography and front matter."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .parts import badge, link, paper_link, paragraph, status_badge, text, to_page
from .state import atlas, slug_of


class PaperFacts(SphinxDirective):
    """Title, authors, venue, links, tasks, status, verdict, both TL;DRs, the command, the BibTeX entry."""

    has_content = False

    def run(self):
        found = atlas(self.env.app)
        paper = found.papers.get(slug_of(self.env.docname) or "")
        if paper is None or paper.data is None or paper.bib is None:
            raise self.error(f"no valid front matter or bibliography entry for {self.env.docname}; run: vlatlas check")
        data, bib = paper.data, paper.bib
        box = nodes.container(classes=["paper-facts"])
        box += paragraph(text(bib.title), classes=("paper-title",))
        box += paragraph(", ".join(bib.authors), classes=("paper-authors",))
        box += paragraph(*_join(_links(paper)), classes=("paper-links",))
        box += paragraph(
            status_badge(paper.status), " ", badge(paper.verdict), " ",
            to_page(data["family"], f"book/families/{data['family']}"), " · ", ", ".join(data["tasks"]),
        )  # fmt: skip
        box += paragraph(text("TL;DR ", "label"), data["tldr"], classes=("tldr",))
        # docutils turns the class language-zh into the attribute lang="zh".
        box += paragraph(text("中文 ", "label"), data["tldr_zh"], classes=("tldr", "language-zh"))
        related = [*data["builds_on"], *data["related"]]
        if related:
            box += paragraph(text("Related ", "label"), *_join([paper_link(found, s) for s in related], ", "))
        if paper.status == "notebook":
            box += paragraph(text("Reproduce it ", "label"), to_page("notebook", f"book/papers/{paper.slug}/reproduce"))
            box += nodes.literal_block("", f"make reproduce PAPER={paper.slug}", language="bash")
        else:
            box += paragraph("The notebook is not written yet: the claims below are the paper's, nothing is measured.")
        cite = nodes.admonition(classes=["dropdown", "cite-this"])
        cite += nodes.title("", "Cite this paper")
        cite += nodes.literal_block("", bib.to_bibtex(), language="bibtex")
        return [box, cite]


def _links(paper) -> list:
    bib, out = paper.bib, []
    out.append(text(f"{bib.venue} {bib.year}".strip()))
    if bib.arxiv:
        out.append(link(f"arXiv {bib.arxiv}", f"https://arxiv.org/abs/{bib.arxiv}"))
    if bib.doi:
        out.append(link("DOI", f"https://doi.org/{bib.doi}"))
    if bib.fields.get("url"):
        out.append(link("paper", bib.url or ""))
    if bib.code:
        out.append(link("code", bib.code))
    return out


def _join(items: list, separator: str = " · ") -> list:
    out = []
    for k, item in enumerate(items):
        out += [separator] * bool(k) + [item]
    return out
