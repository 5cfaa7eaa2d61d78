"""The site in a real browser: what a reader does, with every request that leaves the machine refused and counted."""

import functools
import http.server
import statistics
import threading
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from vlatlas.site import bundle
from vlatlas.site.answers import FILTER, SEARCH, choices, chromium, searches

CHROMIUM = chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("site"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
]
CATALOGUE, SCOREBOARD = "book/reference/catalogue.html", "book/reference/scoreboard.html"
PAPER, NOTEBOOK = "book/papers/flip/index.html", "book/papers/flip/reproduce.html"
KINDS = {"front": "book/index.html", "catalogue": CATALOGUE, "scoreboard": SCOREBOARD, "paper": PAPER, "notebook": NOTEBOOK}
MORE = {
    "notes": "book/papers/align/index.html",
    "family": "book/families/training.html",
    "timeline": "book/reference/timeline.html",
    "lineage": "book/reference/lineage.html",
    "bibliography": "book/reference/bibliography.html",
    "models": "book/reference/models.html",
    "speed": "book/reference/speed.html",
    "world": "book/reference/world.html",
    "teaching": "book/guide/teaching.html",
    "glossary": "book/guide/glossary.html",
    "trust": "book/guide/trust.html",
    "search": "search.html?q=sigmoid",
    "missing": "404.html",
}
TRAIN = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 50_000}  # ms, bytes a second
OBSERVE = """window.shift = 0; window.moved = [];
new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) {
    window.shift += e.value;
    window.moved.push(e.value.toFixed(4) + ' ' + e.sources.map(s => s.node?.className || s.node?.nodeName).join(', '));
} }).observe({ type: 'layout-shift', buffered: true });"""


