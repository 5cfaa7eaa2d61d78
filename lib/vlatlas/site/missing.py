"""404.html: what a publisher's server shows for an address where nothing stands, at any depth."""

from html import escape

TEXT = """\
<section><h1>Nothing stands here</h1>
<p>The page may have moved, or its name was mistyped. Go on at {places}.</p></section>"""
PLACES = {"search": "the search", "book/reference/catalogue": "the catalogue of all papers", "book/index": "the front door"}


def page(app):
    """The page, with links from the site's root to those places that the book has."""
    known = {"search", *app.env.found_docs}
    links = [f'<a href="{name}.html">{label}</a>' for name, label in PLACES.items() if name in known]
    body = TEXT.format(places=" or ".join([", ".join(links[:-1]), links[-1]] if links[1:] else links))
    yield "404", {"title": "Nothing stands here", "body": body, "parents": []}, "page.html"


def base(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """It is shown at addresses of any depth: what it loads and links to is relative to the site, whose address is known."""
    if pagename == "404" and app.config.html_baseurl:
        tag = f'<base href="{escape(app.config.html_baseurl)}" />'
        context["metatags"] = f"{tag}\n{context.get('metatags', '')}"


def setup(app) -> None:
    """On each HTML build."""
    app.connect("html-collect-pages", page)
    app.connect("html-page-context", base, priority=900)
