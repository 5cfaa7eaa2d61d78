"""A notebook as slides in one file: python -m vlatlas.site.slides flip --output flip.html

The file holds the notebook's page as it was built, with its figures, formulas and styles inside: it opens anywhere,
without a network. Arrow keys move; printed, each slide begins a page. The site has one for each notebook, in data/slides/.
"""

import argparse
import base64
import mimetypes
import re
import sys
from html import escape
from pathlib import Path
from urllib.parse import unquote

from .. import paths
from ..repro import atomic, catalogue
from ..repro.vocabulary import SLUG
from .parts import page_of
from .state import atlas

FOLDER = "data/slides"
STATIC = Path(__file__).parent / "static"
ARTICLE = re.compile(r'<article class="bd-article">.*?</article>', re.S)
TITLE = re.compile(r"<title>(.*?)</title>", re.S)
SOURCE = re.compile(r'\ssrc="(?!data:)([^"]+)"')
LINK = re.compile(r'\shref="(?!https?:|#|mailto:)[^"]*"')
BUTTON = '<button type="button" class="slide-start" aria-label="Show this notebook as slides">Slides</button>'
FONT = 'url("atlas-math.woff2")'


def packed(path: Path) -> str:
    """A file as a data address."""
    kind = "font/woff2" if path.suffix == ".woff2" else mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def slides(page: Path) -> str:
    """One HTML file from a built notebook page. Links to other pages of the site become plain text.

    Raises:
        ValueError: the page is not built, or is no page of the book.
    """
    if not page.is_file():
        raise ValueError(f"{page} is not built; run: make book")
    text = page.read_text(encoding="utf-8")
    article = ARTICLE.search(text)
    if article is None:
        raise ValueError(f"{page} holds no article; name the page of a notebook")
    body = SOURCE.sub(lambda m: f' src="{packed(page.parent / unquote(m[1]))}"', LINK.sub("", article[0]))
    root = page.parents[len(Path(page_of("x")).parts) - 1]
    style = (STATIC / "slides.css").read_text(encoding="utf-8") + (root / "_static" / "pygments.css").read_text(encoding="utf-8")
    if "<math" in body:
        style = style.replace(FONT, f'url("{packed(STATIC / "atlas-math.woff2")}")')
    script = (STATIC / "atlas-slides.js").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en" data-theme="light" class="slides-file"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{TITLE.search(text)[1]}</title>\n<style>\n{style}\n</style></head>\n<body>{body}\n<script>\n{script}</script></body></html>\n"
    )


def write(app, exception) -> None:
    """Write the files whose pages are newer than they are, after an HTML build that succeeded."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for paper in (p for p in atlas(app).papers.values() if p.notebook.is_file()):
        page, file = out / f"{page_of(paper.slug, 'reproduce')}.html", out / FOLDER / f"{paper.slug}.html"
        if page.is_file() and not (file.is_file() and file.stat().st_mtime >= page.stat().st_mtime):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(slides(page), encoding="utf-8")


def button(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """On the pages of notebooks: the button of `atlas-slides.js`, and an entry "slides" in the theme's group of downloads."""
    if pagename.endswith("/reproduce") and context.get("body"):
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{BUTTON}", 1)
    for group in context.get("header_buttons", []):
        if group.get("label") == "download-buttons" and pagename.endswith("/reproduce"):
            url = context["pathto"](f"{FOLDER}/{Path(pagename).parent.name}.html", 1)
            entry = {"type": "link", "url": escape(url), "text": "slides", "icon": "fas fa-file"}
            group["buttons"].append(entry | {"tooltip": "Slides in one file", "label": "download-slides-button"})


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.site.slides", description=__doc__.split("\n")[0])
    parser.add_argument("slug", help="the paper whose notebook it is")
    parser.add_argument("--html", type=Path, help="the built site (default: _build/html)")
    parser.add_argument("--output", type=Path, help="the file to write (default: SLUG.html here)")
    given = parser.parse_args(arguments)
    try:
        if not re.fullmatch(SLUG, given.slug):
            raise ValueError(f"{given.slug[:60]!r} is no paper's slug; name one like flip")
        if given.html is None and catalogue.load()[given.slug].status != "notebook":
            raise ValueError(f"{given.slug} has no notebook yet; see: vlatlas list --status notebook")
        page = (given.html or paths.root() / "_build" / "html") / f"{page_of(given.slug, 'reproduce')}.html"
        text = slides(page.resolve())
    except (ValueError, catalogue.UnknownPaper) as error:
        print(error, file=sys.stderr)
        return 1
    output = given.output or Path(f"{given.slug}.html")
    atomic.write_text(output.resolve(), text)
    print(f"{output}: {len(text) / 1e3:.0f} kB; open it in a browser, arrow keys move")
    return 0


if __name__ == "__main__":
    sys.exit(main())
