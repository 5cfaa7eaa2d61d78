"""A small book of one paper in a temporary folder, for tests that need a build of their own."""

import re
import subprocess
import sys
from pathlib import Path

from vlatlas import paths
from vlatlas.repro import catalogue, toc

ROOT = paths.root()


def small_book(where: Path, change=lambda text: text, change_bib=lambda text: text) -> Path:
    """FLIP's page, changed by `change`, its family, and the entries that it cites, changed by `change_bib`."""
    flip = (ROOT / "book/papers/flip/index.md").read_text(encoding="utf-8")
    flip = re.sub(r"(builds_on|related): \[.*\]", r"\1: []", flip)
    flip = re.sub(r"\{paper\}`[^`]*`", "another", flip)
    keys = {"li2023flip", *re.findall(r"`([a-z]+\d{4}[a-z0-9]+)`", flip)}
    files = {
        "book/papers/flip/index.md": change(flip),
        "book/index.md": "# Front\n\n```{scoreboard}\n```\n",
        "book/families/training.md": "# Training\n\n```{family-papers} training\n```\n",
        "_config.yml": (ROOT / "_config.yml").read_text(encoding="utf-8"),
    }
    bib = (ROOT / "papers.bib").read_text(encoding="utf-8")
    entries = [e for e in re.split(r"\n(?=@)", bib) if (m := re.match(r"@\w+\{([^,]+),", e)) and m[1] in keys]
    files["papers.bib"] = change_bib("\n".join(entries))
    for name, text in files.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    toc.write(catalogue.load(where))
    return where


def command(where: Path) -> list[str]:
    """The command that builds it, as `make book` does."""
    return [sys.executable, "-c", f"from pathlib import Path; from vlatlas.site.build import build; build(Path({str(where)!r}))"]


def jupyter_book(where: Path) -> None:
    """Build without our own checks."""
    run = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(where), "-q"]
    subprocess.run(run, check=True, capture_output=True)


def pages(where: Path) -> list[Path]:
    """Its HTML pages, not those of the theme."""
    return [p for p in (where / "_build/html").rglob("*.html") if "_static" not in p.parts]
