"""`vlatlas check --online`: do the arXiv ids carry the stated titles, and do the links answer? The only use
of a network."""

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from xml.etree import ElementTree

from ..bib import BibEntry
from ..catalogue import Catalogue
from ..problems import Problem

ARXIV_API = "https://export.arxiv.org/api/query"
ATOM = "{http://www.w3.org/2005/Atom}"
BATCH, PAUSE_S, TIMEOUT_S, MAX_BYTES = 50, 3.0, 20, 5_000_000
AGENT = {"User-Agent": "vlatlas-check (link check of a bibliography)"}


def check(
    catalogue: Catalogue,
    api: str = ARXIV_API,
    pause: float = PAUSE_S,
    say: Callable[[str], None] = lambda line: None,
) -> list[Problem]:
    """Problems of ids and links. A server that does not answer is reported too: nothing is taken for
    granted."""
    entries = list(catalogue.bib.values())
    with_id = [e for e in entries if e.arxiv]
    problems = []
    for begin in range(0, len(with_id), BATCH):
        batch = with_id[begin : begin + BATCH]
        say(f"arXiv: {begin + len(batch)} of {len(with_id)}")
        problems += _arxiv(batch, api)
        time.sleep(pause if begin + BATCH < len(with_id) else 0)
    links = [(e, name, e.fields[name]) for e in entries for name in ("code", "url") if e.fields.get(name)]
    for number, (entry, name, link) in enumerate(links, start=1):
        say(f"links: {number} of {len(links)}")
        if fault := _link(link):
            message = f"{entry.key}: {link}: {fault}"
            line = entry.lines.get(name, entry.line)
            problems.append(Problem("papers.bib", line, message, "correct or remove the link"))
    return problems


def _open(url: str, method: str = "GET") -> bytes:
    if not url.startswith(("https://", "http://")):
        raise ValueError("not a web address")
    request = urllib.request.Request(url, headers=AGENT, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return answer.read(MAX_BYTES)


def _bare(title: str) -> str:
    return re.sub(r"[\W_]+", "", title.lower())


def _arxiv(batch: list[BibEntry], api: str) -> list[Problem]:
    query = urllib.parse.urlencode({"id_list": ",".join(e.arxiv for e in batch), "max_results": len(batch)})
    try:
        feed = ElementTree.fromstring(_open(f"{api}?{query}"))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        return [Problem("papers.bib", 0, f"arXiv did not answer ({error})", "try again later")]
    titles = {}
    for item in feed.iter(f"{ATOM}entry"):
        id_, title = item.findtext(f"{ATOM}id", ""), item.findtext(f"{ATOM}title", "")
        titles[re.sub(r"v\d+$", "", id_.partition("/abs/")[2])] = " ".join(title.split())
    problems = []
    for entry in batch:
        found = titles.get(entry.arxiv.partition("v")[0])
        line = entry.lines.get("eprint", entry.line)
        if not found:
            problems.append(Problem("papers.bib", line, f"{entry.key}: arXiv has no {entry.arxiv}", "correct the id"))
        elif _bare(found) != _bare(entry.title):
            message = f"{entry.key}: arXiv's title of {entry.arxiv} is {found!r}"
            problems.append(Problem("papers.bib", line, message, "correct the id, or the title"))
    return problems


def _link(url: str) -> str | None:
    for method in ("HEAD", "GET"):
        try:
            _open(url, method)
            return None
        except urllib.error.HTTPError as error:
            fault = f"answers {error.code}"
            if error.code not in (403, 405, 501):
                return fault
        except (OSError, ValueError) as error:
            return f"does not answer ({error})"
    return fault
