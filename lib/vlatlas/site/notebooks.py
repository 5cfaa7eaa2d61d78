"""Notebooks for readers and teachers: executed copies, an archive without solutions, the table of lessons."""

import io
import json
import re
import zipfile
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

from ..repro.recording import measured_text
from .catalogue import minutes
from .claims import shown_records
from .elements import make
from .overlay import digest, executed
from .parts import badge, page_of, paper_link, paragraph, table, to_page
from .state import atlas

SOLUTION = re.compile(r"^(`{3,}|:{3,})\{solution[^\n]*\n.*?^\1[ \t]*$\n?", re.M | re.S)
EXERCISE = re.compile(r"^(?:`{3,}|:{3,})\{exercise\b", re.M)
ARCHIVE = "data/notebooks-without-solutions.zip"


def without_solutions(notebook: dict) -> dict:
    """The notebook with its solutions and outputs taken out; cells that held only a solution go too."""
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            kept = SOLUTION.sub("", source)
            if kept.strip() or not source.strip():
                cells.append(cell | {"source": kept})
        else:
            cells.append(cell | {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell)
    return notebook | {"cells": cells}


def download(root: Path, slug: str) -> str | None:
    """Where the site keeps the executed notebook of a paper; None where only a smoke run, or none, exists."""
    profile, _ = executed(root, slug)
    return f"/data/notebooks/{slug}.ipynb" if profile not in (None, "smoke") else None


def write(app, exception) -> None:
    """Write the executed notebooks and the archive for classes after an HTML build that succeeded."""
    if exception or app.builder.format != "html":
        return
    root, out = Path(app.srcdir), Path(app.outdir)
    papers = [p for p in atlas(app).papers.values() if p.notebook.is_file()]
    stamp = digest([path for p in papers for path in (p.notebook, executed(root, p.slug)[1]) if path]).encode()
    if _stamp(out / ARCHIVE) == stamp:
        return
    folder = out / "data" / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = stamp  # of what it was made from
        for paper in papers:
            text = paper.notebook.read_text(encoding="utf-8")
            bare = json.dumps(without_solutions(json.loads(text)), ensure_ascii=False, indent=1)
            archive.writestr(zipfile.ZipInfo(f"notebooks/{paper.slug}.ipynb", (2020, 1, 1, 0, 0, 0)), bare)
            if download(root, paper.slug):
                (folder / f"{paper.slug}.ipynb").write_bytes(executed(root, paper.slug)[1].read_bytes())
    (out / ARCHIVE).write_bytes(buffer.getvalue())


def _stamp(archive: Path) -> bytes:
    try:
        with zipfile.ZipFile(archive) as made:
            return made.comment
    except (OSError, zipfile.BadZipFile):
        return b""  # none yet, or half of one


class Lessons(SphinxDirective):
    """{lessons}: every notebook, with the minutes its record took, its exercises and its verdict."""

    def run(self):
        found, rows = atlas(self.env.app), []
        for paper in (p for p in found.papers.values() if p.status == "notebook"):
            self.env.note_dependency(str(paper.notebook))
            cells = json.loads(paper.notebook.read_text(encoding="utf-8"))["cells"]
            exercises = sum(len(EXERCISE.findall("".join(c["source"]))) for c in cells if c["cell_type"] == "markdown")
            cost = minutes(paper)
            took = f"{max(1, round(cost[0]))} ({cost[1]})" if cost else "not run"
            links = [paper_link(found, paper.slug), to_page("notebook", page_of(paper.slug, "reproduce"))]
            rows.append([links[0], paper.family, links[1], took, str(exercises), badge(paper.verdict)])
        if not rows:
            return [paragraph("No notebook yet.")]
        archive = make("a", "All notebooks without solutions (zip)", href="/" + ARCHIVE, download=True)
        return [table(["paper", "family", "notebook", "minutes", "exercises", "verdict"], rows), paragraph(archive)]


class Knobs(SphinxDirective):
    """{knobs}: what every notebook's controls turn, what that did in its record, and whether it went as it should."""

    def run(self):
        rows = []
        for paper in (p for p in atlas(self.env.app).papers.values() if p.status == "notebook" and p.data):
            record = next(iter(shown_records(paper).values()), None)
            seen = {c["id"]: c for c in record.controls} if record else {}
            for control in paper.data["controls"]:
                row = seen.get(control["id"])
                outcome = {True: "✓ as it should", False: "✗ not so here"}.get(row["passed"] if row else None, "not run")
                link = to_page(paper.name, page_of(paper.slug, "reproduce"))
                rows.append([link, control["says"], measured_text(row) if row else "–", outcome])
        return [table(["notebook", "the knob, and what should come of it", "measured", "outcome"], rows)] if rows else []
