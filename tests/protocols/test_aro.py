"""The ARO protocol on few scenes."""

import pytest
import torch

from vlatlas.data.scenes.parse import parse
from vlatlas.data.splits.compositional import TEST_SEED
from vlatlas.methods.negclip import KINDS, swapped
from vlatlas.protocols.aro import ARMS, BLIND_SEED, PLACES, POOL_SEED, TESTS, Aro, scenes

SMALL = Aro(pool=96, test=30, single=20, blind=600, steps=2, batch_size=8)


def bag(text):
    return sorted("a" if w == "an" else w for w in text.rstrip(".").split())


def test_captions_are_true_and_foils_false_with_the_same_words():
    batch, said = scenes(TEST_SEED, 30)
    for i, scene in enumerate(batch.graphs):
        assert said[i].true_of(scene) and said[i].relations[0][1] in PLACES
        assert all("size" not in thing for thing in said[i].objects) and said[i].background is None
        for kind in TESTS[:2]:
            truth, false = SMALL.questions[kind][i]
            assert parse(truth).true_of(scene) and not parse(false).true_of(scene)
            assert bag(truth) == bag(false)
        truth, *mixed = SMALL.questions["order"][i]
        assert len(mixed) == 4 and truth not in mixed
        assert all(bag(t) == bag(truth) for t in mixed)


def test_the_scenes_of_training_test_and_blind_scorer_are_apart():
    keys = [k for seed, n in ((POOL_SEED, 96), (TEST_SEED, 30), (BLIND_SEED, 600)) for k in scenes(seed, n)[0].draw.key.tolist()]
    assert len(keys) == len(set(keys)) == 726


def test_one_half_of_a_hard_batch_is_a_neighbour_of_the_other():
    rows = {tuple(x.flatten().tolist()): i for i, x in enumerate(SMALL.train_tokens)}
    x, ids, false = SMALL.batches("negclip", 3)(0)
    drawn, hard = torch.tensor([rows[tuple(t.flatten().tolist())] for t in x]).split(4)
    assert all(h in SMALL.nearest[d] for d, h in zip(drawn, hard, strict=True))
    assert torch.equal(ids, SMALL.train_ids[torch.cat([drawn, hard])]) and false.shape == ids.shape


def test_arms_share_pairs_and_differ_in_their_false_captions():
    plain, texts, strangers = (SMALL.batches(a, 3)(1) for a in ("plain", "texts", "strangers"))
    assert len(plain) == 2
    for other in (texts, strangers):
        assert torch.equal(plain[0], other[0]) and torch.equal(plain[1], other[1])
    decode = SMALL.clip.tokenizer.decode
    swaps = lambda i: {decode(SMALL.clip.tokenizer(t)[0].tolist()) for k in KINDS if (t := swapped(i, k))}  # noqa: E731
    captions = [SMALL.train_captions[int((SMALL.train_ids == row).all(dim=1).nonzero()[0])] for row in texts[1]]
    own = [[decode(row) in swaps(c) for row, c in zip(b[2].tolist(), captions, strict=True)] for b in (texts, strangers)]
    assert all(own[0]) and not any(own[1])


def test_every_caption_has_swaps_and_only_those_are_drawn():
    ids, weights = SMALL.false_ids
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(96))
    for i, caption in enumerate(SMALL.train_captions):
        there = [swapped(caption, k) is not None for k in KINDS]
        assert (weights[i] > 0).tolist() == there and there[KINDS.index("noun")] and there[KINDS.index("phrase")]
        assert ids[i, KINDS.index("noun")].equal(SMALL.clip.tokenizer(swapped(caption, "noun"))[0])


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_trains_and_the_same_seed_gives_the_same_model(arm):
    before = {n: p.clone() for n, p in SMALL.clip.named_parameters()}
    a, b = SMALL.tune(arm, 0), SMALL.tune(arm, 0)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.text.embed_tokens.weight, SMALL.clip.text.embed_tokens.weight)
    assert all(torch.equal(p, before[n]) for n, p in SMALL.clip.named_parameters())


def test_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="'random'"):
        SMALL.batches("random", 0)


class Told:
    """A model that is told: texts that are true of scene i share its feature, all others get another one."""

    training = False

    def __init__(self, protocol, collapsed):
        self.tokenizer, self.collapsed = protocol.clip.tokenizer, collapsed
        self.true = {tuple(self.tokenizer(row[0])[0].tolist()): i for i, row in enumerate(protocol.questions["order"])}

    def parameters(self):
        return iter([torch.zeros(1)])

    def eval(self):
        return self

    def train(self, mode):
        return self

    def encode_image(self, x):
        return torch.ones(len(x), 31) if self.collapsed else torch.eye(31)[torch.arange(len(x)) % 31]

    def encode_text(self, ids):
        if self.collapsed:
            return torch.ones(len(ids), 31)
        return torch.eye(31)[[self.true.get(tuple(row), 30) for row in ids.tolist()]]


def test_who_knows_gets_every_point_and_who_says_always_the_same_gets_none():
    known, same = (SMALL.evaluate(Told(SMALL, collapsed)) for collapsed in (False, True))
    assert all(known[k] == 1.0 for k in (*TESTS, "intact")) and known["shuffled"] == 0.0
    assert all(same[k] == 0.0 for k in (*TESTS, "intact", "exchanged", "shuffled"))


def test_the_start_is_a_bag_of_words():
    found = Aro(pool=96, test=120, single=60).evaluate(SMALL.start())
    assert abs(found["attribute"] - 0.5) < 0.2 and abs(found["relation"] - 0.5) < 0.2
    assert found["shuffled"] > 0.7 * found["intact"] > 0.3 and found["zero_shot"] > 0.9


def test_foils_cannot_be_told_without_the_image_but_shuffles_can():
    assert abs(SMALL.blind_accuracy("attribute") - 0.5) < 0.1
    assert abs(SMALL.blind_accuracy("relation") - 0.5) < 0.1
    assert SMALL.blind_accuracy("order") > 0.95
