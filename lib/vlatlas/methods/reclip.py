"""ReCLIP: which box does an expression mean? Isolated proposals, and rules for relations (Subramanian et al. 2022)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from . import region_prompts

ARTICLES = ("a", "an", "the")
RELATIONS = {  # words between two noun phrases -> relation
    "left of": "left", "right of": "right", "above": "above", "below": "below",
    "larger than": "larger", "smaller than": "smaller",
}  # fmt: skip
SUPERLATIVES = {  # words before a noun -> relation to the others of its kind
    "left": "left", "right": "right", "top": "above", "bottom": "below", "larger": "larger", "smaller": "smaller",
}  # fmt: skip
INVERSE = {"left": "right", "right": "left", "above": "below", "below": "above", "larger": "smaller", "smaller": "larger"}


@dataclass(frozen=True)
class Node:
    """A noun phrase, "a red star", with what is said of it: relations to other phrases, and superlatives."""

    text: str
    relations: tuple[tuple[str, "Node"], ...] = ()
    superlatives: tuple[str, ...] = ()


def parse(expression: str) -> Node:
    """The tree of an expression: "the left star above a red circle" -> star, superlative left, above (circle).

    A phrase begins with an article; the relation words before it link it to the phrase before.

    Raises:
        ValueError: no article at the beginning, words between phrases that are no relation, or a phrase without a noun.
    """
    words = expression.rstrip(".").lower().split()
    starts = [i for i, w in enumerate(words) if w in ARTICLES]
    if not starts or starts[0] != 0:
        raise ValueError(f"{expression!r} does not begin with a noun phrase: begin it with 'a' or 'the'")
    phrases, links = [], []
    for begin, end in zip(starts, [*starts[1:], len(words)], strict=True):
        inside, link = words[begin + 1 : end], None
        if end < len(words):  # what stands at the end of this stretch links to the next phrase
            link = next((k for k in RELATIONS if " ".join(inside).endswith(k)), None)
            if link is None:
                raise ValueError(f"no relation before {' '.join(words[end:])!r}; known are {', '.join(RELATIONS)}")
            inside = inside[: len(inside) - len(link.split())]
        said = []
        while inside and inside[0] in SUPERLATIVES and words[begin] == "the":
            said.append(SUPERLATIVES[inside.pop(0)])
        if not inside:
            raise ValueError(f"a phrase of {expression!r} has no noun")
        phrases.append(Node(("an " if inside[0][0] in "aeiou" else "a ") + " ".join(inside), (), tuple(said)))
        links.append(link and RELATIONS[link])
    node = phrases.pop()
    for link in reversed(links[:-1]):  # from the last phrase up to the head
        node = replace(phrases.pop(), relations=((link, node),))
    return node


def inverted(node: Node) -> Node:
    """The same tree with every relation turned round: left for right, above for below, larger for smaller."""
    below = tuple((INVERSE[r], inverted(child)) for r, child in node.relations)
    return replace(node, relations=below, superlatives=tuple(INVERSE[r] for r in node.superlatives))


def related(boxes: Tensor, relation: str) -> Tensor:
    """(B, B) bool, entry (i, j): box i stands in the relation to box j. boxes (B, 4): x0, y0, x1, y1, y down.

    Centres decide on left, right, above and below; areas on larger and smaller.

    Raises:
        ValueError: an unknown relation.
    """
    x0, y0, x1, y1 = boxes.double().T
    value = {"left": -(x0 + x1), "right": x0 + x1, "above": -(y0 + y1), "below": y0 + y1}
    value |= {"larger": (x1 - x0) * (y1 - y0), "smaller": -(x1 - x0) * (y1 - y0)}
    if relation not in value:
        raise ValueError(f"relation {relation!r} is unknown; use one of {', '.join(value)}")
    v = value[relation]
    return v[:, None] > v[None, :]


def resolve(node: Node, boxes: Tensor, likelihood: Callable[[str], Tensor]) -> Tensor:
    r"""(B,) $\pi_n(b)\propto p(b\mid t_n)\prod_{(n',\rho)}\sum_{b'}\mathbf 1[\rho(b,b')]\,\pi_{n'}(b')$, and for each
    superlative $\pi_n(b)\leftarrow\pi_n(b)\sum_{b'}\mathbf 1[\rho(b,b')]\,\pi_n(b')$, normalised.

    likelihood: text -> p(b | t), (B,). Where no box fulfils what is said, that part is left out.
    """
    p = likelihood(node.text)
    for relation, child in node.relations:
        p = _times(p, related(boxes, relation).to(p.dtype) @ resolve(child, boxes, likelihood))
    for relation in node.superlatives:
        p = _times(p, related(boxes, relation).to(p.dtype) @ p)
    return p


def _times(p: Tensor, factor: Tensor) -> Tensor:
    product = p * factor
    total = product.sum()
    return product / total if total > 0 else p


def locate(expression: str, boxes: Tensor, likelihood: Callable[[str], Tensor], invert: bool = False) -> Tensor:
    """(B,) ReCLIP's distribution: that of the whole expression times that of the tree, where the expression has a relation
    or a superlative; otherwise the first alone. invert: the rules turned round, as a control."""
    whole = likelihood(expression.rstrip("."))
    tree = parse(expression)
    if not tree.relations and not tree.superlatives:
        return whole
    return _times(whole, resolve(inverted(tree) if invert else tree, boxes, likelihood))


def rectangles(boxes: Tensor, size: int) -> Tensor:
    """(R, size, size) bool: the pixels inside each box (R, 4), ends exclusive."""
    at = torch.arange(size)
    x0, y0, x1, y1 = (e.view(-1, 1, 1) for e in boxes.T)
    return (at >= x0) & (at < x1) & ((at >= y0.transpose(1, 2)) & (at < y1.transpose(1, 2))).transpose(1, 2)


def shade(images: Tensor, masks: Tensor) -> Tensor:
    """Half transparent red over the region, the cue of coloured prompts (Yao et al. 2021)."""
    tint = torch.tensor([240 / 255, 0.0, 30 / 255]).view(1, 3, 1, 1)
    return torch.where(masks[:, None], (images + tint) / 2, images)


def isolate(images: Tensor, boxes: Tensor, how: str, size: int, radius: int = 6) -> Tensor:
    """Each proposal (R, 4) of its image (R, 3, H, H), shown to an encoder of `size` pixels: "crop" (the box alone, its longer
    side times 1.2), "blur" (the whole image, blurred outside the box), "shade" or "whole".

    Raises:
        ValueError: an unknown way.
    """
    masks = rectangles(boxes, images.shape[-1])
    if how == "crop":
        shown = region_prompts.crop(images, masks)[:, :3]
    elif how == "blur":
        shown = region_prompts.blur(images, masks, radius)[:, :3]
    elif how in ("shade", "whole"):
        shown = shade(images, masks) if how == "shade" else images
    else:
        raise ValueError(f"how {how!r} is unknown; use crop, blur, shade or whole")
    return F.interpolate(shown, (size, size), mode="area")
