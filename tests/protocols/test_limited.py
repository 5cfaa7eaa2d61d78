"""The data-limited protocol on few scenes."""

import pytest
import torch

from vlatlas.data.scenes.parse import parse
from vlatlas.evals import encode_images, encode_texts
from vlatlas.losses.cyclip import cross_modal_penalty, in_modal_penalty
from vlatlas.protocols.limited import KS, STYLES, UNSEEN, WORLD, Answers, Limited

SMALL = Limited(pool=160, test=60, pairs=48, batch_size=16, width=32, depth=1, text_width=32)


def test_styles_and_combinations_of_the_tests_are_not_those_of_training():
    assert not set(STYLES) & set(UNSEEN)
    known, novel = set(SMALL.classes(WORLD)), set(SMALL.classes(SMALL.novel.world))
    assert not known & novel and len(known | novel) == 48 and len(known) == 36
    said = {(o["shape"], o["colour"]) for c in SMALL.train_pool.captions for o in parse(c).objects if "colour" in o}
    assert said <= known
    assert SMALL.test_pool.seed != SMALL.train_pool.seed


def test_labels_are_those_of_the_sentences():
    names = SMALL.classes(WORLD)
    for pool in (SMALL.train_pool, SMALL.shifted):
        for caption, y in zip(pool.captions, SMALL.labels(pool).tolist(), strict=True):
            thing = parse(caption).objects[0]
            assert thing["shape"] == names[y][0] and thing.get("colour", names[y][1]) == names[y][1]


def test_arms_differ_in_their_penalties_alone():
    image, text = (torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(k))) for k in (0, 1))
    parts = {
        arm: loss(image, text, torch.tensor(9.0), output_dict=True, group=torch.arange(6)) for arm, loss in SMALL.losses.items()
    }
    inside, cross = "in_modal_loss", "cross_modal_loss"
    wanted = {"clip": set(), "cyclip": {inside, cross}, "cross": {cross}, "inside": {inside}, "mispaired": {inside, cross}}
    for arm, found in parts.items():
        assert set(found) - {"contrastive_loss"} == wanted[arm]
        assert found["contrastive_loss"] == parts["clip"]["contrastive_loss"]
        assert all(found[k] == parts["cyclip"][k] for k in wanted[arm]) is (arm != "mispaired")


def test_the_same_seed_gives_the_same_model_and_arms_differ():
    a, b, c = (SMALL.fit(arm, 0).visual.project.weight for arm in ("cyclip", "cyclip", "clip"))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_both_classifiers_on_features_one_can_check():
    model = SMALL.fit("clip", 1)
    gallery = encode_images(model, SMALL.train_pool.floats())
    own = SMALL.answers(model, SMALL.train_pool, gallery, gallery)
    assert (own.by_image[1] == own.truth).double().mean() > 0.95, "the nearest image to a training image is itself"
    assert set(own.by_image) == set(KS)
    w = SMALL.sentences(model, WORLD)
    assert own.by_text.tolist() == [int((w @ x).argmax()) for x in gallery]


def test_variety_is_one_for_all_classes_alike_and_small_for_one():
    truth = torch.arange(8)
    assert Answers(truth, {}, truth).variety == pytest.approx(1)
    assert Answers(torch.zeros(8, dtype=torch.long), {}, truth).variety == pytest.approx(1 / 8)
    assert Answers(truth // 2, {}, truth).variety == pytest.approx(0.5)


def test_a_report_has_every_figure_in_its_range():
    known, found = SMALL.evaluate(SMALL.fit("mispaired", 0))
    shares = ("zero_shot", "shift", "novel", "neighbours", "probe", "variety")
    assert all(0 <= found[k] <= 1 for k in shares) and {"cross_modal", "in_modal", "gap"} < set(found)
    assert known.by_text.shape == known.truth.shape == (60,)


def test_the_penalties_are_smaller_on_held_out_pairs_for_who_trained_with_them():
    longer = Limited(pool=160, test=60, pairs=640, batch_size=16, width=32, depth=1, text_width=32)

    def left(arm):
        model = longer.fit(arm, 0)
        u, v = encode_images(model, longer.test_pool.floats()), encode_texts(model, longer.test_pool.captions)
        return in_modal_penalty(u, v), cross_modal_penalty(u, v)

    assert all(a < b for a, b in zip(left("cyclip"), left("clip"), strict=True))
