"""Formulas as MathML, made while the site is built: readers load no script for them, and hear them with a screen reader.

docutils translates TeX; the few commands that it lacks are rewritten first. The font with the shapes that grow (brackets,
roots, sums) is `static/atlas-math.woff2`.
"""

import html
import re
import xml.etree.ElementTree as ET

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

LOG = logging.getLogger(__name__)
REWRITE = [
    (re.compile(r"\\begin\{(?:equation|gather|multline)\*?\}|\\end\{(?:equation|gather|multline)\*?\}"), ""),
    (re.compile(r"\\(begin|end)\{(?:split|align\*?|alignat\*?|eqnarray\*?)\}"), r"\\\1{aligned}"),
    (re.compile(r"\\dots[cbmi]?(?![a-zA-Z])"), r"\\ldots"),
    (re.compile(r"\\([dt]?frac)\s*(\d)\s*(\d)"), r"\\\1{\2}{\3}"),
    (re.compile(r"\\([dt]?frac)\s*([a-zA-Z\d])(?=\s*[\\{a-zA-Z\d])"), r"\\\1{\2}"),
    (re.compile(r"\\(?:nonumber|notag|displaylimits)(?![a-zA-Z])|\\label\{[^}]*\}"), ""),
    (re.compile(r"\\operatorname\*"), r"\\operatorname"),
    (re.compile(r"\\iff(?![a-zA-Z])"), r"\\;\\Longleftrightarrow\\;"),
    (re.compile(r"\\implies(?![a-zA-Z])"), r"\\;\\Longrightarrow\\;"),
    (re.compile(r"\\(?:boldsymbol|bm|pmb)(?![a-zA-Z])"), r"\\mathbf"),
]
SIZED = re.compile(r"\\(big|Big|bigg|Bigg)([lrm]?)(?![a-zA-Z])\s*(\\[a-zA-Z]+|\\.|.)")
OPENING = {"(", "[", r"\{", r"\lbrace", r"\langle", r"\lvert", r"\lVert", r"\lfloor", r"\lceil"}
CLOSING = {")", "]", r"\}", r"\rbrace", r"\rangle", r"\rvert", r"\rVert", r"\rfloor", r"\rceil"}
FENCE = re.compile(
    r"(\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*)?"
    r"(\\[{}|]|\||\\(?:[lr]?[vV]ert|[lr]angle|[lr]brace|[lr]floor|[lr]ceil)(?![a-zA-Z]))"
)
DRAWN = re.compile(r"<mo((?:(?!rspace)[^>])*)>([{}|‖⟨⟩⌊⌋⌈⌉])</mo>")  # but for the brace of cases, which has space after it
CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
ACCENT = {("stretchy", "false"), ("accent", "true")}
BETWEEN = re.compile(r">\n\s*<")
APPLY = re.compile(r"<mo>\u2061</mo>(?!<m(?:o|row|fenced)[^>]*>(?:<mo[^>]*>)?[(\[{|])")  # "log x", but "log(x)"


def _sized(match: re.Match) -> str:
    """A bracket of stated size as docutils has it: one that opens a group, one that closes it, or a whole group."""
    size, side, sign = match.groups()
    if side in ("l", "r"):
        return match[0]
    if sign in OPENING or sign in CLOSING:
        return f"\\{size}{'l' if sign in OPENING else 'r'}{sign}"
    return f"\\{size}l.\\{size}r{sign}"


def _still(out: str, tex: str) -> str:
    """Brackets without \\left and \\right keep their size, as in TeX; in MathML they would grow with the whole line."""
    sizes = iter([bool(size) for size, _ in FENCE.findall(tex)])
    if len(FENCE.findall(tex)) != len(DRAWN.findall(out)):
        return out

    def still(m: re.Match) -> str:
        return m[0] if next(sizes) or "stretchy" in m[1] else f'<mo{m[1]} stretchy="false">{m[2]}</mo>'

    return DRAWN.sub(still, out)


def _placed(root: ET.Element) -> None:
    """The index of an accented letter stands beside it, what a brace says below the brace: docutils does it the other way."""
    for node in root.iter("msub"):
        if node[0].tag == "munder" and node[0][1].text == "⏟":
            node.tag = "munder"
    for node in root.iter("msup"):
        if node[0].tag == "mover" and node[0][1].text == "⏞":
            node.tag = "mover"
    for parent in list(root.iter()):
        for k, node in enumerate(parent):
            if node.tag != "munderover" or node[0].get("movablelimits") or not (ACCENT & {*node[2].items()}):
                continue
            letter, index, accent = node
            over = ET.Element("mover", accent="true")
            over.extend((letter, accent))
            if parent.tag == "msup" and k == 0:
                parent.tag = "msubsup"
                parent[0:1] = [over, index]
            else:
                parent[k] = ET.Element("msub")
                parent[k].extend((over, index))


def _check(root: ET.Element) -> None:
    """Raise MathError where an element has another number of parts than it must: browsers then draw something else."""
    for node in root.iter():
        if len(node) != CHILDREN.get(node.tag, len(node)):
            raise MathError(f"groups do not match ({node.tag} with {len(node)} parts)")


def mathml(tex: str, block: bool = False) -> str:
    """A formula as a `<math>` element on one line.

    Raises:
        MathError: a command or an environment that is not known, or braces that do not match; names it.
    """
    for pattern, by in REWRITE:
        tex = pattern.sub(by, tex)
    tex = SIZED.sub(_sized, tex)
    bare = re.sub(r"\\.", "", tex, flags=re.S)
    if bare.count("{") != bare.count("}"):
        raise MathError("braces do not match")
    tex = r" \\ ".join(part.strip() for part in tex.strip().split("\n\n") if part.strip())
    try:
        out = tex2mathml(tex, as_block=block)
    except (AttributeError, IndexError, TypeError) as error:  # how its parser meets braces that do not match
        raise MathError(f"braces or arguments do not match ({error})") from error
    out = out.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "").replace(">ˉ<", ">¯<")
    root = ET.fromstring(BETWEEN.sub("><", out.replace("&ApplyFunction;", "\u2061")))
    _check(root)
    _placed(root)
    out = _still(ET.tostring(root, encoding="unicode", short_empty_elements=False), tex)
    return APPLY.sub('<mspace width="0.17em"></mspace>', out)


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
