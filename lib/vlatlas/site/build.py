"""Build the site: python -m vlatlas.site.build

Jupyter Book with nitpicky references and warnings as errors; then our own check of links and of what pages load.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from .. import paths
from ..repro import catalogue, toc
from .links import broken, external


def build(root: Path, output: Path | None = None) -> int:
    """Build `root` into `output`/_build/html (default: `root`). Returns the exit status."""
    if stale := toc.check(catalogue.load(root)):
        print(*stale, sep="\n", file=sys.stderr)
        return 1
    where = ["--path-output", str(output)] if output else []
    unfinished = (output or root) / "_build" / ".unfinished"  # a killed build may leave half a page that looks up to date
    anew = ["--all"] if unfinished.exists() else []
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        str(root),
        "-q",
        "-n",
        "-W",
        "--keep-going",
        *anew,
        *where,
    ]
    status = subprocess.run(command, check=False).returncode
    if status:
        return status
    unfinished.unlink(missing_ok=True)
    html = (output or root) / "_build" / "html"
    for title, faults in (("broken links", broken(html)), ("loaded from elsewhere", external(html))):
        if faults:
            print(f"{title}:", *faults[:50], sep="\n  ", file=sys.stderr)
            status = 1
    print(f"{len(list(html.rglob('*.html')))} pages: {html / 'index.html'}")
    return status


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.site.build", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, help="write _build below this folder in place of the checkout")
    given = parser.parse_args(arguments)
    return build(paths.root(), given.output)


if __name__ == "__main__":
    sys.exit(main())