@pytest.fixture(scope="module")
def address(site):
    handler = functools.partial(QuietHandler, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing: pytest's output is for tests."""


@pytest.fixture(scope="module")
def running():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(running, address):
    """open_page(path, **context): a page; at the end, no error on the console and no request to elsewhere."""
    contexts, faults, outside = [], [], []

    def refuse(route):
        outside.append(route.request.url)
        route.abort()

    def visit(path: str, base: str = address, **options):
        options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"} | options
        context = running.new_context(**options)
        context.set_default_timeout(60_000)  # a loaded machine is slow, not wrong
        contexts.append(context)
        context.route(lambda url: urlsplit(url).hostname not in ("127.0.0.1", None, ""), refuse)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("response", lambda r: faults.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda e: faults.append(str(e)))
        page.goto(base + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert outside == [], "a page asked another host"
    assert faults == [], "a page reported an error"


def shown(page) -> list[str]:
    return page.locator(
        "table[data-filters] tbody tr:visible th a, table[data-filters] tbody tr:visible th .planned"
    ).all_inner_texts()


def test_the_catalogue_filters_sorts_searches_and_keeps_its_state_in_the_address(open_page):
    page = open_page(CATALOGUE)
    everything = shown(page)
    assert len(everything) > 100
    page.select_option("#atlas-family", "training")
    training = shown(page)
    assert "FLIP" in training and 1 < len(training) < 30
    assert "family=training" in page.url
    page.select_option("#atlas-status", "notebook")
    assert "FLIP" in shown(page) and len(shown(page)) < len(training)
    page.get_by_role("button", name="Show all").click()
    assert shown(page) == everything and "#" not in page.url

    years = page.locator("tbody tr").evaluate_all("rows => rows.map(r => Number(r.dataset.year))")
    page.get_by_role("button", name="Year").click()
    assert page.locator("tbody tr").evaluate_all("rows => rows.map(r => Number(r.dataset.year))") == sorted(years)
    page.get_by_role("button", name="Year").click()
    down = page.locator("tbody tr").evaluate_all("rows => rows.map(r => Number(r.dataset.year))")
    assert down == sorted(years, reverse=True) != years
    assert page.locator("th[data-sort=year]").get_attribute("aria-sort") == "descending"

    page.fill("#atlas-q", "masked autoencoders")  # in FLIP's notes, not in its row
    page.wait_for_function("window.atlasWords && document.querySelector('.atlas-count').textContent.match(/^\\d\\d? of/)")
    assert "FLIP" in shown(page)
    page.fill("#atlas-q", "zzzz")
    assert shown(page) == [] and "Nothing fits" in page.locator("[role=status]").inner_text()
    page.fill("#atlas-q", "图像塔")
    assert "FLIP" in shown(page)


def test_a_filtered_view_can_be_linked(open_page):
    page = open_page(CATALOGUE + "#task=captioning&sort=year&dir=down&q=clip")
    assert page.input_value("#atlas-task") == "captioning" and page.input_value("#atlas-q") == "clip"
    rows = page.locator("tbody tr:visible").evaluate_all("rows => rows.map(r => [r.dataset.task, Number(r.dataset.year)])")
    assert rows and all("captioning" in tasks for tasks, _ in rows)
    assert [y for _, y in rows] == sorted((y for _, y in rows), reverse=True)
    page = open_page("book/index.html")
    link = page.locator("ul.task-paths a").last
    task = link.inner_text()
    link.click()
    page.wait_for_selector("table[data-ready]")
    assert page.input_value("#atlas-task") == task and 2 < len(shown(page)) < 100


def test_filtering_all_papers_takes_less_than_50_ms(open_page):
    times = choices(open_page(CATALOGUE))
    assert len(times) > 10 and statistics.median(times) < FILTER, times


def test_the_catalogue_works_with_the_keyboard_alone(open_page):
    page = open_page(CATALOGUE)
    page.focus("#atlas-q")
    page.keyboard.type("siglip")
    assert "SigLIP" in shown(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "atlas-family"
    page.keyboard.type("loss")
    assert "family=loss" in page.url and shown(page) == ["SigLIP"] or "SigLIP" in shown(page)
    page.get_by_role("button", name="Paper").focus()
    page.keyboard.press("Enter")
    assert "sort=name" in page.url
    assert page.get_by_role("button", name="Paper").evaluate("b => getComputedStyle(b).outlineStyle") != "none"


@pytest.mark.parametrize("path", [CATALOGUE, SCOREBOARD, PAPER])
def test_pages_read_without_scripts(open_page, path):
    page = open_page(path, java_script_enabled=False)
    text = page.locator(".bd-article").inner_text()
    assert "FLIP" in text and len(text) > 1500
    if path == PAPER:
        assert "中文" in text and "TL;DR" in text


@pytest.mark.parametrize("kind", KINDS | MORE)
def test_a_phone_shows_each_kind_of_page_without_scrolling_sideways(open_page, kind):
    page = open_page((KINDS | MORE)[kind], viewport={"width": 360, "height": 740})
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("h1:visible").count() == 1


def test_the_language_is_switched_and_remembered(open_page):
    page = open_page(PAPER)
    english, chinese = page.locator(".tldr.language-en, p.tldr:not([lang=zh])").first, page.locator("p.tldr[lang=zh]")
    assert english.is_visible() and not chinese.is_visible()
    page.get_by_role("button", name="中文").click()
    assert chinese.is_visible() and not english.is_visible()
    page.goto(page.url.replace("flip", "clip"))
    assert page.locator("p.tldr[lang=zh]").is_visible()
    assert page.get_by_role("button", name="中文").get_attribute("aria-pressed") == "true"


def test_dark_mode_changes_the_page_and_is_remembered(open_page):
    page = open_page(PAPER, color_scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    page.evaluate("localStorage.setItem('mode', 'light'); localStorage.setItem('theme', 'light')")
    page.reload()
    light = page.evaluate(colour)
    switch = page.locator("button.theme-switch-button:visible").first
    for _ in range(3):  # light, dark, as the system
        switch.click()
        if page.evaluate("document.documentElement.dataset.mode") == "dark":
            break
    page.wait_for_function(f"{colour} !== '{light}'")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    dark = page.evaluate(colour)
    page.goto(page.url.replace("flip", "clip"))
    assert page.evaluate(colour) == dark


def test_full_text_search_answers_within_100_ms_after_load(open_page):
    page = open_page("search.html")
    found = searches(page)
    assert all(count >= 1 for _, count in found.values()), found
    assert statistics.median(seconds for seconds, _ in found.values()) < SEARCH, found


def test_the_search_puts_the_papers_that_are_about_it_first_and_says_what_they_are(open_page):
    page = open_page("search.html?q=sigmoid")
    page.wait_for_selector("#search-results li a[href*=siglip]")
    first = page.locator("#search-results li").first
    assert first.locator("a").inner_text() == "SigLIP" and "SigLIP" in first.locator("p").inner_text()
    page.goto(page.url.replace("sigmoid", "Bibliography"))
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li a").first.inner_text() == "Bibliography", "asked for by name"


def test_hovering_over_a_paper_or_a_citation_says_what_it_is(open_page):
    page = open_page(PAPER)
    page.locator(".bd-article a[href*='/clipa/index.html']").first.hover()
    card = page.locator("[role=tooltip]")
    card.wait_for()
    assert "CLIPA" in card.inner_text() or "Inverse Scaling" in card.inner_text()
    page.keyboard.press("Escape")
    assert card.count() == 0
    page.locator("a.footnote-reference").first.hover()
    card.wait_for()
    assert "Masked autoencoders" in card.inner_text() or "Masked Autoencoders" in card.inner_text()


def test_the_lineage_shows_the_line_of_a_paper(open_page):
    page = open_page("book/reference/lineage.html#paper=flip")
    assert "FLIP" in page.locator("p[role=status]").inner_text()
    on = page.locator("svg.lineage .node.on").evaluate_all("nodes => nodes.map(n => n.dataset.slug)")
    assert "clip" in on and "flip" in on and len(on) < 60
    page.select_option("#atlas-lineage", "")
    assert page.locator("svg.lineage .node.on").count() == 0


def test_a_notebook_can_be_shown_as_slides(open_page):
    page = open_page(NOTEBOOK)
    page.get_by_role("button", name="Show this notebook as slides").click()
    count = page.locator(".slide-bar [role=status]")
    assert count.inner_text().startswith("1 / ")
    page.keyboard.press("ArrowRight")
    assert count.inner_text().startswith("2 / ") and "slide=2" in page.url
    assert page.locator(".bd-article .cell:visible").count() <= 1
    page.keyboard.press("Escape")
    assert page.locator(".slide-bar").count() == 0 and page.locator(".bd-article .cell:visible").count() > 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_serious_violation(open_page, kind, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(KINDS[kind], color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]  # it would fetch style sheets anew
    serious = [(v["id"], n["html"][:160]) for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"][:3]]
    assert serious == []


@pytest.mark.parametrize("kind", ["paper", "notes"])
def test_a_paper_page_is_light(open_page, site, kind):
    page = open_page("404.html")
    names = []
    page.on("request", lambda request: names.append(urlsplit(request.url).path.lstrip("/")))
    page.goto(page.url.replace("404.html", (KINDS | MORE)[kind]))
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(500)
    files = [site / n for n in set(names) if Path(n).suffix not in (".png", ".svg", ".jpg")]
    weight = sum(f.stat().st_size for f in files)
    assert weight <= 500_000, f"{weight} bytes as they lie on the disk, not compressed"
    assert page.locator(".bd-article img:not([width])").count() == 0, "an image declares no size"
    if kind == "paper":
        assert page.locator("math").count() > 5 and any(n.endswith("atlas-math.woff2") for n in names)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_moves_while_a_page_arrives_slowly(open_page, kind, width):
    page = open_page("404.html", viewport={"width": width, "height": 740})
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    network.send("Network.emulateNetworkConditions", TRAIN)
    page.add_init_script(OBSERVE)
    page.goto(page.url.replace("404.html", KINDS[kind]))
    page.wait_for_load_state("networkidle")
    for k in range(1, 9):
        page.evaluate(f"scrollTo(0, document.body.scrollHeight * {k} / 8)")
        page.wait_for_timeout(100)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shift") < 0.01, page.evaluate("window.moved")


def drawn(page) -> bool:
    """The formulas stand in the font that the site brings, and an index is lower than its letter."""
    page.evaluate("document.fonts.ready")
    return page.evaluate("""() => {
        const pair = document.querySelector("article math msub"), [letter, index] = pair.children;
        const [a, b] = [letter.getBoundingClientRect(), index.getBoundingClientRect()];
        return document.fonts.check("16px 'Atlas Math'") && b.left >= a.left && b.height < a.height;
    }""")


@pytest.fixture(scope="module")
def unpacked(site, tmp_path_factory) -> str:
    """The bundle of the built site, unpacked elsewhere; its address on the disk."""
    folder = tmp_path_factory.mktemp("bundle")
    assert bundle.bundle(site, folder / "site.zip") > 300
    with zipfile.ZipFile(folder / "site.zip") as archive:
        archive.extractall(folder)
    return (folder / "vlatlas-site").as_uri() + "/"


def test_the_bundle_works_from_disk_with_the_network_off(open_page, unpacked):
    page = open_page("index.html", base=unpacked, offline=True)
    page.wait_for_url("**/book/index.html")
    assert page.get_by_role("heading", name="vlatlas").first.is_visible()
    page.goto(unpacked + CATALOGUE + "#family=loss")
    page.wait_for_selector("table[data-ready]")
    assert "SigLIP" in shown(page)
    page.fill("#atlas-q", "sigmoid")
    page.wait_for_function("window.atlasWords")
    assert "SigLIP" in shown(page)
    page.locator("tbody tr:visible th a", has_text="SigLIP").first.click()
    page.wait_for_url("**/siglip/index.html")
    assert drawn(page)
    page.goto(unpacked + "search.html?q=sigmoid")
    page.wait_for_selector("#search-results li a[href*=siglip]")
    page.goto(unpacked + PAPER)
    figure = page.locator("figure.result img").first
    figure.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('figure.result img').naturalWidth > 100")


def test_printed_a_page_is_its_text_alone(open_page):
    page = open_page(PAPER)
    page.emulate_media(media="print")
    for part in (".bd-sidebar-primary", ".bd-header-article", ".neighbours", ".language-switch", ".prev-next-footer", ".copybtn"):
        assert page.locator(part).first.is_hidden(), part
    assert page.locator("p.tldr").first.is_visible() and page.locator("p.tldr[lang=zh]").is_visible(), "both languages"
    box = page.locator("article.bd-article").bounding_box()
    assert box["x"] < 60 and box["width"] > 1100, "the text has the whole sheet"
    black = page.locator(".bd-article p").last.evaluate("p => getComputedStyle(p).color")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), "no dark sheet is printed"
    assert page.locator(".bd-article p").last.evaluate("p => getComputedStyle(p).color") == black
    sheets = page.pdf(format="A4")
    assert sheets.startswith(b"%PDF") and 2 <= sheets.count(b"/Type /Page\n") + sheets.count(b"/Type /Page ") <= 12


def test_the_slides_of_a_notebook_are_one_file_that_needs_nothing_else(open_page, site, tmp_path):
    page = open_page(NOTEBOOK)
    link = page.locator("a.btn-download-slides-button")
    target = site / Path(NOTEBOOK).parent / link.get_attribute("href")
    (tmp_path / "flip.html").write_bytes(target.resolve().read_bytes())
    page = open_page("flip.html", base=tmp_path.as_uri() + "/", offline=True)
    count = page.locator(".slide-bar [role=status]")
    assert count.inner_text().startswith("1 / ") and page.locator("h1").is_visible()
    total = int(count.inner_text().split(" / ")[1])
    assert total > 8
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert count.inner_text() == f"4 / {total}" and page.locator("article .cell:visible").count() <= 1
    page.emulate_media(media="print")
    assert page.locator("article .cell:visible").count() > 3, "printed, all slides are there"
