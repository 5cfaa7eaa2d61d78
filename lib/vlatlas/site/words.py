"""The words of every paper's notes as a small script, so that the catalogue can search them, from file:// too."""

import json
import re
from pathlib import Path

from .state import atlas

WORD = re.compile(r"[a-z][a-z0-9]{2,}")
FILE = "words.js"


def index(papers) -> dict:
    """papers: slugs; words: word -> numbers of the papers whose page has it; titles, names and summaries included."""
    slugs, words, chinese, short = [], {}, [], []
    for number, paper in enumerate(papers):
        slugs.append(paper.slug)
        page = paper.page.read_text(encoding="utf-8") if paper.page.is_file() else ""
        authors = " ".join(paper.bib.authors) if paper.bib else ""
        for word in set(WORD.findall(f"{page} {paper.title} {authors}".lower())):
            words.setdefault(word, []).append(number)
        chinese.append(paper.data["tldr_zh"] if paper.data else "")
        short.append(paper.data["tldr"] if paper.data else paper.title)
    return {"papers": slugs, "words": words, "zh": chinese, "tldr": short}


def write(app, exception) -> None:
    """Write data/words.js after an HTML build that succeeded."""
    if exception or app.builder.format != "html":
        return
    found = index(atlas(app).papers.values())
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    path = Path(app.outdir) / "data" / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"window.atlasWords={text};\n", encoding="utf-8")
