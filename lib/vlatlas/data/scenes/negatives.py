"""Hard negatives: statements one step away from a true one, and false of the same scene.

Every swap has its counterpart among the truths: over many scenes a string occurs as often as a true caption
as it does as a foil, so that text alone does not tell them apart.
"""

from dataclasses import replace

from .graph import Scene
from .rng import Draw
from .statement import Statement
from .vocabulary import CONVERSE

KINDS = ("attribute", "relation", "replace", "negate")


def swap_attribute(statement: Statement, attribute: str) -> Statement | None:
    """The first two objects exchange their values of an attribute; None if they do not differ in it."""
    if len(statement.objects) < 2:
        return None
    a, b, *rest = statement.objects
    if attribute not in a or attribute not in b or a[attribute] == b[attribute]:
        return None
    pair = ({**a, attribute: b[attribute]}, {**b, attribute: a[attribute]})
    return replace(statement, objects=(*pair, *rest))


def swap_relation(statement: Statement) -> Statement | None:
    """Subject and object of the first relation change places ("a left of b" -> "b left of a"); None without
    one."""
    if not statement.relations:
        return None
    i, relation, j = statement.relations[0]
    objects = list(statement.objects)
    objects[i], objects[j] = objects[j], objects[i]
    return replace(statement, objects=tuple(objects))


def replace_value(statement: Statement, scene: Scene, world, attribute: str, pick: float) -> Statement | None:
    """The first object gets a value of an attribute that nothing in the scene has; None if it is not
    stated."""
    if attribute not in statement.objects[0]:
        return None
    present = {o.get(attribute) for o in scene.objects}
    others = [v for v in world.classes(attribute) if v not in present]
    if not others:
        return None
    first = {**statement.objects[0], attribute: others[int(pick * len(others))]}
    return replace(statement, objects=(first, *statement.objects[1:]))


def negate(statement: Statement) -> Statement | None:
    """The last object is said to be missing; None for a single object."""
    if len(statement.objects) < 2:
        return None
    last = len(statement.objects) - 1
    kept = tuple(r for r in statement.relations if last not in (r[0], r[2]))
    return replace(statement, objects=statement.objects[:-1], relations=kept, absent=statement.objects[-1:])


def foils(batch, kind: str, attribute: str = "colour") -> list[Statement | None]:
    """One false statement per scene of a batch, or None where the caption leaves no room for this kind.

    Args:
        kind: "attribute" (two objects exchange `attribute`), "relation" (they change places), "replace" (a
            value that does not occur), "negate" ("without" something that is there).

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    picks = batch.draw.uniform("foil")[:, 0].tolist()
    out = []
    for statement, scene, pick in zip(batch.statements, batch.graphs, picks, strict=True):
        if kind == "attribute":
            foil = swap_attribute(statement, attribute)
        elif kind == "relation":
            foil = swap_relation(statement)
        elif kind == "replace":
            foil = replace_value(statement, scene, batch.world, attribute, pick)
        else:
            foil = negate(statement)
        out.append(None if foil is None or foil.true_of(scene) else foil)
    return out


def shuffled(texts: list[str], draw: Draw, number: int = 0) -> list[str]:
    """The same words in another order (never the given one), the full stop last: the order foils of ARO
    (Yuksekgonul et al. 2023). number: which of several shuffles."""
    keys = draw.uniform(f"shuffle.{number}", max(len(t.split()) for t in texts))
    out = []
    for text, key in zip(texts, keys, strict=True):
        words = text.rstrip(".").split()
        order = sorted(range(len(words)), key=key.__getitem__)
        mixed = [words[i] for i in order]
        if mixed == words:
            mixed = mixed[1:] + mixed[:1]
        out.append(" ".join(mixed) + ".")
    return out


def opposite(statement: Statement) -> Statement:
    """The same fact told from the other side ("a left of b" -> "b right of a"): true where the first is.
    Raises ValueError unless the statement is one relation between two objects."""
    if len(statement.objects) != 2 or len(statement.relations) != 1:
        raise ValueError(f"{statement} is not one relation between two objects")
    a, b = statement.objects
    return replace(statement, objects=(b, a), relations=((0, CONVERSE[statement.relations[0][1]], 1),))
