"""The catalogue: every paper of the atlas, derived from `papers.bib`, the folders, and the records. No list
is kept."""

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

from .. import paths
from . import frontmatter
from .bib import BibEntry, read
from .cache import Cache
from .problems import Problem, did_you_mean
from .records import Record, RecordError
from .vocabulary import FAMILIES, HEADLINE_ORDER, PROFILES, SLUG


class UnknownPaper(KeyError):
    """No such paper; the message is one line with near matches."""

    def __str__(self) -> str:
        return self.args[0]


@dataclass(eq=False)
class Paper:
    """One surveyed work. `data` is the validated front matter as plain data (None: no page, or not valid)."""

    slug: str
    root: Path
    bib: BibEntry | None = None
    data: dict | None = None
    lines: dict = field(default_factory=dict, repr=False)

    @functools.cached_property
    def folder(self) -> Path:
        return self.root / "book" / "papers" / self.slug

    @functools.cached_property
    def page(self) -> Path:
        return self.folder / "index.md"

    @functools.cached_property
    def notebook(self) -> Path:
        return self.folder / "reproduce.ipynb"

    @property
    def name(self) -> str:
        """The short display name; before it has a page, the title's part before a colon if that is short."""
        if self.data:
            return self.data["name"]
        head = self.title.partition(":")[0]
        return head if len(head) <= 24 and head != self.title else self.slug

    @property
    def title(self) -> str:
        return self.bib.title if self.bib else self.slug

    @property
    def family(self) -> str | None:
        return self.data["family"] if self.data else (self.bib.family if self.bib else None)

    @functools.cached_property
    def status(self) -> str:
        """planned (no page), notes (a page), notebook (a page and a notebook)."""
        if not self.page.is_file():
            return "planned"
        return "notebook" if self.notebook.is_file() else "notes"

    @functools.cached_property
    def front(self):
        """The typed front matter (`vlatlas.repro.front.PaperFront`), or None."""
        if self.data is None:
            return None
        from .front import PaperFront

        return PaperFront.model_validate(self.data)

    @functools.cached_property
    def _found(self) -> tuple[dict[str, Record], dict[str, Record], list[str]]:
        kept, local, faults = {}, {}, []
        here, runs = self.folder / "records", self.root / "_build" / "runs"
        if not here.is_dir() and not runs.is_dir():
            return kept, local, faults  # most papers of a fresh checkout
        for profile in PROFILES:
            for held, path in (
                (kept, here / f"{profile}.json"),
                (local, runs / profile / self.slug / "record.json"),
            ):
                try:
                    record = Record.read(path)
                    if (record.slug, record.profile) != (self.slug, profile):
                        raise RecordError(f"{path} is {record.slug}'s ({record.profile}); move it to its place")
                    held[profile] = record
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except (RecordError, OSError) as error:
                    faults.append(str(error))
        return kept, local, faults

    @property
    def records(self) -> dict[str, Record]:
        """The committed records: profile -> record."""
        return self._found[0]

    @property
    def runs(self) -> dict[str, Record]:
        """The records of the runs on this machine: profile -> record."""
        return self._found[1]

    @property
    def record_faults(self) -> list[str]:
        """Records that could not be read, as messages."""
        return self._found[2]

    def headline_record(self) -> Record | None:
        """The record that speaks for the paper: the most thorough profile, committed before local; never
        smoke."""
        for profile in HEADLINE_ORDER:
            for held in (self.records, self.runs):
                record = held.get(profile)
                if record and record.sealed and not record.own_parameters:
                    return self.judged(record)
        return None

    def judged(self, record: Record) -> Record:
        """A record under the page's present claims (the measurements stay; the verdicts follow the page)."""
        return record.rejudged(self.data["claims"], self.data["controls"]) if self.data else record

    @property
    def verdict(self) -> str | None:
        record = self.headline_record()
        return record.verdict if record else None


@dataclass
class Catalogue:
    """All papers by slug, in the order of families and then of years; the whole bibliography; what is
    wrong."""

    root: Path
    papers: dict[str, Paper]
    bib: dict[str, BibEntry]
    problems: list[Problem]

    def __getitem__(self, slug: str) -> Paper:
        """The paper of a slug. Raises UnknownPaper with near matches."""
        if slug in self.papers:
            return self.papers[slug]
        guess = did_you_mean(slug, self.papers)
        shown = slug if len(slug) <= 60 else slug[:57] + "..."
        raise UnknownPaper(f"no paper {shown!r}" + (f"; {guess}" if guess else "; `vlatlas list` shows all"))

    def of_family(self, family: str) -> list[Paper]:
        return [p for p in self.papers.values() if p.family == family]


def load(root: Path | None = None) -> Catalogue:
    """Read the bibliography and every page. Faults are collected in `problems`, not raised."""
    root = Path(root) if root else paths.root()
    cache = Cache(root / "_build" / ".cache" / "catalogue.json")
    bib, problems = _bibliography(root, cache)
    papers: dict[str, Paper] = {}
    for entry in bib.values():
        if entry.slug and entry.slug not in papers and re.fullmatch(SLUG, entry.slug):
            papers[entry.slug] = Paper(entry.slug, root, entry)
    folders = root / "book" / "papers"
    for folder in sorted(p for p in folders.iterdir() if p.is_dir()) if folders.is_dir() else ():
        if not re.fullmatch(SLUG, folder.name):
            message = f"the folder name {folder.name!r} is not a slug"
            problems.append(Problem(paths.relative(folder, root), 0, message, "use a-z, 0-9, '-' and '.'"))
            continue
        paper = papers.setdefault(folder.name, Paper(folder.name, root))
        if paper.page.is_file():
            problems += _read_page(paper, bib, cache)
        elif any(folder.iterdir()):
            name = paths.relative(paper.page, root)
            problems.append(Problem(name, 0, "the folder has no index.md", f"write it, or: vlatlas new {paper.slug}"))
    cache.save()
    return Catalogue(root, dict(sorted(papers.items(), key=_order)), bib, problems)


def _order(item: tuple[str, Paper]) -> tuple:
    slug, paper = item
    family = FAMILIES.index(paper.family) if paper.family in FAMILIES else len(FAMILIES)
    return family, (paper.bib.year if paper.bib else None) or 9999, slug


def _bibliography(root: Path, cache: Cache) -> tuple[dict[str, BibEntry], list[Problem]]:
    path = root / "papers.bib"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Problem("papers.bib", 0, f"cannot be read ({error})", "restore it, as UTF-8")]

    def make():
        entries, problems = read(text)
        return [[vars(e) for e in entries.values()], [p.as_dict() for p in problems]]

    entries, problems = cache.get("bib", text, make)
    return {e["key"]: BibEntry(**e) for e in entries}, [Problem(**p) for p in problems]


def _read_page(paper: Paper, bib: dict[str, BibEntry], cache: Cache) -> list[Problem]:
    file = paths.relative(paper.page, paper.root)
    try:
        text = paper.page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(file, 0, f"cannot be read ({error})", "save it as UTF-8")]

    def make():
        from .validate import read_front

        data, lines, problems = read_front(text, file)
        return [data, [[list(path), line] for path, line in lines.items()], [p.as_dict() for p in problems]]

    head, _ = frontmatter.split(text)  # an edit below it costs no validation
    data, lines, problems = cache.get(f"page {file}", repr(head), make)
    paper.data, paper.lines = data, {tuple(path): line for path, line in lines}
    if data and paper.bib is None:
        paper.bib = bib.get(data["bib"])
    return [Problem(**p) for p in problems]
