"""The locked protocol on a small pool."""

import torch

from vlatlas.protocols.locked import Locked

SMALL = Locked(pool=96, test=60, pairs=64)


def test_the_gallery_holds_no_two_scenes_of_the_same_content():
    names = ("shape", "colour", "texture", "size", "background", "style")
    rows = [tuple(int(SMALL.test_pool.labels[n].flatten()[i]) for n in names) for i in SMALL.gallery]
    assert len(set(rows)) == len(rows) > 30


def test_batches_pair_features_with_their_own_captions():
    u, ids = SMALL.batches(16, seed=0)(2)
    order = SMALL.train_pool.batches(16, 0, indices=True)(2)
    assert torch.equal(u, SMALL.features[order]) and torch.equal(ids, SMALL.train_pool.ids[order])


def test_arms_share_weights_and_the_locked_tower_is_not_trained():
    # A new protocol, whose first arm is also the first that needs the tower: to load it must not cost the arm its seed.
    protocol = Locked(pool=96, test=60, pairs=64)
    a, b = protocol.model(1), protocol.model(1, init_logit_bias=-10.0)
    assert torch.equal(a.text.project.weight, b.text.project.weight)
    assert {id(p) for p in a.parameters()}.isdisjoint(id(p) for p in SMALL.image_tower.parameters())


def test_scores_have_the_stated_names_and_ranges():
    scores = SMALL.evaluate(SMALL.model(0))
    assert set(scores) == {"shape", "colour", "texture", "size", "recall"}
    assert all(0 <= x <= 1 for x in scores.values())
