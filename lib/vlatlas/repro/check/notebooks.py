"""Notebooks: stored without outputs, with a parameters cell, the expected sections, and one call that
records."""

import ast
import re
from pathlib import Path

from ...paths import relative
from ..catalogue import Catalogue, Paper
from ..problems import Problem
from ..sources import MACHINERY, Sources, parameters_of, read_cells, source_of, tags_of
from ..vocabulary import RESERVED

SECTIONS = ("data", "method", "experiment", "figure", "verdict", "exercise")


def check(catalogue: Catalogue) -> list[Problem]:
    """Problems of every paper's notebook."""
    sources = Sources()
    problems = []
    for paper in catalogue.papers.values():
        if paper.notebook.is_file():
            problems += _notebook(paper, relative(paper.notebook, catalogue.root), sources)
    return problems


def _notebook(paper: Paper, file: str, sources: Sources) -> list[Problem]:
    try:
        cells = read_cells(paper.notebook)
    except ValueError:
        return [Problem(file, 0, "the file is not a notebook", "restore it, or write it anew: vlatlas new")]
    line = _Lines(paper.notebook).line
    problems = []
    for index, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        if cell.get("outputs") or cell.get("execution_count") is not None:
            message = f"cell {index + 1} is stored with outputs"
            problems.append(Problem(file, line(cell), message, "clear all outputs and save"))
        problems += [Problem(file, line(cell), f"cell {index + 1}: {m}", r) for m, r in _code(source_of(cell), sources)]
    tagged = [c for c in cells if "parameters" in tags_of(c) and c["cell_type"] == "code"]
    if len(tagged) != 1:
        message = "no cell is tagged `parameters`" if not tagged else f"{len(tagged)} cells are tagged `parameters`"
        problems.append(Problem(file, line(tagged[1]) if tagged else 0, message, "tag one cell that sets the defaults"))
    else:
        missing = [name for name in RESERVED if name not in (parameters_of(cells) or {})]
        if missing:
            message = f"the parameters cell does not set {', '.join(missing)}"
            problems.append(Problem(file, line(tagged[0]), message, "set profile, seeds and device there"))
    problems += _sections(cells, file) + _citations(cells, file, line)
    return problems + _records(cells, paper.slug, file, line)


def _code(source: str, sources: Sources) -> list[tuple[str, str]]:
    plain = "\n".join("" if row.lstrip().startswith(("%", "!", "?")) else row for row in source.split("\n"))
    try:
        tree = ast.parse(plain)
    except (SyntaxError, ValueError) as error:
        return [(f"not Python ({error})", "correct it")]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            parts = name.split(".")
            if parts[0] == "vlatlas" and sources.file(name) is None and not set(parts[1:2]) & set(MACHINERY):
                found.append((f"the library has no module {name}", "correct the import"))
    return found


def _sections(cells: list[dict], file: str) -> list[Problem]:
    heads = [
        row
        for cell in cells
        if cell["cell_type"] == "markdown"
        for row in source_of(cell).split("\n")
        if re.match(r"#{1,3} ", row)
    ]
    if not heads or not heads[0].startswith("# ") or not heads[0].endswith("?"):
        message = "the notebook does not begin with its question"
        return [Problem(file, 0, message, "begin with a title that asks it: '# FLIP: does dropping patches pay?'")]
    position, missing = 1, []
    for word in SECTIONS:
        places = [i for i, head in enumerate(heads) if i >= position and word in head.lower()]
        if places:
            position = places[0] + 1
        else:
            missing.append(word)
    if not missing:
        return []
    order = ", ".join(SECTIONS)
    message = f"no heading with {', '.join(map(repr, missing))} at its place"
    return [Problem(file, 0, message, f"headings must hold these words in this order: {order}")]


def _citations(cells: list[dict], file: str, line) -> list[Problem]:
    texts = [cell for cell in cells if cell["cell_type"] == "markdown"]
    if any("{footbibliography}" in source_of(cell) for cell in texts):
        return []
    message = "a citation has no list to point to, and the site would not build"
    remedy = "name the paper by its link, {paper}`slug`, and cite on its page"
    return [Problem(file, line(cell), message, remedy) for cell in texts if "{footcite" in source_of(cell)]


def _records(cells: list[dict], slug: str, file: str, line) -> list[Problem]:
    calls = []
    for cell in cells:
        if cell["cell_type"] == "code":
            try:
                tree = ast.parse(source_of(cell))
            except (SyntaxError, ValueError):
                continue  # reported by _code
            calls += [(cell, node) for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_record(node)]
    if len(calls) != 1:
        message = f"repro.record(...) is called {len(calls)} times, not once"
        return [Problem(file, 0, message, f'end the notebook with repro.record("{slug}", metrics, figure=fig)')]
    cell, call = calls[0]
    first = call.args[0] if call.args else None
    if not (isinstance(first, ast.Constant) and first.value == slug):
        return [
            Problem(
                file,
                line(cell),
                "repro.record(...) does not name this paper",
                f'write repro.record("{slug}", ...)',
            )
        ]
    return []


def _is_record(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and ast.unparse(node.func).endswith("repro.record")


class _Lines:
    """The line on which a cell begins in the notebook's file, found by its id."""

    def __init__(self, path: Path):
        self.rows = path.read_text(encoding="utf-8").split("\n")

    def line(self, cell: dict) -> int:
        wanted = f'"id": "{cell.get("id")}"'
        return next((i for i, row in enumerate(self.rows, start=1) if wanted in row), 0)
