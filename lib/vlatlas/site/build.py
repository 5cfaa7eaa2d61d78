"""Build the site: python -m vlatlas.site.build

Jupyter Book with nitpicky references and warnings as errors; then our own check of links and of what pages load, and the
theme's style sheets without the rules that no page needs.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from .. import paths
from . import lean, links, once

STALE, WARNED = 3, 4  # how `vlatlas.site.book` ends: not begun, as the table of contents is stale; done, with warnings


def build(root: Path, output: Path | None = None) -> int:
    """Build `root` into `output`/_build/html (default: `root`). Returns the exit status."""
    html = ((output or root) / "_build" / "html").resolve()
    unfinished = html.parent / ".unfinished"  # a killed build may leave half a page that looks up to date
    anew = ["--all"] if unfinished.exists() else []
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    unfinished.touch()
    command = [sys.executable, "-m", "vlatlas.site.book", str(root.resolve()), str(html), *anew]
    once.rare_collections()
    status = subprocess.run(command, check=False).returncode
    if status in (0, WARNED) or (status == STALE and not anew):  # no page is half written
        unfinished.unlink(missing_ok=True)
    if status:
        return 1
    found = links.pages(html)
    for title, faults in (("broken links", links.broken(html, found)), ("loaded from elsewhere", links.external(html, found))):
        if faults:
            print(f"{title}:", *faults[:50], sep="\n  ", file=sys.stderr)
            status = 1
    lean.trim_styles(html, {name for page in found.values() for name in (*page.classes, *page.anchors)})
    print(f"{len(found)} pages: {html / 'index.html'}")
    return status


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.site.build", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, help="write _build below this folder in place of the checkout")
    given = parser.parse_args(arguments)
    return build(paths.root(), given.output)


if __name__ == "__main__":
    sys.exit(main())
