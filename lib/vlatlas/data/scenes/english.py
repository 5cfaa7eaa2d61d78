"""English: a statement put into words, and prompts for zero-shot classification."""

from .statement import Statement, Thing

NOUNS = {  # what a picture of each style is called
    "flat": "picture", "shaded": "rendering", "photo": "photo", "sketch": "sketch", "painting": "painting",
    "silhouette": "silhouette", "blueprint": "blueprint", "inverted": "negative",
}  # fmt: skip
PLAIN_NOUNS = ("picture", "image")  # a sentence with one of these says nothing about the style
TEMPLATES = (  # of captions; {ground} is empty when the background is not stated; {a} is the noun's article
    "{a} {noun} of {things}{ground}.",
    "there is {things}{ground} in this {noun}.",
    "this {noun} shows {things}{ground}.",
    "{things}{ground}, {a} {noun}.",
)
PROMPTS = (  # made of the captions' words, but none of them is a caption's sentence
    "in this {noun} is {things}.",
    "this is {things}.",
    "{things} in {a} {noun}.",
    "there is {a} {noun} of {things}.",
)
ORDER = ("size", "pose", "colour", "texture", "shape")  # of the words before and of the noun


def phrase(thing: Thing) -> str:
    """ "a large red striped star at the top left"; without a shape, "a red object"."""
    words = [thing[a] for a in ORDER if a in thing]
    if "shape" not in thing:
        words.append("object")
    text = ("an " if words[0][0] in "aeiou" else "a ") + " ".join(words)
    return f"{text} at the {thing['position']}" if "position" in thing else text


def things(statement: Statement) -> str:
    """All objects, joined by the relations between neighbours or by "and"."""
    joints = {(i, j): r for i, r, j in statement.relations}
    out = []
    for k, thing in enumerate(statement.objects):
        if k:
            out.append(joints.get((k - 1, k), "and"))
        out.append(phrase(thing))
    for thing in statement.absent:
        out += ["without", phrase(thing)]
    return " ".join(out)


def realise(statement: Statement, template: int = 0) -> str:
    """One sentence. template: which of `TEMPLATES`, modulo their number.

    Raises:
        ValueError: relations that do not join an object with the next (a sentence can't say them).
    """
    if any(j != i + 1 for i, _, j in statement.relations):
        raise ValueError(f"relations {statement.relations} must join each object with the next, (i, relation, i + 1)")
    noun = PLAIN_NOUNS[template // 2 % 2] if statement.style is None else NOUNS[statement.style]
    ground = f" on a {statement.background} background" if statement.background else ""
    return TEMPLATES[template % len(TEMPLATES)].format(
        a="an" if noun == "image" else "a", noun=noun, things=things(statement), ground=ground
    )


def prompt(statement: Statement, template: int) -> str:
    """A zero-shot prompt: sentence number `template` of `PROMPTS`."""
    noun = "picture" if statement.style is None else NOUNS[statement.style]
    return PROMPTS[template].format(a="a", noun=noun, things=things(statement))
