"""Every finished paper loses its verdict when its own idea is taken away, and that was measured."""

from ..catalogue import Catalogue, Paper
from ..errors import NotebookError
from ..mutations import FOLDER, PROFILE, MutationError, declared, read_outcome, surviving
from ..problems import Problem
from ..records import RecordError
from ..sources import Sources


def check(catalogue: Catalogue) -> list[Problem]:
    """Finished papers (a notebook and a committed cpu record) without a mutation that is fresh and caught; none in a
    checkout that has no such suite."""
    if not (catalogue.root / FOLDER).is_dir():
        return []
    sources = Sources()
    finished = (p for p in catalogue.papers.values() if p.status == "notebook" and p.data and PROFILE in p.records)
    return [problem for paper in finished for problem in _paper(paper, sources)]


def _paper(paper: Paper, sources: Sources) -> list[Problem]:
    file = f"{FOLDER}/mutations/{paper.slug}.py"
    remedy = "see the guide's page on trust"
    try:
        mutations, independent = declared(paper)
        broken = [read_outcome(mutation, sources) for mutation in mutations]
    except (MutationError, RecordError, NotebookError) as error:
        return [Problem(file, 0, str(error), remedy)]
    mend = "make the claim's check or control depend on the idea, or mutate what it rests on"
    return [Problem(file, 0, f"{paper.slug}: {text}", mend) for text in surviving(paper, broken, independent)]
