"""Other ways to write the same: paraphrases, long descriptions, web-like alt text and negated captions."""

import re
from dataclasses import replace

from .english import phrase, realise
from .questions import NUMBERS
from .statement import Statement
from .vocabulary import HIDES
from .world import World

SYNONYMS = {  # a paraphrase shares none of these words with the caption
    "small": "little", "large": "big", "medium": "middling", "red": "scarlet", "green": "emerald",
    "blue": "azure", "yellow": "golden", "purple": "violet", "cyan": "turquoise", "pink": "rosy",
    "circle": "disc", "square": "box", "star": "pentagram", "cross": "plus", "ring": "hoop",
    "crescent": "moon",
    "diamond": "rhombus", "bolt": "lightning", "striped": "banded", "dotted": "spotted", "plain": "uniform",
    "checkered": "chequered", "picture": "view", "shows": "depicts", "background": "backdrop", "dark": "dim",
    "light": "pale", "noisy": "grainy", "above": "over", "below": "under", "larger": "bigger",
    "smaller": "tinier", "tilted": "slanted",
}  # fmt: skip
GENERIC = (
    "my favourite", "untitled", "click to enlarge", "best price, free shipping", "new photo", "holiday",
    "thumbnail", "for sale", "nice", "look at this",
)  # fmt: skip


def vocabulary() -> list[str]:
    """Every word of captions, prompts, paraphrases, long and alt texts, questions, answers and
    instructions."""
    text = " ".join([*SYNONYMS.values(), *GENERIC, "img", *NUMBERS])
    text += " yes no is there how many objects are what colour shape ? make turn into describe"
    extra = re.findall(r"[a-z]+|[?]", text)
    return list(dict.fromkeys([*World.vocabulary(), *extra]))


def _words(text: str, table: dict[str, str]) -> str:
    out = " ".join(table.get(w.rstrip(".,"), w.rstrip(".,")) + w[len(w.rstrip(".,")) :] for w in text.split())
    return _articles(out)


def _articles(text: str) -> str:
    """ "a" or "an" to match the next word."""
    words = text.split()
    for i in range(len(words) - 1):
        if words[i] in ("a", "an"):
            words[i] = "an" if words[i + 1][0] in "aeiou" else "a"
    return " ".join(words)


def paraphrase(statement: Statement, template: int) -> str:
    """Another sentence (the next template) with synonyms for the content words."""
    return _words(realise(statement, template + 1), SYNONYMS)


def canonical(text: str) -> str:
    """A paraphrase in the captions' own words, so that `parse` reads it."""
    return _words(text, {v: k for k, v in SYNONYMS.items()})


def long(batch, sentences: int = 8) -> list[list[str]]:
    """Long descriptions: for each scene up to `sentences` sentences, one fact each, in a fixed order: objects
    (shape and colour), then textures and sizes, then relations, then the background. Every sentence is
    true."""
    out = []
    for scene in batch.graphs:
        hidden = HIDES.get(scene.style, ())
        seen = [a for a in ("colour", "shape") if a not in hidden]
        told = [f"there is {phrase({a: o.get(a) for a in seen})}." for o in scene.objects]
        for o in scene.objects:
            told += [f"the {o.shape} is {o.get(a)}." for a in ("texture", "size") if a not in hidden]
        for i, relation, j in scene.relations():
            if i < j:
                told.append(f"the {scene.objects[i].shape} is {relation} the {scene.objects[j].shape}.")
        if "background" not in hidden:
            told.append(f"the background is {scene.background}.")
        out.append(told[:sentences])
    return out


def alt_text(batch, unrelated: float = 0.3, generic: float = 0.3) -> tuple[list[str], list[str]]:
    """Web-like alt text: with these probabilities the caption of another scene or a phrase that says
    nothing, and otherwise one or two attributes of the first object.

    Returns the texts, and for each its kind: "unrelated", "generic" or "partial".

    Raises:
        ValueError: probabilities that are negative or add up to more than 1.
    """
    if unrelated < 0 or generic < 0 or unrelated + generic > 1:
        raise ValueError(f"unrelated {unrelated} and generic {generic} must be shares that add up to at most 1")
    u = batch.draw.uniform("alt", 4)
    strangers = [realise(s, 0) for s in _strangers(batch)]
    texts, kinds = [], []
    for (kind, pick, number, pair), scene, stranger in zip(u.tolist(), batch.graphs, strangers, strict=True):
        first = scene.objects[0]
        if kind < unrelated:
            texts.append(stranger)
            kinds.append("unrelated")
        elif kind < unrelated + generic:
            name = f"img {int(number * 9000) + 1000}" if pick < 0.4 else GENERIC[int(number * len(GENERIC))]
            texts.append(name)
            kinds.append("generic")
        else:
            said = {"shape": first.shape} if pick < 0.5 else {"colour": first.colour}
            both = {"colour": first.colour, "shape": first.shape}
            texts.append(phrase(both if pair < 0.5 else said).split(" ", 1)[1])
            kinds.append("partial")
    return texts, kinds


def _strangers(batch) -> list[Statement]:
    """Statements of other scenes: those of the same numbers under another seed."""
    return batch.world.batch(batch.draw.seed + 1_000_003, batch.draw.index).statements


def negated(batch) -> list[Statement]:
    """True statements with a negation: "... without a green ring", naming a shape and colour of this split
    that the scene does not have."""
    combos = batch.world.combinations
    picks = batch.draw.uniform("negated", 40)
    out = []
    for statement, scene, pick in zip(batch.statements, batch.graphs, picks, strict=True):
        there = {o.shape for o in scene.objects} | {o.colour for o in scene.objects}
        for u in pick:
            s, c, _ = combos[int(u * len(combos))]
            thing = {"colour": batch.world.colours[c], "shape": batch.world.shapes[s]}
            if not there & set(thing.values()):
                out.append(replace(statement, absent=(thing,)))
                break
        else:
            raise ValueError(f"nothing is missing from {scene}; a negated caption needs a world with more shapes")
    return out
