"""The bibliography once more, with bibtexparser: what our reader finds must be what other programs will find."""

from ..catalogue import Catalogue
from ..problems import Problem

FILE = "papers.bib"
REMEDY = "write the entry plainly (balanced braces, one field a line, no @string), so that every reader agrees"


def check(catalogue: Catalogue) -> list[Problem]:
    """Entries and fields on which bibtexparser disagrees with our reader, which gives the line numbers."""
    import bibtexparser
    from bibtexparser.bparser import BibTexParser

    text = (catalogue.root / FILE).read_text(encoding="utf-8")
    parser = BibTexParser(common_strings=True, ignore_nonstandard_types=False)
    theirs = {e["ID"]: e for e in bibtexparser.loads(text, parser).entries}
    problems = [
        Problem(FILE, 0, f"bibtexparser reads an entry {key!r} that we do not", REMEDY) for key in theirs.keys() - catalogue.bib
    ]
    for key, entry in catalogue.bib.items():
        if key not in theirs:
            problems.append(Problem(FILE, entry.line, f"{key}: bibtexparser cannot read the entry", REMEDY))
            continue
        for name, value in entry.fields.items():
            if _plain(theirs[key].get(name, "")) != _plain(value):
                line = entry.lines.get(name, entry.line)
                problems.append(Problem(FILE, line, f"{key}: bibtexparser reads {name!r} otherwise", REMEDY))
    return problems


def _plain(text: str) -> str:
    return " ".join(text.split())
