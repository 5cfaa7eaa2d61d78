"""{paper-facts}: what a paper is, in one box, from bibliography and front matter."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .. import __version__
from .elements import make
from .notebooks import download
from .parts import address_of, badge, link, page_of, paper_link, paragraph, status_badge, text, to_page
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
        box += make("div", *_switch(), class_="language-switch", role="group", aria_label="Language of the summary")
        box += paragraph(text("TL;DR ", "label"), data["tldr"], classes=("tldr", "language-en"))
        # docutils turns the class language-zh into the attribute lang="zh".
        box += paragraph(text("中文 ", "label"), data["tldr_zh"], classes=("tldr", "language-zh"))
        related = [*data["builds_on"], *data["related"]]
        if related:
            box += paragraph(text("Related ", "label"), *_join([paper_link(found, s) for s in related], ", "))
        if paper.status == "notebook":
            parts = [to_page("notebook", page_of(paper.slug, "reproduce"))]
            if address := download(paper.root, paper.slug):
                parts.append(make("a", "executed copy (ipynb)", href=address, download=True))
            box += paragraph(text("Reproduce it ", "label"), *_join(parts))
            box += nodes.literal_block("", f"make reproduce PAPER={paper.slug}", language="bash")
        else:
            box += paragraph("The notebook is not written yet: the claims below are the paper's, nothing is measured.")
        box += neighbours(found, paper)
        return [box, *citations(paper)]


def _switch() -> list:
    pairs = (("en", "English"), ("zh", "中文"))
    return [make("button", name, type="button", data_language=code, lang=code, aria_pressed="false") for code, name in pairs]


def neighbours(found, paper):
    """Links to the papers before and after in the family, in the order of the chapter."""
    papers = [p for p in found.of_family(paper.family) if p.page.is_file()]
    at = papers.index(paper)
    before = [make("a", f"← {papers[at - 1].name}", href=address_of(papers[at - 1].slug), rel="prev")] if at else []
    after = (
        [make("a", f"{papers[at + 1].name} →", href=address_of(papers[at + 1].slug), rel="next")] if at + 1 < len(papers) else []
    )
    here = make("span", f"{at + 1} of {len(papers)} in {paper.family}", class_="where")
    return make("nav", *_join([*before, here, *after]), class_="neighbours", aria_label="Papers of this family")


def citations(paper) -> list:
    """Fold-outs with BibTeX for the paper, and for our reproduction where there is one."""
    found = [("Cite this paper", paper.bib.to_bibtex())]
    if record := paper.headline_record():
        found.append(("Cite the reproduction", reproduction_bibtex(paper, record)))
    out = []
    for title, entry in found:
        fold = nodes.admonition(classes=["dropdown", "cite-this"])
        fold += [nodes.title("", title), nodes.literal_block("", entry, language="bibtex")]
        out.append(fold)
    return out


def reproduction_bibtex(paper, record) -> str:
    """BibTeX of one record: which run of which version gave the numbers."""
    commit = record["provenance"].get("commit") or "unknown"
    rows = {
        "title": f"A reproduction of {paper.name} ({record.profile} profile)",
        "author": "{the vlatlas contributors}",
        "year": record.date[:4],
        "note": f"vlatlas {__version__}, commit {commit[:10]}, run of {record.date}, seeds {', '.join(map(str, record.seeds))}",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in rows.items()]
    return "\n".join([f"@misc{{vlatlas-{paper.slug}-{record.profile},", *lines, "}"])


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
