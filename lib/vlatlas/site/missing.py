"""404.html: what a publisher's server shows for an address where nothing stands, at any depth."""

from html import escape

TEXT = """\
<section><h1>Nothing stands here</h1>
<p>The page may have moved, or its name was mistyped. Try the <a href="{search}">search</a>, the
<a href="{catalogue}">catalogue</a> of all papers, or the <a href="{front}">front door</a>.</p></section>"""
PLACES = {"search": "search.html", "catalogue": "book/reference/catalogue.html", "front": "book/index.html"}


def page(app):
    """The page, with links from the site's root."""
    yield "404", {"title": "Nothing stands here", "body": TEXT.format(**PLACES), "parents": []}, "page.html"


def base(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """It is shown at addresses of any depth: what it loads and links to is relative to the site, whose address is known."""
    if pagename == "404" and app.config.html_baseurl:
        tag = f'<base href="{escape(app.config.html_baseurl)}" />'
        context["metatags"] = f"{tag}\n{context.get('metatags', '')}"


def setup(app) -> None:
    """On each HTML build."""
    app.connect("html-collect-pages", page)
    app.connect("html-page-context", base, priority=900)
