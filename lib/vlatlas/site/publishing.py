"""What a published site needs: its address, launch buttons, social cards, sitemap, feed.

The address and the repository belong to whoever publishes, so they come from the environment: VLATLAS_URL
(https://... of the site), VLATLAS_REPOSITORY (https://github.com/owner/name; `repository: {url: ...}` in `_config.yml` does
as well) and VLATLAS_VERSION (the commit that launched notebooks install). Without them nothing is invented: no sitemap, no
feed, no launch button.
"""

import html
import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from .parts import address_of, page_of
from .state import atlas, slug_of

WEB = re.compile(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~/-]*)?")
TEXT = "The text and figures are CC BY 4.0."


def address(name: str, otherwise: str = "") -> str | None:
    """An https address from the environment, else `otherwise`, without a slash at the end.

    Raises:
        ValueError: it is set and is no plain https address.
    """
    value = (os.environ.get(name) or otherwise).rstrip("/")
    if value and not WEB.fullmatch(value):
        raise ValueError(f"{name}={value!r} is no https address; write it like https://example.org/atlas, or unset it")
    return value or None


def repository(config) -> tuple[str | None, str]:
    """Address of the repository, from the environment or `_config.yml`, and the version (commit or branch) to install.

    Raises:
        ValueError: an address or a version that is not of the expected form.
    """
    url = address("VLATLAS_REPOSITORY", config.html_theme_options.get("repository_url") or "")
    version = os.environ.get("VLATLAS_VERSION") or config.html_theme_options.get("repository_branch") or "main"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", version):
        raise ValueError(f"VLATLAS_VERSION={version!r} is no commit or branch")
    return url, version


def configure(app, config) -> None:
    """Take the site's address and the repository into Sphinx's configuration."""
    if url := address("VLATLAS_URL"):
        config.html_baseurl = url + "/"
    known, _ = repository(config)
    if known:
        config.html_theme_options |= {"repository_url": known, "use_repository_button": True, "path_to_docs": ""}


def social(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Description, and on a published site the card that other sites show of a page."""
    paper = atlas(app).papers.get(slug_of(pagename) or "")
    title = re.sub(r"<[^>]+>", "", context.get("title") or "vlatlas")
    about = paper.data["tldr"] if paper and paper.data else "An executable atlas of vision-language learning."
    tags = [("name", "description", about)]
    if app.config.html_baseurl:
        tags += [("property", "og:title", html.unescape(title)), ("property", "og:description", about)]
        tags += [("property", "og:type", "article" if paper else "website"), ("property", "og:site_name", "vlatlas")]
        tags.append(("property", "og:url", f"{app.config.html_baseurl}{pagename}.html"))
        tags.append(("name", "twitter:card", "summary"))
        if paper and any(p.suffix == ".png" for p in _pictures(paper)):
            tags.append(("property", "og:image", f"{app.config.html_baseurl}data/cards/{paper.slug}.png"))
    lines = [f'<meta {kind}="{name}" content="{html.escape(value)}" />' for kind, name, value in tags]
    context["metatags"] = "\n".join([context.get("metatags", ""), *lines])


def _pictures(paper) -> list[Path]:
    record = paper.headline_record()
    return list(record.figures().values()) if record else []


def write(app, exception) -> None:
    """On a site with an address: sitemap.xml, feed.xml, the pictures of the cards, .nojekyll."""
    if exception or app.builder.format != "html" or not app.config.html_baseurl:
        return
    out, base = Path(app.outdir), app.config.html_baseurl
    pages = sorted(f"{base}{name}.html" for name in app.env.found_docs)
    urls = "\n".join(f"<url><loc>{escape(page)}</loc></url>" for page in pages)
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    sitemap = f'{head}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'
    (out / "sitemap.xml").write_text(sitemap, encoding="utf-8")
    entries = [*verdicts(atlas(app), base), *arrivals(atlas(app), base, added(Path(app.srcdir)))]
    if entries:
        (out / "feed.xml").write_text(head + feed(entries, base), encoding="utf-8")
    (out / ".nojekyll").touch()
    cards = out / "data" / "cards"
    cards.mkdir(parents=True, exist_ok=True)
    for paper in atlas(app).papers.values():
        for picture in [p for p in _pictures(paper) if p.suffix == ".png"][:1]:
            (cards / f"{paper.slug}.png").write_bytes(picture.read_bytes())


@dataclass(frozen=True)
class Entry:
    """One entry of the feed. `id` stays the same for as long as the news is the same."""

    updated: str
    id: str
    link: str
    title: str
    summary: str


def verdicts(found, base: str) -> list[Entry]:
    """One entry per paper with a record. A new verdict is a new entry: its id has the day and the verdict."""
    out = []
    for paper in found.papers.values():
        if record := paper.headline_record():
            page, verdict = base + address_of(paper.slug)[1:], record.verdict or "not run"
            told = "; ".join(f"{c['says']}: {c['verdict']}" for c in record.claims)
            id_ = f"{page}#{record['finished'][:10]}-{verdict.replace(' ', '-')}"
            out.append(Entry(record["finished"], id_, page, f"{paper.name}: {verdict}", told))
    return out


def arrivals(found, base: str, dates: dict[str, str]) -> list[Entry]:
    """One entry per paper whose page the history dates; with its summary."""
    out = []
    for paper in found.papers.values():
        when = dates.get(f"{page_of(paper.slug)}.md")
        if when and paper.data:
            page = base + address_of(paper.slug)[1:]
            out.append(Entry(when, f"{page}#new", page, f"New: {paper.name} ({paper.family})", paper.data["tldr"]))
    return out


def added(root: Path) -> dict[str, str]:
    """File -> when it was first committed, for the pages of papers; empty without a whole history (a shallow clone has
    one date for all)."""
    git = ["git", "-C", str(root)]
    try:
        shallow = subprocess.run([*git, "rev-parse", "--is-shallow-repository"], capture_output=True, text=True, check=False)
        if shallow.stdout.strip() != "false":
            return {}
        command = [*git, "log", "--diff-filter=A", "--name-only", "--relative", "--format=@%aI", "--", "book/papers/*/index.md"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return {}  # no git on this machine
    dates, when = {}, ""
    for line in told.splitlines():
        if line.startswith("@"):
            when = line[1:]
        elif line:
            dates[line] = when  # newest first: what stays is the first time
    return dates


def feed(entries: list[Entry], base: str, most: int = 100) -> str:
    """Atom for new papers and new verdicts, newest first."""
    entries = sorted(entries, key=lambda e: (datetime.fromisoformat(e.updated), e.id), reverse=True)[:most]
    lines = [
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>vlatlas: new papers and verdicts</title><id>{escape(base)}</id>',
        f'<link href="{escape(base)}" /><link rel="self" href="{escape(base)}feed.xml" />',
        f"<updated>{escape(entries[0].updated)}</updated>",
        f"<author><name>the vlatlas contributors</name></author><rights>{TEXT}</rights>",
    ]
    for e in entries:
        lines.append(
            f"<entry><title>{escape(e.title)}</title><id>{escape(e.id)}</id><link href={quoteattr(e.link)} />"
            f"<updated>{escape(e.updated)}</updated><summary>{escape(e.summary)}</summary></entry>"
        )
    return "\n".join([*lines, "</feed>"]) + "\n"
