"""Every text of a page's front matter and of the bibliography, hostile at once: script and style stay text."""

import importlib.util
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vlatlas.site.answers import chromium

CHROMIUM = chromium()
ATTACKS = (
    "<script>alert(1)</script>",
    "<style>body{display:none}</style>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "</script><script>alert(1)</script>",
    "<b onclick=alert(1) style=color:red>",
)
TEXTS = ("says", "value", "where", "tolerance", "shows", "alt", "tldr", "tldr_zh", "name")
EVERYTHING = "# Front\n\n" + "".join(
    f"```{{{name}}}\n```\n\n"
    for name in ("catalogue", "scoreboard", "timeline", "lineage", "lineage-table", "atlas-map", "task-paths", "works")
)
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]


def attack(i: int) -> str:
    return ATTACKS[i % len(ATTACKS)] + f"[m{i}](javascript:alert({i}))"


def change(text: str) -> str:
    """An attack at the front of every text of the front matter; the bodies of folded texts and lists too."""
    head, body = text.split("\n---\n", 1)
    lines, count, folded = head.split("\n"), 0, False
    for k, line in enumerate(lines):
        field = re.match(r"( *(?:- )?)(\w+): (.*)$", line)
        if field and field[2] in TEXTS and field[3] in (">-", "|"):
            folded = True
        elif folded:
            indent = len(line) - len(line.lstrip())
            lines[k], folded, count = line[:indent] + attack(count) + line[indent:], False, count + 1
        elif field and field[2] in TEXTS and field[3].startswith('"'):
            lines[k], count = f'{field[1]}{field[2]}: "{attack(count)}{field[3][1:]}', count + 1
        elif re.match(r' +- "', line):
            lines[k], count = line.replace('- "', f'- "{attack(count)}', 1), count + 1
    lines = [re.sub(r"(tasks|modalities): \[", rf"\1: ['{ATTACKS[2]}', ", line) for line in lines]
    assert count > 12, "too few fields were found to be a test"
    return "\n".join(lines) + "\n---\n" + body


def change_bib(text: str) -> str:
    """The same in titles, authors and venues; addresses that are scripts."""
    text = re.sub(r"(title|booktitle|journal|venue) = \{", lambda m: m[0] + ATTACKS[0] + ATTACKS[2], text)
    text = re.sub(r"author = \{", lambda m: m[0] + "<script>alert(9)</script>, Ann and ", text)
    return re.sub(r"(code|url) = \{[^}]*\}", r"\1 = {javascript:alert(1)}", text)


class Dangers(HTMLParser):
    """Elements and attributes that carry the attacks' script or style; how many attacks stand as text."""

    def __init__(self):
        super().__init__()
        self.found, self.shown, self.inside = [], 0, None

    def handle_starttag(self, tag, attributes):
        self.inside = tag if tag in ("script", "style") else None
        for name, value in attributes:
            value = (value or "").strip().lower()
            scripted = value.startswith(("javascript:alert", "data:text/html"))
            if (name.startswith("on") and "alert" in value) or scripted or "color:red" in value:
                self.found.append((tag, name, value))

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        attacked = re.search(r"alert\(\d+\)|display:none\}", data)
        if attacked and self.inside:
            self.found.append((self.inside, data[:80], ""))
        self.shown += bool(attacked and not self.inside)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> list[Path]:
    """The pages of a book of one paper all of whose fields attack."""
    spec = importlib.util.spec_from_file_location("small_book", Path(__file__).with_name("small.py"))
    small = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(small)
    book = small.small_book(tmp_path_factory.mktemp("hostile"), change, change_bib)
    (book / "book/index.md").write_text(EVERYTHING, encoding="utf-8")
    small.jupyter_book(book)
    return small.pages(book)


def test_script_and_style_from_any_field_stay_text(hostile):
    shown = 0
    for path in hostile:
        dangers = Dangers()
        dangers.feed(path.read_text(encoding="utf-8"))
        assert dangers.found == [], path
        shown += dangers.shown
    assert shown > 30, "the attacks reached the pages, as text"


@pytest.mark.parametrize("danger", ["<p onclick='alert(1)'>", "<style>b{display:none}</style>", "<script>alert(1)</script>"])
def test_the_search_for_dangers_finds_them(danger):
    dangers = Dangers()
    dangers.feed(danger)
    assert dangers.found


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)")
def test_a_browser_runs_none_of_it(hostile):
    playwright = pytest.importorskip("playwright.sync_api")
    ran, faults = [], []
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.on("dialog", lambda d: (ran.append(d.message), d.dismiss()))
        page.on("pageerror", lambda e: faults.append(str(e)))
        for path in (p for p in hostile if p.stat().st_size > 1000):  # not the line that leads to the front door
            page.goto(path.as_uri())
            page.wait_for_load_state("load")
            assert page.locator("body").is_visible(), "no style of a field hid the page"
        page.goto(next(p for p in hostile if p.match("book/index.html")).as_uri())
        page.fill("#atlas-q", "alert")  # the words and summaries of papers, as a script
        page.wait_for_function("window.atlasWords")
        page.locator("table[data-filters] tbody th a").first.hover()  # a card of title and summary
        page.locator("[role=tooltip]").wait_for()
        page.locator("table[data-filters] tbody th a").first.focus()
        browser.close()
    assert ran == [] and faults == []
