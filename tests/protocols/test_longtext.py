"""The longtext protocol on few scenes: who starts where, what a cut text is, and that a perfect reader would need all of it."""

import pytest
import torch

from vlatlas.data.splits.longtext import descriptions
from vlatlas.evals import encode_images, encode_texts
from vlatlas.protocols.longtext import ARMS, LENGTHS, WORLD, LongTexts

SMALL = LongTexts(train=64, test=40, rivalled=10, short=40, steps=2, batch=16)


def test_arms_start_from_one_tower_and_differ_in_positions_alone():
    old = SMALL.clip.text.position[0]
    assert SMALL.context == 48 == SMALL.start("kps").tokenizer.context
    for arm in ARMS:
        model = SMALL.start(arm)
        weights = dict(model.text.named_parameters())
        assert all(torch.equal(weights[n], p) for n, p in SMALL.clip.text.named_parameters() if n != "position")
        kept = torch.equal(model.text.position[0, :16], old[:16])
        assert kept == (arm != "plain") and model.text.position.shape == (1, 48, 96)


def test_every_arm_trains_and_leaves_the_image_features_and_the_towers():
    before, u = {n: p.clone() for n, p in SMALL.clip.named_parameters()}, SMALL.train_set(10).features.clone()
    tuned = {arm: SMALL.tune(arm, 10) for arm in ARMS}
    assert all(torch.equal(p, before[n]) for n, p in SMALL.clip.named_parameters()) and torch.equal(
        u, SMALL.train_set(10).features
    )
    said = {arm: SMALL.texts(m, SMALL.gallery(10).sentences, 47) for arm, m in tuned.items()}
    assert len({tuple(v[0].tolist()) for v in said.values()}) == len(ARMS), "no two arms may be the same"
    again = SMALL.tune("longclip", 10)
    assert torch.equal(SMALL.texts(again, SMALL.gallery(10).sentences, 47), said["longclip"])
    with pytest.raises(ValueError, match="arm 'long' is unknown"):
        SMALL.tune("long", 10)


def test_no_seed_shares_a_scene_between_training_gallery_and_rivals():
    sets = [(SMALL.train_set(s), SMALL.gallery(s), SMALL.rivals(s)) for s in (10, 11)]
    assert len({tuple(t.features.flatten()[:64].tolist()) for told in sets for t in told}) == 6


def test_rivals_stand_behind_their_scene():
    told = SMALL.rivals(10)
    assert told.features.shape == (10, 9, 64) and all(len(s) == 8 for s in told.sentences)
    perfect = SMALL.told_apart(SMALL.clip, 10)
    assert len(perfect) == 8 and perfect[0] >= 0.8  # pre-training has taught the first sentence's colour


def test_a_cut_text_is_its_first_tokens_and_the_base_reads_what_it_has_room_for():
    told, clip = SMALL.gallery(10), SMALL.clip
    first = encode_texts(clip, [s[0] for s in told.sentences])
    torch.testing.assert_close(SMALL.texts(clip, told.sentences, 6), first)
    whole = encode_texts(clip, [" ".join(s) for s in told.sentences])  # its tokenizer cuts, as CLIP's does
    torch.testing.assert_close(SMALL.texts(clip, told.sentences, 47), whole)
    assert not torch.allclose(SMALL.texts(clip, told.sentences, 22), whole)
    assert {sum(map(len, (t.replace(".", " .").split() for t in s[:2]))) for s in told.sentences} == {12}


def test_descriptions_single_a_scene_out_only_sentence_by_sentence():
    """The curve can rise: a reader of two sentences is left with several scenes, a reader of all with one or two."""
    sentences = descriptions(WORLD.batch(15_000_010, range(400)))

    def alike(k):
        heads = [tuple(s[:k]) for s in sentences]
        return sum(heads.count(h) for h in heads) / len(heads)

    ceilings = [LongTexts().ceiling(10, k) for k in (2, 4, 8)]
    assert 0.1 < ceilings[0] < ceilings[1] < ceilings[2] <= 1
    counts = [alike(k) for k in (1, 2, 4, 6, 8)]
    assert counts == sorted(counts, reverse=True) and counts[0] > 20 and counts[1] > 2.5 and counts[-1] < 1.2


def test_effective_length_is_the_first_that_reaches_95_percent(monkeypatch):
    rise = dict(zip(LENGTHS, (0.1, 0.2, 0.37, 0.379, 0.5, 0.3, 0.39, 0.4, 0.4), strict=True))
    monkeypatch.setattr(LongTexts, "recall", lambda self, model, seed, tokens=47: rise[tokens])
    assert SMALL.effective_length(None, 0) == 22
    rise[22] = 0.37
    assert SMALL.effective_length(None, 0) == 32


def test_short_texts_are_different_and_belong_to_their_images():
    u, names, pairs, captions = SMALL._short_images(10)
    assert len(u) == len(names) == 40 and len(set(captions)) == len(captions) == len(pairs) == 40
    assert 0.3 < SMALL.zero_shot(SMALL.clip, 10) < 1 and 0.1 < SMALL.short_recall(SMALL.clip, 10) < 1
    alone = encode_images(SMALL.clip, WORLD.batch(15_000_010, range(3)).images)
    torch.testing.assert_close(alone, SMALL.gallery(10).features[:3], atol=1e-5, rtol=1e-4)
