"""The Sphinx extension that turns front matter, bibliography and records into what readers see. Imports no torch."""

from pathlib import Path

from .. import __version__

STATIC = Path(__file__).parent / "static"


def setup(app) -> dict:
    """Register directives, the `paper` role, the overlay of executed notebooks, and the downloads."""
    from . import cards, claims, code, downloads, facts, overlay, paper_role, state, tables

    app.connect("builder-inited", lambda app: app.config.html_static_path.append(str(STATIC)))
    app.add_css_file("atlas.css")
    app.connect("env-before-read-docs", state.forget)
    app.add_directive("paper-facts", facts.PaperFacts)
    app.add_directive("claims", claims.Claims)
    app.add_directive("code-of", code.CodeOf)
    app.add_directive("family-papers", tables.FamilyPapers)
    app.add_directive("family-table", tables.FamilyTable)
    app.add_directive("catalogue", tables.CatalogueTable)
    app.add_directive("scoreboard", tables.Scoreboard)
    app.add_directive("model-cards", cards.ModelCards)
    app.add_directive("atlas-state", tables.AtlasState)
    app.add_role("paper", paper_role.paper)
    app.connect("env-get-outdated", overlay.outdated)
    app.connect("source-read", overlay.overlay)
    app.connect("build-finished", downloads.write)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}
