"""The bibliography: required fields, forms of names and ids, duplicates, families, and unused entries."""

import re

from ..bib import ARXIV, BibEntry
from ..catalogue import Catalogue
from ..problems import Problem, did_you_mean
from ..tex import split_names
from ..vocabulary import FAMILIES, SLUG
from .text import cited_keys

FILE = "papers.bib"
REQUIRED = {
    "inproceedings": ("title", "author", "booktitle", "year"),
    "article": ("title", "author", "journal", "year"),
    "misc": ("title", "author", "year"),
    "book": ("title", "author", "publisher", "year"),
    "incollection": ("title", "author", "booktitle", "publisher", "year"),
    "phdthesis": ("title", "author", "school", "year"),
    "techreport": ("title", "author", "institution", "year"),
}
OPTIONAL = set(
    "archiveprefix code doi edition editor eprint family howpublished isbn month note number organization "
    "pages primaryclass publisher series slug url venue volume".split()
)
KNOWN = OPTIONAL.union(*REQUIRED.values())
LINK = r"https?://[^\s<>\"'\\]+"


def check(catalogue: Catalogue) -> list[Problem]:
    """Problems of all entries, one by one and against each other."""
    problems = []
    for entry in catalogue.bib.values():
        problems += _fields(entry) + _names(entry) + _ids(entry) + _survey(entry)
    return problems + _duplicates(catalogue.bib) + _unused(catalogue)


def _at(entry: BibEntry, name: str, message: str, remedy: str) -> Problem:
    return Problem(FILE, entry.lines.get(name, entry.line), f"{entry.key}: {message}", remedy)


def _fields(entry: BibEntry) -> list[Problem]:
    if entry.type not in REQUIRED:
        guess = did_you_mean(entry.type, REQUIRED) or f"use one of {', '.join(REQUIRED)}"
        return [_at(entry, "", f"the entry type @{entry.type} is unknown", guess)]
    problems = []
    for name in REQUIRED[entry.type]:
        if not entry.fields.get(name):
            problems.append(_at(entry, name, f"@{entry.type} needs the field {name!r}", f"add {name} = {{...}}"))
    for name, value in entry.fields.items():
        if name not in KNOWN:
            guess = did_you_mean(name, KNOWN) or "remove it, or use a standard field"
            problems.append(_at(entry, name, f"the field {name!r} is unknown", guess))
        if not value:
            problems.append(_at(entry, name, f"the field {name!r} is empty", "fill it in, or remove it"))
    if entry.type == "misc" and not (entry.fields.get("eprint") or entry.fields.get("url")):
        problems.append(_at(entry, "", "nothing says where to read it", "add eprint = {...} or url = {...}"))
    return problems


def _names(entry: BibEntry) -> list[Problem]:
    problems = []
    for name in split_names(entry.fields.get("author", "")):
        group = name.startswith("{") and name.endswith("}")
        if not group and name != "others" and not re.fullmatch(r"[^,]+,[^,]+(,[^,]+)?", name):
            message = f"the author {name!r} is not in the form 'Last, First'"
            problems.append(_at(entry, "author", message, "turn it round; put a group's name in braces"))
    return problems


def _ids(entry: BibEntry) -> list[Problem]:
    problems = []
    fields = entry.fields
    if "year" in fields and not (entry.year and 1900 <= entry.year <= 2100):
        problems.append(_at(entry, "year", f"{fields['year']!r} is not a year", "write four digits"))
    if "eprint" in fields:
        if fields.get("archiveprefix", "").lower() != "arxiv":
            problems.append(_at(entry, "eprint", "eprint without archiveprefix = {arXiv}", "add that field"))
        elif not ARXIV.fullmatch(fields["eprint"]):
            message = f"{fields['eprint']!r} is not an arXiv id"
            problems.append(_at(entry, "eprint", message, "write it like 2212.00794 or cs/0112017"))
    for name in ("url", "code"):
        if fields.get(name) and not re.fullmatch(LINK, fields[name]):
            problems.append(_at(entry, name, f"{fields[name]!r} is not a web address", "write https://..."))
    if fields.get("doi") and not re.fullmatch(r"10\.\d{4,9}/\S+", fields["doi"]):
        problems.append(_at(entry, "doi", f"{fields['doi']!r} is not a DOI", "write it like 10.1000/182, without a host"))
    return problems


def _survey(entry: BibEntry) -> list[Problem]:
    """Entries of surveyed papers carry slug, family and a short venue; the others carry neither slug nor
    family."""
    fields = entry.fields
    if "slug" not in fields:
        if "family" in fields:
            return [_at(entry, "family", "a family without a slug", "add slug = {...}, or remove the family")]
        return []
    problems = []
    if not re.fullmatch(SLUG, fields["slug"]):
        problems.append(_at(entry, "slug", f"{fields['slug']!r} is not a slug", "use a-z, 0-9, '-' and '.'"))
    if fields.get("family") not in FAMILIES:
        given = fields.get("family", "")
        guess = did_you_mean(given, FAMILIES) or f"use one of {', '.join(FAMILIES)}"
        problems.append(_at(entry, "family", f"the family {given!r} is unknown", guess))
    if not fields.get("venue"):
        problems.append(_at(entry, "venue", "a surveyed paper needs its short venue", "add venue = {CVPR} or the like"))
    return problems


def _duplicates(bib: dict[str, BibEntry]) -> list[Problem]:
    problems, seen = [], {}
    for entry in bib.values():
        arxiv = (entry.arxiv or "").partition("v")[0]
        for kind, value in (
            ("the arXiv id", arxiv),
            ("the title", re.sub(r"\W+", "", entry.title.lower())),
            ("the slug", entry.slug or ""),
        ):
            if not value:
                continue
            other = seen.setdefault((kind, value), entry)
            if other is not entry:
                name = {"the arXiv id": "eprint", "the title": "title", "the slug": "slug"}[kind]
                message = f"{kind} is also that of {other.key} (line {other.line})"
                problems.append(_at(entry, name, message, "merge the two entries, or correct one"))
    return problems


def _unused(catalogue: Catalogue) -> list[Problem]:
    used = cited_keys(catalogue.root)
    return [
        _at(entry, "", "no page cites it and it is no surveyed paper", "cite it, or remove the entry")
        for entry in catalogue.bib.values()
        if not entry.slug and entry.key not in used
    ]
