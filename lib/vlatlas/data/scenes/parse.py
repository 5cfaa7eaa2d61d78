"""From a caption back to what it states."""

import re

from . import english
from .statement import Statement, Thing
from .vocabulary import BACKGROUNDS, COLOURS, PLACES, POSES, RELATIONS, SHAPES, SIZES, TEXTURES


class ParseError(ValueError):
    """A sentence outside the captions' grammar."""


def _any(words) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_VALUES = {"size": SIZES[3], "pose": POSES, "colour": COLOURS, "texture": TEXTURES}
_THING = r"an? " + "".join(f"(?:(?:{_any(v)}) )?" for v in _VALUES.values())
_THING += rf"(?:{_any(SHAPES)}|object)(?: at the (?:{_any(PLACES)}))?"
_JOINT = rf" (?:{_any(RELATIONS)}|and|without) "
_THINGS = rf"(?P<things>{_THING}(?:{_JOINT}{_THING})*)"
_GROUND = rf"(?: on an? (?P<ground>{_any(BACKGROUNDS)}) background)?"
_NOUN = rf"(?P<noun>{_any([*english.NOUNS.values(), *english.PLAIN_NOUNS])})"
_SENTENCES = [
    re.compile(
        re.escape(t)
        .replace(r"\{a\}", "an?")
        .replace(r"\{noun\}", _NOUN)
        .replace(r"\{things\}", _THINGS)
        .replace(r"\{ground\}", _GROUND)
    )
    for t in (*english.TEMPLATES, *english.PROMPTS)
]
_STYLE_OF = {noun: style for style, noun in english.NOUNS.items() if noun not in english.PLAIN_NOUNS}
_ATTRIBUTE_OF = {w: a for a, words in {**_VALUES, "shape": SHAPES}.items() for w in words}


def parse(text: str) -> Statement:
    """What a caption states: the inverse of `english.realise`.

    Raises:
        ParseError: the sentence is none of the captions' or prompts' sentences.
    """
    for sentence in _SENTENCES:
        found = sentence.fullmatch(text)
        if found:
            parts = found.groupdict()
            return _statement(parts["things"], parts.get("ground"), _STYLE_OF.get(parts.get("noun")))
    raise ParseError(f"no caption of scenes: {text!r}; write it like {english.TEMPLATES[0]!r}")


def _statement(text: str, background: str | None, style: str | None) -> Statement:
    objects, relations, absent = [], [], []
    pieces = re.split(rf"({_JOINT})(?=an? )", text)
    joint = "and"
    for k, piece in enumerate(pieces):
        if k % 2:
            joint = piece.strip()
        elif joint == "without":
            absent.append(_thing(piece))
        else:
            objects.append(_thing(piece))
            if joint != "and":
                relations.append((len(objects) - 2, joint, len(objects) - 1))
    return Statement(tuple(objects), tuple(relations), background, style, tuple(absent))


def _thing(text: str) -> Thing:
    head, _, place = text.partition(" at the ")
    thing = {_ATTRIBUTE_OF[w]: w for w in head.split()[1:] if w != "object"}
    return {**thing, "position": place} if place else thing
