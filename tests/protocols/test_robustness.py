"""The robustness protocol: what arms share, what attacks may see, and what turning does to class embeddings."""

import re

import pytest
import torch
import torch.nn.functional as F

from vlatlas.data.wordings import FOREIGN, NAMES, SYNONYMS, WORDINGS, new_words
from vlatlas.evals import encode_texts, predict
from vlatlas.protocols import robustness
from vlatlas.protocols.robustness import GREY, Robustness, confidence, extended, share, turned
from vlatlas.protocols.shipped import WORLD


@pytest.fixture(scope="module")
def small():
    return Robustness(test=24, pool=256, steps=12, batch=32, attack_steps=4, device="cpu")


def test_the_extended_tower_reads_old_words_as_the_shipped_one(small):
    model = extended(small.clip, new_words(), 10.0, seed=0)
    texts = WORLD.batch(5, range(40)).captions
    torch.testing.assert_close(encode_texts(model, texts), encode_texts(small.clip, texts))
    other = extended(small.clip, new_words(), 10.0, seed=1)
    assert not torch.equal(encode_texts(model, ["a disc."]), encode_texts(other, ["a disc."]))
    assert model.logit_scale.exp().item() == pytest.approx(10.0)


def test_training_leaves_the_image_tower_alone(small):
    before = [p.clone() for p in small.clip.visual.parameters()]
    model = small.reader(10)
    assert all(torch.equal(a, b) for a, b in zip(before, small.clip.visual.parameters(), strict=True))
    assert not any(p.requires_grad for p in small.clip.parameters()) and not model.training
    start = extended(small.clip, new_words(), small.clip.scale().item(), 10)
    assert not torch.allclose(encode_texts(start, ["a disc."]), encode_texts(model, ["a disc."]), atol=1e-3)


def test_no_training_scene_is_told_in_two_wordings_and_all_wordings_occur(small):
    features, shapes, said = small.pool_set(10)
    assert len(features) == len(shapes) == len(said) == 256
    nouns = [set(NAMES), set(SYNONYMS.values()), {"figure"}, {FOREIGN.lexicon[s] for s in NAMES}]
    told = [[bool(set(re.findall(r"\w+", text)) & n) for n in nouns] for text in said]
    assert {sum(row) for row in told} == {1} and all(any(column) for column in zip(*told, strict=True))


def test_targets_are_wrong_and_even_and_test_scenes_are_new(small):
    told = Robustness(test=800, device="cpu").test_set(10)
    assert (told.targets != told.labels).all() and told.targets.bincount(minlength=8).min() > 60
    pool = WORLD.batch(84_010, range(256)).images
    both = torch.cat([pool, small.test_set(10).images, small.test_set(11).images]).flatten(1)
    assert len(torch.unique(both, dim=0)) == len(both)


def test_attack_and_noise_change_at_most_the_stated_grey_levels(small):
    told, w = small.test_set(10), small.heads(10)["names"]
    for images in (small.attack(w, 10, 4), small.noise(10, 4)):
        change = (images - told.images).abs()
        assert change.max() <= 4 * GREY + 1e-6 and change.max() > 3.9 * GREY
        assert images.min() >= 0 and images.max() <= 1
    u, v = small.encode(told.images), small.encode(small.attack(w, 10, 4))
    rows = torch.arange(len(u))
    assert ((v @ w.T)[rows, told.targets] > (u @ w.T)[rows, told.targets]).double().mean() > 0.9


def test_an_attack_on_one_wording_asks_no_other(small):
    w = small.heads(10)["names"]
    found = small.attack(w, 10, 2)
    small.heads(10)["synonyms"] = small.heads(10)["synonyms"].flip(0)
    assert torch.equal(found, small.attack(w, 10, 2))


def test_every_head_is_unit_and_the_labels_head_sees_no_text(monkeypatch):
    still = dict(test=24, pool=512, steps=1, batch=32, lr=1e-12, device="cpu")  # the scale, which all heads share, stays
    heads = Robustness(**still).heads(10)
    assert set(heads) == {*WORDINGS, "labels"}
    for w in heads.values():
        torch.testing.assert_close(w.norm(dim=1), torch.ones(8))
    features, shapes, _ = Robustness(**still).pool_set(10)
    assert (predict(features, heads["labels"]) == shapes).double().mean() > 0.9
    monkeypatch.setattr(robustness, "captions", lambda batch, wordings: ["a star."] * len(batch))
    assert torch.equal(Robustness(**still).heads(10)["labels"], heads["labels"])


def test_turned_embeddings_are_as_far_apart_and_elsewhere():
    w = F.normalize(torch.randn(8, 64, generator=torch.Generator().manual_seed(0)) + 0.5, dim=1)
    other = turned(w, 3)
    torch.testing.assert_close(other.norm(dim=1), torch.ones(8))
    torch.testing.assert_close(torch.pdist(other), torch.pdist(w), atol=0, rtol=0.15)
    assert torch.linalg.matrix_rank(torch.cat([w, other]).double(), rtol=1e-4) == 8, "the span of the classes is not left"
    same = [F.cosine_similarity(w - w.mean(dim=0), turned(w, k) - w.mean(dim=0)).mean().item() for k in range(40)]
    assert abs(sum(same) / 40) < 0.15
    assert torch.equal(turned(w, 3), other) and not torch.allclose(turned(w, 4), other, atol=0.01)


def test_the_confidence_is_the_mean_over_images_that_were_turned():
    features = F.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.2]]), dim=1)
    w, targets = torch.eye(2), torch.tensor([0, 0, 0])
    p = (5.0 * features).softmax(dim=1)[[0, 2], 0]
    assert confidence(lambda x: x, features, w, 5.0, targets) == pytest.approx(p.mean().item())
    assert confidence(lambda x: x, features[1:2], w, 5.0, targets[:1]) == 0.0
    assert share(torch.tensor([True, False, True, True])) == 0.75


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10, 11])
def test_the_wordings_are_learnt_and_the_bounds_reach_from_too_tight_to_wide_enough(seed):
    protocol = Robustness(device="cpu")
    told, w = protocol.test_set(seed), protocol.heads(seed)["names"]
    clean = {name: share(p == told.labels) for name, p in protocol.judged(told.images, seed).items()}
    assert min(clean.values()) >= 0.9 * clean["names"] and clean["names"] > 0.95
    rows = slice(60)
    reached = [
        share(predict(protocol.encode(protocol.attack(w, seed, b, first=60)), w) == told.targets[rows]) for b in (4, 8, 12)
    ]
    assert reached[0] < 0.5 and reached[1] < 0.85 and reached[2] >= 0.8 and protocol.level == 12
