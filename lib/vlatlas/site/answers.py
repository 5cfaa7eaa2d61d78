"""How long a reader of the built site waits for an answer, measured in an open page of a browser that Playwright drives."""

import shutil

SEARCH, FILTER = 0.100, 0.050  # seconds: the bars
QUERIES = ("masked patches", "clip", "contrastive loss temperature", "segmentation", "audio", "zero-shot")
CHOICES = (("family", "segmentation"), ("year", "2023"), ("family", ""), ("year", ""), ("task", "captioning"), ("task", ""))
ANSWER = """query => {
    const list = document.querySelector('#search-results');
    list.innerHTML = '';
    Search.init();
    const began = performance.now();
    Search.performSearch(query);
    return [performance.now() - began, list.querySelectorAll('li').length];
}"""


def chromium() -> str | None:
    """Where the browser is; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def searches(page) -> dict[str, tuple[float, int]]:
    """On the open page search.html: query -> seconds until its first results stand on the page, and how many."""
    page.wait_for_function("typeof Search !== 'undefined' && Search.hasIndex()")
    out = {}
    for query in QUERIES:
        took, count = page.evaluate(ANSWER, query)
        out[query] = (took / 1000, count)
    return out


def choices(page) -> list[float]:
    """On the open catalogue: seconds of each filter and of each letter typed into its search, with the notes' words loaded."""
    page.focus("#atlas-q")
    page.wait_for_function("window.atlasWords")
    out = []
    for query in ("c", "cl", "clip", "clip segmentation", "zz", ""):
        page.fill("#atlas-q", query)
        out.append(page.locator("table[data-filters]").get_attribute("data-milliseconds"))
    for name, value in CHOICES:
        page.select_option(f"#atlas-{name}", value)
        out.append(page.locator("table[data-filters]").get_attribute("data-milliseconds"))
    return [float(milliseconds) / 1000 for milliseconds in out]
