"""ReCLIP: the resolver against an enumeration of all assignments, the parser, the views of a proposal."""

import itertools

import pytest
import torch

from vlatlas.methods.reclip import INVERSE, Node, inverted, isolate, locate, parse, rectangles, related, resolve

BOXES = torch.tensor([[0, 0, 10, 10], [20, 2, 50, 20], [5, 30, 25, 60], [40, 40, 46, 44]])


def by_hand(relation, a, b):
    """Plain comparison of two boxes."""
    centre = lambda box: ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)  # noqa: E731
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])  # noqa: E731
    (ax, ay), (bx, by) = centre(a), centre(b)
    return {"left": ax < bx, "right": ax > bx, "above": ay < by, "below": ay > by,
            "larger": area(a) > area(b), "smaller": area(a) < area(b)}[relation]  # fmt: skip


def table(seed=0):
    """A likelihood that knows nothing: a random distribution for each text."""
    g, known = torch.Generator().manual_seed(seed), {}

    def likelihood(text):
        if text not in known:
            known[text] = torch.rand(len(BOXES), generator=g, dtype=torch.float64).softmax(0)
        return known[text]

    return likelihood


@pytest.mark.parametrize("relation", INVERSE)
def test_relations_of_all_pairs_by_hand(relation):
    m = related(BOXES, relation)
    for i, j in itertools.product(range(4), repeat=2):
        assert m[i, j].item() == by_hand(relation, BOXES[i].tolist(), BOXES[j].tolist())
    assert torch.equal(related(BOXES, INVERSE[relation]), m.T) and not m.diagonal().any()


@pytest.mark.parametrize("relation", INVERSE)
def test_one_relation_equals_the_enumeration_of_all_pairs(relation):
    """p(b) = sum over assignments (b, b') that fulfil the relation of p(b | head) p(b' | child), normalised."""
    p, boxes = table(), BOXES.tolist()
    weight = [0.0] * 4
    for i, j in itertools.product(range(4), repeat=2):
        if by_hand(relation, boxes[i], boxes[j]):
            weight[i] += p("a star")[i].item() * p("a circle")[j].item()
    got = resolve(Node("a star", ((relation, Node("a circle")),)), BOXES, p)
    assert got.tolist() == pytest.approx([w / sum(weight) for w in weight])


def test_a_chain_and_a_branch_equal_enumerations():
    p, boxes = table(1), BOXES.tolist()
    holds = lambda r, i, j: by_hand(r, boxes[i], boxes[j])  # noqa: E731
    inner = [sum(p("b")[j].item() * p("c")[k].item() for k in range(4) if holds("above", j, k)) for j in range(4)]
    inner = [x / sum(inner) for x in inner]
    chain = [p("a")[i].item() * sum(inner[j] for j in range(4) if holds("left", i, j)) for i in range(4)]
    got = resolve(Node("a", (("left", Node("b", (("above", Node("c")),))),)), BOXES, p)
    assert got.tolist() == pytest.approx([x / sum(chain) for x in chain])
    branch = [p("a")[i].item() * sum(p("b")[j].item() * p("c")[k].item() for j in range(4) for k in range(4)
                                     if holds("right", i, j) and holds("smaller", i, k)) for i in range(4)]  # fmt: skip
    got = resolve(Node("a", (("right", Node("b")), ("smaller", Node("c")))), BOXES, p)
    assert got.tolist() == pytest.approx([x / sum(branch) for x in branch])


def test_a_superlative_asks_among_boxes_of_its_kind():
    stars = torch.tensor([0.5, 0.5, 0, 0], dtype=torch.float64)
    got = resolve(Node("a star", (), ("right",)), BOXES, lambda t: stars)
    assert got.tolist() == [0, 1, 0, 0]
    assert resolve(Node("a star", (), ("left",)), BOXES, lambda t: stars).tolist() == [1, 0, 0, 0]


def test_what_no_box_fulfils_is_left_out():
    sure = torch.eye(4, dtype=torch.float64)[0]
    assert torch.equal(resolve(Node("a star", (("right", Node("a star")),)), BOXES, lambda t: sure), sure)


@pytest.mark.parametrize(
    "text, tree",
    [
        ("a red star.", Node("a red star")),
        ("a star left of an orange circle.", Node("a star", (("left", Node("an orange circle")),))),
        ("the left striped star.", Node("a striped star", (), ("left",))),
        (
            "the larger object below a ring above a red heart",
            Node("an object", (("below", Node("a ring", (("above", Node("a red heart")),))),), ("larger",)),
        ),  # noqa: E501
        ("a large star smaller than the top ring", Node("a large star", (("smaller", Node("a ring", (), ("above",))),))),
    ],
)
def test_the_parser_reads(text, tree):
    assert parse(text) == tree
    assert inverted(inverted(tree)) == tree


@pytest.mark.parametrize("text, words", [("star", "noun phrase"), ("a star near a ring", "no relation"), ("the left", "no noun")])
def test_the_parser_refuses(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text)


def test_without_a_relation_the_whole_expression_decides_and_inversion_changes_nothing():
    p = table(2)
    assert torch.equal(locate("a red star.", BOXES, p), p("a red star"))
    assert torch.equal(locate("a red star.", BOXES, p, invert=True), p("a red star"))


def test_with_a_relation_both_distributions_are_multiplied():
    p, text = table(3), "a star left of a ring"
    want = p(text) * resolve(parse(text), BOXES, p)
    assert torch.allclose(locate(text + ".", BOXES, p), want / want.sum())
    assert not torch.allclose(locate(text, BOXES, p), locate(text, BOXES, p, invert=True))


def test_rectangles_and_views():
    masks = rectangles(BOXES, 64)
    for box, mask in zip(BOXES.tolist(), masks, strict=True):
        ys, xs = mask.nonzero(as_tuple=True)
        assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == box and mask.sum() == (box[2] - box[0]) * (box[3] - box[1])
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for how in ("crop", "blur", "shade", "whole"):
        assert isolate(images, BOXES, how, 32).shape == (4, 3, 32, 32)
    changed = (isolate(images, BOXES, "blur", 64) != images).any(dim=1)
    assert not (changed & masks).any() and changed[~masks].float().mean() > 0.99
    tinted = (isolate(images, BOXES, "shade", 64) != images).any(dim=1)
    assert torch.equal(tinted, masks)
    red = torch.zeros(1, 3, 64, 64)
    red[0, 0, 30:60, 5:25] = 1  # the third box, alone
    assert isolate(red, BOXES[2:3], "crop", 32)[0, 0, 4:28, 10:22].mean() > 0.95
    with pytest.raises(ValueError, match="'outline' is unknown"):
        isolate(images, BOXES, "outline", 32)
