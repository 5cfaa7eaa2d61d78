"""The referring protocol: ties, chance, the head's padding, the same scenes in another style."""

import random

import pytest
import torch

from vlatlas.data.referring import KINDS, expressions
from vlatlas.methods.reclip import locate
from vlatlas.protocols.referring import TEST_SEED, WORLD, Head, Referring, texts_of


@pytest.fixture(scope="module")
def small():
    return Referring(scenes=250, test=10, pairs=20, train=60, steps=3)


def test_features_belong_to_their_boxes(small):
    asked = small.test_set(10)
    assert asked.first[-1] == len(asked.boxes) == len(asked.views["crop"]) and len(asked.expressions) == 40
    e = asked.expressions[0]
    assert 3 <= len(asked.boxes[asked.rows(e)]) <= 4 and e.target < len(asked.boxes[asked.rows(e)])
    sketch = small.test_set(10, "sketch")
    assert [x.text for x in sketch.expressions] == [x.text for x in asked.expressions]
    assert not torch.allclose(sketch.views["crop"], asked.views["crop"])


def test_ties_share_the_point_so_that_no_opinion_is_chance(small):
    asked = small.test_set(10)
    flat = small.accuracy(asked, lambda e: torch.ones(len(asked.boxes[asked.rows(e)])))
    want = [1 / len(asked.boxes[asked.rows(e)]) for e in asked.expressions]
    assert flat["all"] == pytest.approx(sum(want) / len(want))
    perfect = small.accuracy(asked, lambda e: torch.eye(len(asked.boxes[asked.rows(e)]))[e.target])
    assert set(perfect.values()) == {1.0}


def test_all_texts_are_known_in_advance(small):
    asked = small.test_set(10)
    small.prepare(asked)
    known = len(small._texts)
    for e in asked.expressions:
        pi = locate(e.text, asked.boxes[asked.rows(e)], small.likelihood(asked, e, ("crop", "blur")))
        assert pi.sum().item() == pytest.approx(1)
    assert len(small._texts) == known
    assert texts_of("the left star above a red ring.") == ["the left star above a red ring", "a star", "a red ring"]


def test_a_perfect_eye_with_rules_finds_the_box(small):
    """Were CLIP never wrong about nouns, the rules alone would have to find the box; turned round, they would not."""
    asked, attributes = small.test_set(10), {*WORLD.classes("colour"), *WORLD.classes("shape")}
    graphs = WORLD.batch(TEST_SEED + 10, range(small.scenes)).graphs
    rows = sorted({e.scene for kind in KINDS for e in expressions(graphs, kind, random.Random(f"{TEST_SEED + 10}.{kind}"))[:10]})

    def answer(invert):
        def guess(e):
            objects = graphs[rows[e.scene]].objects

            def sure(text):
                words = set(text.split())
                if words & {"above", "below", "than", "of", "the"}:  # the whole expression: no opinion
                    return torch.ones(len(objects), dtype=torch.double)
                return torch.tensor([words & attributes <= {o.colour, o.shape} for o in objects], dtype=torch.double)

            return locate(e.text, asked.boxes[asked.rows(e)], sure, invert)

        return small.accuracy(asked, guess)

    right, wrong = answer(False), answer(True)
    assert right["attribute"] == right["relation"] == right["superlative"] == 1 and right["size"] > 0.6
    assert wrong["attribute"] == 1 and wrong["relation"] < 0.4 and wrong["superlative"] < 0.4


def test_padding_does_not_reach_the_scores():
    torch.manual_seed(0)
    head = Head(8).eval()
    crops, text, boxes = torch.randn(1, 3, 8), torch.randn(1, 8), torch.rand(1, 3, 4)
    there = torch.ones(1, 3, dtype=torch.bool)
    padded = [torch.nn.functional.pad(x, (0, 0, 0, 1), value=7.0) for x in (crops, boxes)]
    with torch.no_grad():
        a = head(crops, text, boxes, there)
        b = head(padded[0], text, padded[1], torch.nn.functional.pad(there, (0, 1)))
    assert torch.allclose(a, b[:, :3], atol=1e-5) and b[0, 3] == -torch.inf


def test_too_few_scenes_are_named():
    with pytest.raises(ValueError, match="raise scenes"):
        Referring(scenes=20, test=200).test_set(10)
