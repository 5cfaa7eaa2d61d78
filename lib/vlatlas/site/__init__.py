"""The Sphinx extension that turns front matter, bibliography and records into what readers see. Imports no torch."""

import zlib
from pathlib import Path

from .. import __version__

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("atlas-filter.js", "atlas-lineage.js", "atlas-preview.js", "atlas-slides.js")


def setup(app) -> dict:
    """Register directives, the `paper` role, the overlay of executed notebooks, and the files beside the pages."""
    from . import (
        cards,
        catalogue,
        claims,
        code,
        downloads,
        elements,
        facts,
        images,
        launch,
        lean,
        lineage,
        mathematics,
        missing,
        notebooks,
        numbers,
        overlay,
        overview,
        paper_role,
        previews,
        protocol_table,
        publishing,
        scoreboard,
        searching,
        sidebar,
        tables,
    )  # isort: skip
    from . import once, slides, state, thumbs, warned, words, works  # isort: skip

    app.connect("builder-inited", lambda app: app.config.html_static_path.append(str(STATIC)))
    app.add_css_file("icons.css")
    app.add_css_file("atlas.css")
    app.add_js_file("atlas-language.js")  # before the page is drawn, so that nothing moves
    for script in SCRIPTS:
        app.add_js_file(script, loading_method="defer")
    once.setup(app)
    missing.setup(app)
    mathematics.setup(app)
    numbers.setup(app)
    app.add_search_language(searching.SearchWords)
    app.add_node(elements.element, html=(elements.visit, elements.depart))
    directives = {
        "paper-facts": facts.PaperFacts,
        "claims": claims.Claims,
        "code-of": code.CodeOf,
        "family-papers": tables.FamilyPapers,
        "family-table": tables.FamilyTable,
        "protocol-table": protocol_table.ProtocolTable,
        "catalogue": catalogue.CatalogueTable,
        "scoreboard": scoreboard.Scoreboard,
        "score-summary": scoreboard.ScoreSummary,
        "model-cards": cards.ModelCards,
        "atlas-state": tables.AtlasState,
        "atlas-map": overview.AtlasMap,
        "latest-figure": overview.LatestFigure,
        "task-paths": overview.TaskPaths,
        "timeline": overview.Timeline,
        "lineage": lineage.Lineage,
        "lineage-table": lineage.LineageTable,
        "works": works.Works,
        "lessons": notebooks.Lessons,
        "knobs": notebooks.Knobs,
    }
    for name, directive in directives.items():
        app.add_directive(name, directive)
    app.add_role("paper", paper_role.paper)
    app.connect("config-inited", configure)
    app.connect("config-inited", publishing.configure)
    app.connect("build-finished", state.forget, priority=1000)
    app.connect("builder-inited", warned.listen)
    app.connect("env-get-outdated", warned.outdated)
    app.connect("env-get-outdated", overlay.outdated)
    app.connect("source-read", overlay.overlay)
    app.connect("html-page-context", images.declare_sizes)
    app.connect("html-page-context", publishing.social)
    app.connect("html-page-context", without_thebe, priority=900)
    app.connect("html-page-context", lean.leave_out, priority=900)
    app.connect("html-page-context", sidebar.put, priority=400)  # before the theme looks which parts are empty
    app.connect("html-page-context", launch.buttons, priority=550)
    app.connect("html-page-context", slides.button, priority=550)
    for writer in (slides, downloads, words, thumbs, previews, notebooks, launch, publishing):
        app.connect("build-finished", writer.write)
    app.connect("build-finished", warned.keep, priority=900)
    if numbering := app.extensions.get("sphinx_multitoc_numbering"):  # loaded by the table of contents; it says nothing
        numbering.parallel_read_safe = numbering.parallel_write_safe = True  # of this, and works after reading, in one process
    return {"version": __version__, "env_version": own_version(), "parallel_read_safe": True, "parallel_write_safe": True}


def own_version() -> int:
    """A number of the code that makes pages: with other code, Sphinx takes no page of an earlier build for up to date."""
    here = Path(__file__).parent
    code = b"".join(path.read_bytes() for folder in (here, here.parent / "repro") for path in sorted(folder.glob("*.py")))
    return zlib.crc32(code) + 1


def configure(app, config) -> None:
    """Our templates."""
    config.templates_path = [*config.templates_path, str(TEMPLATES)]


def without_thebe(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Leave out the scripts of sphinx-thebe, which Jupyter Book always loads: no page runs code through another host."""
    context["script_files"] = [s for s in context["script_files"] if "thebe" not in f"{s} {s.attributes.get('body', '')}".lower()]
    context["css_files"] = [s for s in context["css_files"] if "thebe" not in str(s)]
