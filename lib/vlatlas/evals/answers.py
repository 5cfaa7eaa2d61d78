"""Is an answer right? Free text against the facts of a drawn scene: by what is asked, and by what it says besides."""

import re

from ..data.instructions import Question
from ..data.scenes.vocabulary import ATTRIBUTE_OF, BACKGROUNDS

_ATTRIBUTE = ATTRIBUTE_OF | dict.fromkeys(BACKGROUNDS, "background")

Said = dict[str, set[str]]


def said(text: str) -> Said:
    """attribute -> the values that a text names."""
    out: Said = {}
    for word in re.findall(r"[a-z]+", text):
        if word in _ATTRIBUTE:
            out.setdefault(_ATTRIBUTE[word], set()).add(word)
    return out


def right(question: Question, answer: str) -> float:
    """In 0..1. Conversation: 1 if the answer names the true value of what is asked, and nothing else. Detail: F1 of the facts
    named. Reasoning: 1 if the last object that is named has exactly the right colour, texture and shape."""
    truth = set(question.truth.items())
    if question.kind == "reasoning":
        parts = [p for p in re.split(r"[.,]| then ", answer) if "shape" in said(p)]
        return float(bool(parts) and _pairs(said(parts[-1])) == truth)
    named = _pairs(said(answer))
    if question.kind == "detail":
        return 2 * len(named & truth) / (len(named) + len(truth))
    return float(named == truth)


def told(question: Question, answer: str) -> float:
    """1 if the answer names the true value of everything that is asked and no other value of it, whatever it says besides."""
    named = said(answer)
    return float(all(named.get(a, set()) == {v} for a, v in question.truth.items()))


def made_up(answer: str, facts: dict[str, str]) -> float | None:
    """Share of the values that an answer names and the scene does not have, or None if it names none.

    facts: attribute -> value, of the scene."""
    named = _pairs(said(answer))
    return sum(facts[a] != v for a, v in named) / len(named) if named else None


def _pairs(named: Said) -> set[tuple[str, str]]:
    return {(a, v) for a, values in named.items() for v in values}
