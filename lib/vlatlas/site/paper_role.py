"""The role {paper}`slug`: a link by short name."""

from docutils.parsers.rst.states import Inliner

from .parts import paper_link
from .state import atlas


def paper(name: str, rawtext: str, slug: str, lineno: int, inliner: Inliner, options=None, content=None):
    """Link to a paper of the atlas. An unknown slug is a warning that names the near matches."""
    env = inliner.document.settings.env
    found = atlas(env.app)
    if slug not in found.papers:
        from ..repro.problems import did_you_mean

        guess = did_you_mean(slug, found.papers)
        message = inliner.reporter.warning(f"no paper {slug!r}" + (f"; {guess}" if guess else ""), line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [paper_link(found, slug)], []
