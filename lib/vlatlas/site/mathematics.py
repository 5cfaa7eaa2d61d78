"""Formulas as MathML, made while the site is built: readers load no script for them, and hear them with a screen reader.

docutils translates TeX; the few commands that it lacks are rewritten first. The font with the shapes that grow (brackets,
roots, sums) is `static/atlas-math.woff2`.
"""

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

LOG = logging.getLogger(__name__)
REWRITE = [
    (re.compile(r"\\begin\{(?:equation|gather|multline)\*?\}|\\end\{(?:equation|gather|multline)\*?\}"), ""),
    (re.compile(r"\\(begin|end)\{(?:split|align\*?|alignat\*?|eqnarray\*?)\}"), r"\\\1{aligned}"),
    (re.compile(r"\\(big|Big|bigg|Bigg)m?(?![a-zA-Z])"), r"\\\1l"),
    (re.compile(r"\\dots[cbmi]?(?![a-zA-Z])"), r"\\ldots"),
    (re.compile(r"\\([dt]?frac)\s*(\d)\s*(\d)"), r"\\\1{\2}{\3}"),
    (re.compile(r"\\([dt]?frac)\s*([a-zA-Z\d])(?=\s*[\\{a-zA-Z\d])"), r"\\\1{\2}"),
    (re.compile(r"\\(?:nonumber|notag|displaylimits)(?![a-zA-Z])|\\label\{[^}]*\}"), ""),
    (re.compile(r"\\operatorname\*"), r"\\operatorname"),
    (re.compile(r"\\(?:boldsymbol|bm|pmb)(?![a-zA-Z])"), r"\\mathbf"),
]
BETWEEN = re.compile(r">\n\s*<")
APPLY = re.compile(r"<mo>&ApplyFunction;</mo>(?!<m(?:o|row|fenced)[^>]*>(?:<mo[^>]*>)?[(\[{|])")  # "log x", but "log(x)"


def mathml(tex: str, block: bool = False) -> str:
    """A formula as a `<math>` element on one line.

    Raises:
        MathError: a command or an environment that is not known, or braces that do not match; names it.
    """
    for pattern, by in REWRITE:
        tex = pattern.sub(by, tex)
    bare = re.sub(r"\\.", "", tex, flags=re.S)
    if bare.count("{") != bare.count("}"):
        raise MathError("braces do not match")
    tex = r" \\ ".join(part.strip() for part in tex.strip().split("\n\n") if part.strip())
    try:
        out = tex2mathml(tex, as_block=block)
    except (AttributeError, IndexError, TypeError) as error:  # how its parser meets braces that do not match
        raise MathError(f"braces or arguments do not match ({error})") from error
    out = out.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "").replace(">ˉ<", ">¯<")
    return APPLY.sub('<mspace width="0.17em"></mspace>', BETWEEN.sub("><", out))


def formula(node, block: bool) -> str:
    """The formula of a node; its TeX, and a warning, where it cannot be translated."""
    text = node.astext()
    try:
        return mathml(text, block)
    except MathError as error:
        LOG.warning("formula %r: %s; write it with other commands", text, error, location=node)
        return f"<code>{html.escape(text)}</code>"


def visit_inline(self, node) -> None:
    """Within a line."""
    self.body.append(self.starttag(node, "span", "", CLASS="math") + formula(node, False) + "</span>")
    raise nodes.SkipNode


def visit_block(self, node) -> None:
    """On lines of its own, which scroll where the screen is narrow, with its number where it has one."""
    self.body.append(self.starttag(node, "div", CLASS="math", tabindex="0"))  # the keyboard can scroll it
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(formula(node, True) + "</div>\n")
    raise nodes.SkipNode


def leave(self, node) -> None:
    """Nothing is left to close: visiting skips the rest of the node."""


def setup(app) -> None:
    """Offer this as the renderer "mathml", which `_config.yml` chooses."""
    app.add_html_math_renderer("mathml", (visit_inline, leave), (visit_block, leave))
