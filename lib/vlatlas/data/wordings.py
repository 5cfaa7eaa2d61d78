"""Several wordings for the same shapes: their names, synonyms, descriptions, and a language of its own script.

Only the word for the shape changes in the first three, so nothing but the shape can give a wording away; the foreign
language has other words, another order and another alphabet. No sentence names one shape in two wordings.
"""

import re
from dataclasses import replace

from .scenes import World
from .scenes.english import PROMPTS, TEMPLATES, prompt, realise
from .scenes.languages import Language
from .scenes.statement import Statement

SYNONYMS = {
    "circle": "disc", "square": "box", "triangle": "wedge", "star": "pentagram",
    "cross": "plus", "heart": "valentine", "ring": "hoop", "crescent": "moon",
}  # fmt: skip
DESCRIPTIONS = {
    "circle": "figure without corners", "square": "figure with four equal sides",
    "triangle": "figure with three corners", "star": "figure with five points",
    "cross": "figure with four arms", "heart": "figure with two lobes",
    "ring": "figure with a hole", "crescent": "figure like a sickle",
}  # fmt: skip
NAMES = {shape: shape for shape in SYNONYMS}
ENGLISH = {"names": NAMES, "synonyms": SYNONYMS, "descriptions": DESCRIPTIONS}
FOREIGN = Language("wordings", script="cyrillic", agreement=False)
WORDINGS = (*ENGLISH, "foreign")


def _renamed(statement: Statement, wording: str) -> Statement:
    """The statement with its shapes called otherwise; raises ValueError for a wording or shape that has no word."""
    if wording not in ENGLISH:
        raise ValueError(f"wording {wording!r} is unknown; use one of {', '.join(WORDINGS)}")
    words = ENGLISH[wording]
    strange = sorted({thing["shape"] for thing in statement.objects} - set(words))
    if strange:
        raise ValueError(f"no word for {', '.join(strange)} among the {wording}; there are {', '.join(words)}")
    return replace(statement, objects=tuple({**thing, "shape": words[thing["shape"]]} for thing in statement.objects))


def put(statement: Statement, wording: str, template: int = 0) -> str:
    """A statement as a caption in a wording; template as of `english.realise`. Raises ValueError as told above."""
    return FOREIGN.realise(statement) if wording == "foreign" else realise(_renamed(statement, wording), template)


def captions(batch, wordings: list[str]) -> list[str]:
    """The captions of a batch, scene i in the wording `wordings[i]`; templates as in the batch's own captions."""
    templates = batch.draw.integers("phrase", 2 * len(TEMPLATES))[:, 0].tolist()
    return [put(s, w, t) for s, w, t in zip(batch.statements, wordings, templates, strict=True)]


def class_prompts(wording: str, shapes) -> list[list[str]]:
    """Zero-shot prompts of each shape in a wording: the templates of `World.prompts`, or one sentence in the foreign
    language. Only the shape is named."""
    stated = [Statement(({"shape": s},)) for s in shapes]
    if wording == "foreign":
        return [[FOREIGN.realise(s)] for s in stated]
    return [[prompt(_renamed(s, wording), t) for t in range(len(PROMPTS))] for s in stated]


def new_words() -> list[str]:
    """Every word of these wordings that a caption of `World` has not, in a fixed order."""
    text = " ".join([*SYNONYMS.values(), *DESCRIPTIONS.values(), *FOREIGN.lexicon.values()])
    known = set(World.vocabulary())
    return [w for w in dict.fromkeys(re.findall(r"\w+", text)) if w not in known]
