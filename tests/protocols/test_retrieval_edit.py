"""The retrieval-edit protocol: what its galleries hold, what training never shows, and what each arm may use."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.data.splits import edits
from vlatlas.evals.composed import recalls
from vlatlas.methods.clip4cir import Combiner, summed
from vlatlas.protocols.retrieval_edit import OWN, RetrievalEdit, held_out


@pytest.fixture(scope="module")
def small():
    return RetrievalEdit(
        triplets=40, queries=12, gallery=40, steps=3, batch=16, combiner_steps=3, combiner_batch=32, fusion_steps=3
    )


def test_seed_0_is_the_frozen_split(small):
    references, texts, candidates = small.test_images(0)
    want = edits.gallery(small.queries)
    assert torch.equal(references, want[0]) and texts == want[1] and torch.equal(candidates, want[2])
    assert not torch.equal(small.test_images(1)[0], references)


def test_only_the_target_has_the_targets_pixels(small):
    references, _, candidates = small.test_images(10)
    assert candidates.shape[1] == OWN and torch.equal(candidates[:, 1], references)
    for row in candidates:
        assert not (row[1:] == row[0]).flatten(1).all(dim=1).any()


def test_galleries_have_one_size_and_hold_the_reference(small):
    test = small.test_set(10)
    own, strangers = small.scores(test, small.tuned(10, "none"), lambda image, text: F.normalize(image, dim=-1))
    assert own.shape == (12, OWN) and own.shape[1] + strangers.shape[1] == small.gallery
    assert torch.allclose(own[:, 1], torch.ones(12), atol=1e-5)
    assert recalls(own, strangers)["reference"] == 1  # who searches with the image alone finds the image


def test_training_never_shows_a_held_out_instruction(small):
    train, test = small.train_set(10), small.test_images(10)[1]
    assert len(train) == 40 and not any(map(held_out, train.texts))
    assert any(map(held_out, test)) and not all(map(held_out, test))
    words = set(edits.triplets(3, range(600))[1])
    assert 0.1 < sum(map(held_out, words)) / len(words) < 0.3


def test_mismatched_triplets_keep_images_and_lose_their_words(small):
    data = small.train_set(10)
    wrong = small.mismatched(data, 0)
    assert torch.equal(wrong.target, data.target) and sorted(wrong.texts) == sorted(data.texts)
    assert torch.equal(wrong.ids, small.clip.tokenizer(wrong.texts))
    assert sum(a == b for a, b in zip(wrong.texts, data.texts, strict=True)) < 8  # equal words by chance only


def test_scores_are_those_of_the_shipped_towers(small):
    test, (references, texts, candidates) = small.test_set(10), small.test_images(10)
    own, _ = small.scores(test, small.tuned(10, "none"))
    with torch.no_grad():
        q = summed(small.clip.encode_image(references), small.clip.encode_text(small.clip.tokenizer(texts)))
        u = small.clip.encode_image(candidates[3], normalize=True)
    assert torch.allclose(own[3], u @ q[3], atol=1e-4)


def test_permuted_texts_change_the_query_and_a_plain_combiner_is_the_sum(small):
    test, towers = small.test_set(10), small.tuned(10, "none")
    own, _ = small.scores(test, towers)
    same, _ = small.scores(test, towers, Combiner(small.clip.config.embed_dim, fixed_gate=True, plain=True))
    other, _ = small.scores(test, towers, texts=torch.arange(12).roll(1))
    assert torch.allclose(own, same, atol=1e-4) and not torch.allclose(own, other, atol=1e-2)


def test_arms_train_and_repeat(small):
    towers = small.tuned(10, "text")
    assert all(torch.equal(a, b) for a, b in zip(towers.parameters(), small.tuned(10, "text").parameters(), strict=True))
    test = small.test_set(10)
    for own, strangers in (
        small.scores(test, towers, small.combiner(10, towers)),
        small.scores(test, towers, small.weighted(10, towers)),
        small.fusion_scores(test, towers, small.fusion(10, towers)),
    ):
        assert own.shape == (12, OWN) and strangers.shape == (12, small.gallery - OWN) and own.abs().max() <= 1 + 1e-5


def test_the_tuned_weight_is_no_worse_than_equal_weights_on_training(small):
    towers, query = small.tuned(10, "none"), small.weighted(10, small.tuned(10, "none"))
    a, b, u = (F.normalize(x, dim=-1) for x in small.features(towers, small.train_set(10)))
    assert small._loss(query(a, b), u) <= small._loss(summed(a, b), u) + 1e-4


def test_a_gallery_too_small_is_refused():
    with pytest.raises(ValueError, match="gallery 5"):
        RetrievalEdit(queries=3, gallery=5).test_set(10)
