"""Committed records: readable, sealed, of this notebook and library, and judged as the page judges today."""

import re

from ...paths import relative
from ..catalogue import Catalogue, Paper
from ..digests import stale
from ..problems import Problem
from ..records import Record, RecordError, summarise
from ..runner import file_digest
from ..sources import Sources
from ..vocabulary import JUDGED_PROFILES


def check(catalogue: Catalogue) -> list[Problem]:
    """Problems of every file in every `records/` folder."""
    problems, sources = [], Sources()
    for paper in catalogue.papers.values():
        folder = paper.folder / "records"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            file = relative(path, catalogue.root)
            stem = path.name.split(".")[0].split("-")[0]
            if path.suffix not in (".json", ".svg", ".png") or stem not in JUDGED_PROFILES:
                message = "no record's file has this name"
                problems.append(Problem(file, 0, message, f"remove it; names are {'|'.join(JUDGED_PROFILES)}.json|svg|png"))
            elif path.suffix == ".json":
                problems += _record(paper, path, file, sources)
            elif not (folder / f"{stem}.json").is_file():
                problems.append(Problem(file, 0, "a figure without its record", "remove it, or keep the run again"))
    return problems


def _record(paper: Paper, path, file: str, sources: Sources) -> list[Problem]:
    again = f"run: vlatlas reproduce {paper.slug} --profile {path.stem}, then vlatlas keep {paper.slug}"
    try:
        record = Record.read(path)
    except (RecordError, OSError) as error:
        return [Problem(file, 0, str(error).replace(str(path), "the record"), again)]
    if not record.sealed:
        return [Problem(file, 0, "changed by hand after the run: its digest does not fit its content", again)]
    if (record.slug, record.profile) != (paper.slug, path.stem):
        return [Problem(file, 0, f"this is the {record.profile} record of {record.slug}", "move it to its place")]
    problems = []
    for name, entry in record["metrics"].items():
        if entry != summarise(entry["values"]):
            line = _line(path, f'"{name}": {{')
            problems.append(Problem(file, line, f"mean or sd of {name!r} do not follow from its values", again))
    for name, digest in record["figures"].items():
        figure = path.parent / record.figure_file(name)
        if not figure.is_file() or file_digest(figure) != digest:
            problems.append(Problem(file, 0, f"the figure {figure.name} is missing or not the one the run drew", again))
    if paper.status != "notebook":
        return [
            *problems,
            Problem(file, 0, "a record without a notebook", "restore the notebook, or remove it"),
        ]
    changed = stale(record, paper.notebook, sources)
    if changed:
        problems.append(Problem(file, 0, f"stale: {' and '.join(changed)} changed since the run", again))
    return problems + (_verdicts(paper, record, path, file) if paper.data else [])


def _verdicts(paper: Paper, record: Record, path, file: str) -> list[Problem]:
    judged, problems = paper.judged(record), []
    page = relative(paper.page, paper.root)
    for index, claim in enumerate(judged.claims):
        if claim.get("problem"):
            line = paper.lines.get(("paper", "claims", index, "check"), 0)
            problems.append(Problem(page, line, f"{claim['id']}: {claim['problem']}", "record it, or correct the check"))
    for index, control in enumerate(judged.controls):
        if control.get("problem"):
            line = paper.lines.get(("paper", "controls", index, "check"), 0)
            problems.append(Problem(page, line, f"{control['id']}: {control['problem']}", "correct the check"))
    for name in ("claims", "controls", "verdict"):
        if judged[name] != record[name]:
            message = f"its {name} are not those of the page any more"
            remedy = f"run: vlatlas keep {paper.slug} --profile {record.profile} --rejudge"
            problems.append(Problem(file, _line(path, f'"{name}":'), message, remedy))
            break
    return problems


def _line(path, start: str) -> int:
    rows = path.read_text(encoding="utf-8").split("\n")
    return next((i for i, row in enumerate(rows, start=1) if re.match(r"\s*" + re.escape(start), row)), 0)
