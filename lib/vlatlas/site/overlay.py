"""Executed notebooks in place of the stored ones, and which pages a new run makes stale."""

import hashlib
import json
from pathlib import Path

from ..repro.vocabulary import HEADLINE_ORDER
from .state import atlas, slug_of

BANNERS = {
    "smoke": "**Smoke run.** What stands below proves that the notebook runs; its numbers are no result.",
    None: "**Not run here yet.** The cells stand without outputs; to fill them: `make reproduce PAPER={slug}`.",
}


def executed(root: Path, slug: str) -> tuple[str | None, Path | None]:
    """(profile, executed notebook) to show: the most thorough run on this machine, smoke last."""
    for profile in (*HEADLINE_ORDER, "smoke"):
        path = root / "_build" / "runs" / profile / slug / "reproduce.ipynb"
        if path.is_file():
            return profile, path
    return None, None


def overlay(app, docname: str, source: list[str]) -> None:
    """On reading a notebook page: swap in the executed copy, with a banner where it is no result."""
    slug = slug_of(docname)
    if slug is None or not docname.endswith("/reproduce"):
        return
    profile, path = executed(Path(app.srcdir), slug)
    text = path.read_text(encoding="utf-8") if path else source[0]
    notebook = json.loads(text)
    banner = BANNERS.get(profile)
    if banner:
        cell = {
            "cell_type": "markdown", "id": "atlas-banner", "metadata": {},
            "source": f"{{.smoke-banner}}\n{banner.format(slug=slug)}",
        }  # fmt: skip
        notebook["cells"].insert(1, cell)
    notebook["metadata"].pop("papermill", None)
    for cell in notebook["cells"]:
        cell["metadata"].pop("papermill", None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("hide-cell")
    source[0] = json.dumps(notebook)


def fingerprint(root: Path, docname: str, everything: str, existing: str) -> str:
    """A digest of what a page shows besides its own text: records and runs of its paper and which papers have pages
    (links to the others are plain text); on pages that belong to no paper, whatever tables may show of any paper."""
    slug = slug_of(docname)
    return everything if slug is None else digest(_inputs(root, slug)) + existing


def shown(paper) -> list:
    """What tables show of a paper besides what its records say: an edit of its text alone changes none of it."""
    return [paper.slug, paper.name, paper.family, paper.status, paper.data, paper.bib and paper.bib.fields]


def _inputs(root: Path, slug: str) -> list[Path]:
    records = sorted((root / "book" / "papers" / slug / "records").glob("*"))
    runs = sorted((root / "_build" / "runs").glob(f"*/{slug}/*.*"))
    return [*records, *runs]


def digest(paths: list[Path]) -> str:
    """A digest of files by name, size and time."""
    h = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        h.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return h.hexdigest()


def outdated(app, env, added, changed, removed) -> list[str]:
    """Pages whose records, runs or tables are not those of the last build."""
    root, papers = Path(app.srcdir), atlas(app).papers.values()
    results = digest([path for paper in papers for path in _inputs(root, paper.slug) if path.is_file()])
    everything = results + hashlib.sha256(json.dumps([shown(p) for p in papers], default=str).encode()).hexdigest()
    existing = ",".join(p.slug for p in papers if p.page.is_file())
    now = {doc: fingerprint(root, doc, everything, existing) for doc in env.found_docs}
    before = getattr(env, "vlatlas_inputs", {})
    env.vlatlas_inputs = now
    return [doc for doc, digest in now.items() if doc in before and before[doc] != digest]
