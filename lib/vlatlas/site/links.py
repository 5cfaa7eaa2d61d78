"""A check of a built site: no broken link or anchor, nothing fetched from elsewhere.

What a page says is kept beside the site (`.pages.json`), so that after an edit only the new pages are read.
"""

import html
import json
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..repro import atomic

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src"}
LOADING_RELS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "manifest", "preconnect", "dns-prefetch"}
TAG = re.compile(r"""<([a-zA-Z][\w-]*)((?:\s+[^\s=>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?)+)\s*/?>""")
ATTRIBUTE = re.compile(r"""([^\s=>"'/]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
NO_MARKUP = re.compile(r"<!--.*?-->|(<script\b[^>]*>).*?</script>", re.S)
CACHE = ".pages.json"
NO_PAGES = ("_static", "data")  # templates of themes; slides, each in one file that links nowhere


@dataclass
class Page:
    """What a page links to as (as written, page inside the site, anchor), what it loads, its anchors and classes."""

    stamp: list[int]
    links: list[tuple[str, str, str]] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


def resolve(page: str, link: str) -> tuple[str, str] | None:
    """Page inside the site, relative to its root, and anchor of a link on `page`; None where it leads elsewhere.

    A fragment such as "#family=loss" is the state of a table and no anchor.
    """
    if link in ("#", "#!"):
        return None
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path))) if parts.path else page
    return target, "" if "=" in parts.fragment else unquote(parts.fragment)


def read(name: str, text: str, stamp: list[int]) -> Page:
    """A page from its HTML. Regular expressions, as a full parser takes most of a rebuild's time."""
    page, anchors, classes = Page(stamp), set(), set()
    for tag, attributes in TAG.findall(NO_MARKUP.sub(r"\1", text)):
        a = {k.lower(): html.unescape(v1 or v2 or v3) for k, v1, v2, v3 in ATTRIBUTE.findall(attributes)}
        tag = tag.lower()
        anchors |= {a[k] for k in ("id", "name") if a.get(k)}
        classes |= set(a.get("class", "").split())
        if tag in LOADS and a.get(LOADS[tag]):
            page.loads.append(a[LOADS[tag]])
        if tag == "link" and a.get("href") and LOADING_RELS & set(a.get("rel", "").split()):
            page.loads.append(a["href"])
        if tag == "a" and a.get("href") and (inside := resolve(name, a["href"])):
            page.links.append((a["href"], *inside))
    page.links += [(load, *inside) for load in page.loads if (inside := resolve(name, load))]
    page.anchors, page.classes = sorted(anchors), sorted(classes)
    return page


def pages(folder: Path) -> dict[str, Page]:
    """Every HTML page below `folder` by its name; read anew only where its time or size changed."""
    folder = Path(folder)
    store = folder.parent / CACHE
    try:
        kept = {name: Page(**page) for name, page in json.loads(store.read_text(encoding="utf-8"))[str(folder)].items()}
    except (OSError, ValueError, KeyError, TypeError):
        kept = {}  # none yet, or of another version: it is only a cache
    out = {}
    for path in sorted(p for p in folder.rglob("*.html") if p.relative_to(folder).parts[0] not in NO_PAGES):
        name, state = path.relative_to(folder).as_posix(), path.stat()
        stamp = [state.st_mtime_ns, state.st_size]
        page = kept.get(name)
        out[name] = page if page and page.stamp == stamp else read(name, path.read_text(encoding="utf-8"), stamp)
    if out != kept:
        text = json.dumps({str(folder): {name: vars(page) for name, page in out.items()}}, separators=(",", ":"))
        atomic.write_text(store, text)
    return out


def broken(folder: Path, found: dict[str, Page] | None = None) -> list[str]:
    """ "page: link" for every link inside the site to a file or an anchor that does not exist."""
    folder, found = Path(folder), found or pages(folder)
    anchors = {name: set(page.anchors) for name, page in found.items()}
    files: dict[str, bool] = {}

    def whole(target: str, anchor: str) -> bool:
        if target not in found and f"{target}/index.html" in found:
            target += "/index.html"
        if target in found:
            return not anchor or anchor in anchors[target]
        if target not in files:
            files[target] = (folder / target).is_file()
        return files[target]

    return [f"{name}: {link}" for name, page in found.items() for link, target, anchor in page.links if not whole(target, anchor)]


def external(folder: Path, found: dict[str, Page] | None = None) -> list[str]:
    """ "page: address" for everything a page would load from another host."""
    found = found or pages(folder)
    return [f"{name}: {load}" for name, page in found.items() for load in page.loads if urlsplit(load).netloc]
