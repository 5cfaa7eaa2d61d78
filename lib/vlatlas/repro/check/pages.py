"""Paper pages: the front matter against bibliography, folder and library; sections; citations and links."""

from ...paths import relative
from .. import expressions, frontmatter
from ..catalogue import Catalogue, Paper
from ..expressions import BOOLEAN, NUMBER, ExpressionError
from ..problems import Problem, did_you_mean
from ..validate import line_of
from ..vocabulary import SECTIONS
from . import text
from .objects import Objects


def check(catalogue: Catalogue) -> list[Problem]:
    """Problems of every page whose front matter is valid (what is invalid in it is among the catalogue's
    problems)."""
    problems, objects, owners = [], Objects(), {}
    for paper in catalogue.papers.values():
        if not paper.page.is_file():
            continue
        page = _Page(paper, catalogue, objects)
        problems += page.body()
        if paper.data:
            problems += page.facts() + page.links() + page.claims()
            other = owners.setdefault(paper.data["slug"], paper)
            if other is not paper:
                problems.append(
                    page.at(
                        ("paper", "slug"),
                        f"the slug {paper.data['slug']!r} is also that of {other.slug}",
                        "rename",
                    )
                )
    return problems


class _Page:
    def __init__(self, paper: Paper, catalogue: Catalogue, objects: Objects):
        self.paper, self.catalogue, self.objects = paper, catalogue, objects
        self.file = relative(paper.page, catalogue.root)

    def at(self, path: tuple, message: str, remedy: str) -> Problem:
        return Problem(self.file, line_of(self.paper.lines, path), message, remedy)

    def facts(self) -> list[Problem]:
        """Slug, key, family: the page, the folder and the bibliography agree."""
        data, problems = self.paper.data, []
        if data["slug"] != self.paper.slug:
            message = f"slug {data['slug']!r} stands in the folder {self.paper.slug!r}"
            problems.append(self.at(("paper", "slug"), message, "give both the same name"))
        entry = self.catalogue.bib.get(data["bib"])
        if entry is None:
            guess = did_you_mean(data["bib"], self.catalogue.bib) or "add the entry to papers.bib"
            problems.append(self.at(("paper", "bib"), f"papers.bib has no key {data['bib']!r}", guess))
        else:
            if entry.slug != data["slug"]:
                message = f"the entry {entry.key} in papers.bib has the slug {entry.slug!r}, not {data['slug']!r}"
                problems.append(self.at(("paper", "bib"), message, f"correct line {entry.line} of papers.bib"))
            if entry.family != data["family"]:
                message = f"family {data['family']!r}, but papers.bib says {entry.family!r}"
                problems.append(self.at(("paper", "family"), message, "make them equal"))
        chapter = self.catalogue.root / "book" / "families" / f"{data['family']}.md"
        if not chapter.is_file():
            message = f"the family {data['family']!r} has no chapter, so the book leaves this page out"
            problems.append(self.at(("paper", "family"), message, f"write {relative(chapter, self.catalogue.root)}"))
        if self.paper.status == "notebook" and not data["figure"].get("alt"):
            message = "a page with a notebook needs figure.alt, one sentence that states our finding"
            problems.append(self.at(("paper", "figure"), message, "add it"))
        if not any("\u4e00" <= c <= "\u9fff" for c in data["tldr_zh"]):
            problems.append(self.at(("paper", "tldr_zh"), "tldr_zh holds no Chinese", "write the summary in Chinese"))
        return problems

    def links(self) -> list[Problem]:
        """Related papers and library objects exist."""
        problems, data = [], self.paper.data
        for name in ("builds_on", "related"):
            for index, slug in enumerate(data[name]):
                if slug == self.paper.slug or slug not in self.catalogue.papers:
                    message = f"{name} names the paper itself" if slug == self.paper.slug else f"no paper {slug!r}"
                    remedy = did_you_mean(slug, set(self.catalogue.papers) - {self.paper.slug}) or "remove it"
                    problems.append(self.at(("paper", name, index), message, remedy))
        for index, dotted in enumerate(data["code"]):
            if missing := self.objects.missing(dotted):
                problems.append(self.at(("paper", "code", index), f"{dotted}: {missing}", "correct the name"))
        return problems

    def claims(self) -> list[Problem]:
        """Every expression is of the language and of the right kind; every control guards a claim."""
        problems, data = [], self.paper.data
        known = {control["id"] for control in data["controls"]}
        used = {name for claim in data["claims"] for name in claim["controls"]}
        for group in ("claims", "controls"):
            for index, item in enumerate(data[group]):
                path = ("paper", group, index)
                wanted = [("check", item["check"], BOOLEAN), ("direction", item.get("direction"), BOOLEAN)]
                wanted += [("measured", text_, NUMBER) for text_ in item.get("measured") or []]
                for name, expression, kind in wanted:
                    try:
                        if expression is not None:
                            expressions.parse(expression, kind)
                    except ExpressionError as error:
                        problems.append(self.at((*path, name), f"{item['id']}: {error}", "correct the expression"))
                for name in set(item.get("controls") or []) - known:
                    remedy = did_you_mean(name, known) or "add it under controls, or remove it here"
                    problems.append(self.at((*path, "controls"), f"{item['id']}: no control {name!r}", remedy))
                if group == "controls" and item["id"] not in used:
                    message = f"the control {item['id']!r} guards no claim"
                    problems.append(self.at((*path, "id"), message, "name it in a claim's `controls`, or remove it"))
        return problems

    def body(self) -> list[Problem]:
        """Sections present and in order, the generated blocks in their places, citations and links known."""
        _, body = frontmatter.split(self.paper.page.read_text(encoding="utf-8", errors="replace"))
        problems = self._sections(body)
        named = text.directives(body)
        for directive, section in (
            ("paper-facts", None),
            ("claims", "Verdict"),
            ("footbibliography", "Sources"),
        ):
            lines = [line for line, name, _ in named if name == directive]
            place = f"in the section {section}" if section else "right under the title"
            if len(lines) != 1 or _section_of(body, lines[0]) != section:
                message = f"the block {{{directive}}} must stand once, {place}"
                problems.append(Problem(self.file, lines[0] if lines else 0, message, f"write ```{{{directive}}} there"))
        for line, name, argument in named:
            if name == "code-of" and (missing := self.objects.missing(argument)):
                problems.append(Problem(self.file, line, f"{argument}: {missing}", "correct the name"))
        for line, key in text.roles(body, text.CITE):
            if key not in self.catalogue.bib:
                remedy = did_you_mean(key, self.catalogue.bib) or "add the entry to papers.bib"
                problems.append(Problem(self.file, line, f"papers.bib has no key {key!r}", remedy))
        for line, slug in text.roles(body, text.PAPER):
            if slug not in self.catalogue.papers:
                remedy = did_you_mean(slug, self.catalogue.papers) or "correct the slug"
                problems.append(Problem(self.file, line, f"no paper {slug!r}", remedy))
        return problems

    def _sections(self, body: str) -> list[Problem]:
        found = text.headings(body)
        problems = []
        titles = [line for line, level, _ in found if level == 1]
        if len(titles) != 1:
            problems.append(Problem(self.file, titles[1] if titles else 0, "a page has one title", "write one '# NAME'"))
        sections = [(line, title) for line, level, title in found if level == 2]
        names = [title for _, title in sections]
        for name in SECTIONS:
            if name not in names:
                problems.append(Problem(self.file, 0, f"the section '## {name}' is missing", "add it"))
        for line, title in sections:
            if title not in SECTIONS:
                remedy = did_you_mean(title, SECTIONS) or f"sections are {', '.join(SECTIONS)}"
                problems.append(Problem(self.file, line, f"the section {title!r} is unknown", remedy))
        order = [name for name in names if name in SECTIONS]
        if not problems and order != list(SECTIONS):
            line = next(at for (at, title), name in zip(sections, SECTIONS, strict=False) if title != name)
            problems.append(Problem(self.file, line, "sections repeat or are out of order", f"use {', '.join(SECTIONS)}"))
        return problems


def _section_of(body: str, line: int) -> str | None:
    """The section (level 2) that a line stands in; None right under the title, '' before it."""
    place: str | None = ""
    for number, level, title in text.headings(body):
        if number > line:
            break
        place = None if level == 1 else title if level == 2 else place
    return place
