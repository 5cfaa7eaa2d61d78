"""Formulas: TeX to MathML, without a script on the reader's side."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from vlatlas import paths
from vlatlas.site import mathematics
from vlatlas.site.mathematics import MathError, mathml

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)([^$]+?)(?<!\s)\$(?!\d)", re.S)


def parsed(tex: str, block: bool = False) -> ET.Element:
    return ET.fromstring(mathml(tex, block).replace("&ApplyFunction;", "\u2061"))


def tags(tex: str, block: bool = False) -> list[str]:
    return [e.tag for e in parsed(tex, block).iter()]


def words(tex: str, block: bool = False) -> str:
    return "".join(parsed(tex, block).itertext())


def texts():
    for path in sorted((paths.root() / "book").rglob("*.md")):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((paths.root() / "book").rglob("reproduce.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield path, "".join(cell["source"])


def test_every_formula_of_the_book_can_be_translated():
    count, faults = 0, []
    for path, text in texts():
        text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
        for block, inline in FORMULA.findall(text):
            count += 1
            try:
                parsed(block or inline, bool(block))
            except (MathError, ET.ParseError) as error:
                faults.append(f"{path.parent.name}/{path.name}: {block or inline}: {error}")
    assert count > 1000 and faults == []


def test_structure_is_that_of_the_formula():
    assert tags(r"\frac{a}{b}") == ["math", "mfrac", "mi", "mi"]
    assert tags(r"\frac12") == ["math", "mfrac", "mn", "mn"] and words(r"\tfrac12") == "12"
    assert tags(r"u_i^\top") == ["math", "msubsup", "mi", "mi", "mi"]
    assert 'display="block"' in mathml("a", True) and 'display="block"' not in mathml("a")
    assert words(r"c=1,\dots,C") == "c=1,…,C"
    assert words(r"\big[x\big]") == "[x]" and "1.2em" in mathml(r"\big[x\big]")
    assert words(r"\mathcal{L}\in\mathbb{R}") == "ℒ∈ℝ"


def test_brackets_of_stated_size_close_what_they_open():
    assert tags(r"\frac{f\big(a\big)}{b}") == ["math", "mfrac", "mrow", "mi", "mrow", "mo", "mi", "mo", "mi"]
    assert tags(r"\big(a\big)^2")[1] == "msup" and words(r"\Big\{a\Big\}") == "{a}"
    assert words(r"\big|a\big|") == "|a|" and tags(r"a\big/b") == ["math", "mi", "mo", "mi"]
    assert mathml(r"\bigl(a\bigr)") == mathml(r"\big(a\big)")


def test_plain_brackets_keep_their_size_and_those_of_left_and_right_grow():
    still = mathml(r"\{a\} \lVert b\rVert |c|")
    assert still.count('stretchy="false"') == still.count("<mo") == 6
    assert "stretchy" not in mathml(r"\left\{a\right\}") and "stretchy" not in mathml(r"\begin{cases}a\\b\end{cases}")
    both = mathml(r"\left\{a\right\} \{b\}")
    assert both.count("<mo>{</mo>") == 1 and both.count('<mo stretchy="false">{</mo>') == 1


def test_the_index_of_an_accented_letter_stands_beside_it():
    assert tags(r"\hat y_i") == ["math", "msub", "mover", "mi", "mo", "mi"]
    assert tags(r"\bar{u}_i^\top", True) == ["math", "msubsup", "mover", "mi", "mo", "mi", "mi"]
    assert tags(r"\overline{xy}_i")[:3] == ["math", "msub", "mover"]
    assert tags(r"\sum_i^n", True)[1] == "munderover", "a sum has limits"


def test_what_a_brace_says_stands_below_it():
    assert tags(r"\underbrace{a}_b", True) == ["math", "munder", "munder", "mi", "mo", "mi"]
    assert tags(r"\overbrace{a}^b", True) == ["math", "mover", "mover", "mi", "mo", "mi"]


def test_a_formula_that_browsers_would_draw_otherwise_is_refused(monkeypatch):
    monkeypatch.setattr(mathematics, "tex2mathml", lambda tex, as_block: "<math><mfrac><mi>a</mi></mfrac></math>")
    with pytest.raises(MathError, match="mfrac with 1 parts"):
        mathml("a")


def test_a_function_stands_apart_from_its_argument_unless_that_has_brackets():
    assert tags(r"\log x") == ["math", "mi", "mspace", "mi"]
    assert "mspace" not in tags(r"\log(x)") and "mspace" not in tags(r"\exp\left(x\right)")


@pytest.mark.parametrize("name", ["aligned", "align*", "split"])
def test_rows_of_an_alignment_become_rows_of_a_table(name):
    found = tags(rf"\begin{{{name}}} a &= b \\ c &= d \end{{{name}}}", True)
    assert found.count("mtr") == 2 and found.count("mtd") == 4


def test_paragraphs_of_a_display_stand_below_each_other():
    assert tags("a = b\n\nc = d", True).count("mtr") == 2


@pytest.mark.parametrize("tex", [r"\nosuchcommand{x}", r"\begin{tikzcd} a \end{tikzcd}", r"\frac{a}{"])
def test_what_cannot_be_translated_is_an_error(tex):
    with pytest.raises(MathError):
        mathml(tex)


def test_a_formula_cannot_carry_markup():
    out = mathml(r"\text{<script>alert(1)</script>}")
    assert "<script" not in out and "&lt;script" in out
