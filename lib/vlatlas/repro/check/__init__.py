"""`vlatlas check`: everything that can be wrong in bibliography, pages, notebooks, records and table of
contents."""

from pathlib import Path

from .. import catalogue as catalogue_
from .. import toc
from ..problems import Problem
from . import bibliography, mutations, notebooks, pages, records, second_reader


def run(root: Path | None = None) -> list[Problem]:
    """All problems of a checkout, each with file, line and remedy, sorted by place. Nothing is executed or
    fetched."""
    found = catalogue_.load(root)
    problems = [*found.problems]
    if not (found.root / "papers.bib").is_file():
        return problems
    problems += bibliography.check(found)
    if not any(p.file == second_reader.FILE for p in problems):  # a broken file has been reported already, with lines
        problems += second_reader.check(found)
    problems += pages.check(found)
    problems += notebooks.check(found)
    problems += records.check(found)
    problems += mutations.check(found)
    problems += toc.check(found)
    return sorted(set(problems))
