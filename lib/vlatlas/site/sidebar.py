"""The sidebar of every page, straight from the table of contents.

The theme resolves the whole book's tree anew for each page and parses the result twice, which with 300 pages is a large part
of a build. The HTML here is the same: captions, chapters, and below the open chapter its pages.
"""

from html import escape

from markupsafe import Markup
from sphinx.util.osutil import relative_uri

FOLD = (
    '<details open="open"><summary aria-label="Pages below"><span class="toctree-toggle" role="presentation">'
    '<i class="fa-solid fa-chevron-down"></i></span></summary>'
)


def branch(parents: dict[str, str], page: str) -> set[str]:
    """The page and all that it stands below."""
    found = set()
    while page and page not in found:
        found.add(page)
        page = parents.get(page, "")
    return found


class Contents:
    """The book's table of contents: for each document its subtrees as (caption, documents), and its title."""

    def __init__(self, app):
        site = app.env.external_site_map
        self.root = site.root.docname
        self.address = app.builder.get_target_uri
        self.trees = {name: [(tree.caption, [str(item) for item in tree.items]) for tree in site[name].subtrees] for name in site}
        self.titles = {name: escape(title.astext()) for name, title in app.env.titles.items()}
        self.parents = {child: name for name, trees in self.trees.items() for _, items in trees for child in items}

    def html(self, page: str) -> str:
        """The sidebar of a page; the branch that holds it is open."""
        open_, here, out = branch(self.parents, page), self.address(page), []
        for caption, items in self.trees.get(self.root, []):
            if caption:
                title = f'<span class="caption-text">{escape(caption)}</span>'
                out.append(f'<p aria-level="2" class="caption" role="heading">{title}</p>')
            current = "current " if open_ & set(items) else ""
            out.append(f'<ul class="{current}nav bd-sidenav">{self._items(items, page, here, open_, 1)}</ul>')
        return "\n".join(out)

    def _items(self, items: list[str], page: str, here: str, open_: set[str], level: int) -> str:
        out = []
        for name in items:
            below = [child for _, children in self.trees.get(name, []) for child in children]
            on, own = name in open_, name == page
            classes = f"toctree-l{level}" + " current active" * on + " has-children" * bool(below and on)
            target = "#" if own else escape(relative_uri(here, self.address(name)))
            link = f'<a class="{"current " * own}reference internal" href="{target}">{self.titles.get(name, name)}</a>'
            inner = f"{FOLD}<ul>{self._items(below, page, here, open_, level + 1)}</ul></details>" if below and on else ""
            out.append(f'<li class="{classes}">{link}{inner}</li>')
        return "\n".join(out)


def put(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Give `atlas-sidebar.html` its contents; what a build has read is kept on the builder."""

    def html() -> Markup:
        contents = getattr(app.builder, "vlatlas_contents", None)
        if contents is None:
            contents = app.builder.vlatlas_contents = Contents(app)
        return Markup(contents.html(pagename))

    context["atlas_sidebar"] = html
