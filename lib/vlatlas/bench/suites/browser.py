"""How long a reader of the built site waits for an answer: full-text search and the catalogue's filters, in Chromium."""

import statistics

from ... import paths
from ...site.answers import FILTER, SEARCH, choices, chromium, searches
from ..harness import Ratio


def row(name: str, bar: float, seconds: list[float], note: str) -> Ratio:
    """How many times as fast as the bar: the median, the slowest and the fastest answer."""
    middle, slow, fast = statistics.median(seconds), max(seconds), max(min(seconds), 1e-4)
    return Ratio(
        name, f"{bar * 1000:.0f} ms", bar / max(middle, 1e-4), bar / max(slow, 1e-4), bar / fast, middle, bar,
        note + f"; slowest {slow * 1000:.1f} ms", bar / fast, len(seconds), at_least=1.0,
    )  # fmt: skip


def browser() -> list[Ratio]:
    """Answers of the site in _build/html."""
    site, binary = paths.root() / "_build" / "html", chromium()
    if not (site / "search.html").is_file():
        raise RuntimeError(f"{site} holds no built site; run: make book")
    if binary is None:
        raise RuntimeError("no chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        running = p.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        page = running.new_page()
        page.goto((site / "search.html").as_uri())
        found = searches(page)
        page.goto((site / "book/reference/catalogue.html").as_uri())
        page.wait_for_selector("table[data-ready]")
        count = page.locator("table[data-filters] tbody tr").count()
        filtered = choices(page)
        running.close()
    pages = len(list((site / "book").rglob("*.html")))
    return [
        row("full-text search", SEARCH, [seconds for seconds, _ in found.values()], f"{pages} pages, index loaded"),
        row("catalogue filter", FILTER, filtered, f"{count} papers, notes' words loaded"),
    ]
