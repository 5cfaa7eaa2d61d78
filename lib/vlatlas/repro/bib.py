"""The bibliography: the one place for a paper's title, authors, venue, year, arXiv id and code."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import bib_parser
from .problems import Problem
from .tex import split_names, to_text

ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})(v\d+)?")


@dataclass(frozen=True)
class BibEntry:
    """One work. `fields` are the values as written; the properties are plain Unicode text (escape before
    display)."""

    key: str
    type: str
    fields: dict[str, str]
    line: int
    lines: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        return to_text(self.fields.get("title", ""))

    @property
    def names(self) -> list[tuple[str, str]]:
        """(last, first) of each author; ("others", "") where the list goes on, (name, "") for a group."""
        split = []
        for name in split_names(self.fields.get("author", "")):
            last, _, first = name.partition(",")
            split.append((to_text(last), to_text(first)))
        return split

    @property
    def authors(self) -> list[str]:
        """ "First Last" of each author; "others" where the list goes on."""
        return [f"{first} {last}".strip() for last, first in self.names]

    @property
    def year(self) -> int | None:
        text = self.fields.get("year", "")
        return int(text) if re.fullmatch(r"\d{4}", text) else None

    @property
    def venue(self) -> str:
        """The short name (CVPR); the full one where no short one is given."""
        for name in ("venue", "booktitle", "journal"):
            if self.fields.get(name):
                return to_text(self.fields[name])
        return ""

    @property
    def arxiv(self) -> str | None:
        eprint = self.fields.get("eprint", "")
        archive = self.fields.get("archiveprefix", "arXiv").lower()
        return eprint if archive == "arxiv" and ARXIV.fullmatch(eprint) else None

    @property
    def doi(self) -> str | None:
        return self.fields.get("doi") or None

    @property
    def url(self) -> str | None:
        """Where to read it: the stated url, else arXiv, else the DOI. Only http and https."""
        if _web(self.fields.get("url")):
            return self.fields["url"]
        if self.arxiv:
            return f"https://arxiv.org/abs/{self.arxiv}"
        return f"https://doi.org/{self.doi}" if self.doi and re.fullmatch(r"10\.\S+", self.doi) else None

    @property
    def code(self) -> str | None:
        return self.fields["code"] if _web(self.fields.get("code")) else None

    @property
    def slug(self) -> str | None:
        return self.fields.get("slug") or None

    @property
    def family(self) -> str | None:
        return self.fields.get("family") or None

    def to_bibtex(self, own_fields: bool = False) -> str:
        """The entry as BibTeX, without the atlas's own fields (slug, family, venue, code) unless asked
        for."""
        skip = () if own_fields else ("slug", "family", "venue", "code")
        rows = [f"  {name} = {{{value}}}," for name, value in self.fields.items() if name not in skip]
        return "\n".join([f"@{self.type}{{{self.key},", *rows, "}"])


def _web(url: str | None) -> bool:
    return bool(url) and re.fullmatch(r"https?://[^\s<>\"'\\]+", url) is not None


def read(text: str, file: str = "papers.bib") -> tuple[dict[str, BibEntry], list[Problem]]:
    """Entries by key (the first of a repeated key wins), and what is wrong with the file's form."""
    raws, faults = bib_parser.parse(text)
    problems = [Problem(file, line, message, "mend the entry by hand") for line, message in faults]
    entries: dict[str, BibEntry] = {}
    for raw in raws:
        for name, line in raw.repeated:
            problems.append(Problem(file, line, f"{raw.key} states {name!r} twice", "keep one of the two"))
        if raw.key in entries:
            first = entries[raw.key].line
            message = f"the key {raw.key!r} is already used on line {first}"
            problems.append(Problem(file, raw.line, message, "delete the duplicate, or give it another key"))
            continue
        entries[raw.key] = BibEntry(raw.key, raw.type, raw.fields, raw.line, raw.lines)
    return entries, problems


class BibError(ValueError):
    """The bibliography cannot be read; one line per fault."""


def load(path: Path) -> dict[str, BibEntry]:
    """The entries of a bibliography by key, in file order.

    Raises:
        BibError: an entry cannot be parsed, or a key or field is repeated (each with file, line and remedy).
    """
    entries, problems = read(Path(path).read_text(encoding="utf-8"), Path(path).name)
    if problems:
        raise BibError("\n".join(map(str, problems)))
    return entries
