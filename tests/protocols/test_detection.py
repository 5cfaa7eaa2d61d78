"""The detection protocol on a few scenes."""

import pytest
import torch

from vlatlas.data.grounded import GROUNDING, TASKS, fits, words_of
from vlatlas.methods.grounded_detector import detection_loss
from vlatlas.protocols.detection import Detection
from vlatlas.protocols.detection_data import ASKED, NAMES


def loss_of(protocol, net, batch):
    *inputs, truth = protocol.example(net, batch)
    return detection_loss(**net(*inputs), **truth)


SMALL = Detection(boxes=24, grounding=24, test=12, batch=6)


def test_no_task_asks_for_a_name_of_the_box_data_and_no_object_fits_two_classes():
    for name, (world, classes) in TASKS.items():
        assert not any(c in NAMES for c in classes)
        objects = [o for g in world.batch(3, range(40)).graphs for o in g.objects]
        found = [sum(fits(o, c) for c in classes) for o in objects]
        assert max(found) == 1, name
        assert all(any(fits(o, c) for o in objects) for c in classes), name


def test_grounding_never_shows_the_pairs_that_a_task_asks_for():
    objects = [o for g in GROUNDING.batch(5, range(300)).graphs for o in g.objects]
    assert not any(fits(o, c) for o in objects for c in TASKS["pairs"][1])


def test_a_prompt_owns_its_words_and_nobody_the_full_stops():
    prompts = [[{"shape": "ring"}, {"colour": "red", "texture": "striped", "shape": "star"}], [{"colour": "blue"}]]
    words, owner, valid = SMALL.prompt(prompts)
    assert owner.tolist() == [[0, -1, 1, 1, 1, -1], [0, 0, -1, -1, -1, -1]]  # "blue object"
    assert valid.sum(dim=1).tolist() == [6, 3] and words.shape == (2, 6, 96)
    alone = SMALL.prompt([[prompts[0][1]]])[0]
    assert torch.equal(words[0, 2:6], alone[0])  # read by itself, wherever it stands


@pytest.mark.parametrize("kind", ["boxes", "grounding"])
def test_every_object_has_exactly_its_own_phrase_and_the_rest_of_the_prompt_is_false(kind):
    data = SMALL.box_set if kind == "boxes" else SMALL.grounding_set
    patches, boxes, present, phrase, prompts = SMALL.batch_at(1, 7, kind)
    assert len(patches) == 6 and ((phrase >= 0) == present).all()
    for b in range(6):
        row = int((data.patches == patches[b]).all(dim=(1, 2)).nonzero()[0])
        objects = data.graphs[row].objects
        used = [int(i) for i in phrase[b][present[b]]]
        assert all(fits(o, prompts[b][i]) for o, i in zip(objects, used, strict=True))
        assert not any(fits(o, p) for o in objects for i, p in enumerate(prompts[b]) if i not in used)
        assert len(prompts[b]) >= SMALL.phrases
    again = SMALL.batch_at(1, 7, kind)
    assert torch.equal(again[0], patches) and again[4] == prompts


def test_permuted_grounding_keeps_images_boxes_and_prompts_and_moves_every_phrase():
    right, wrong = SMALL.batch_at(2, 7, "grounding"), SMALL.batch_at(2, 7, "permuted")
    assert all(torch.equal(right[i], wrong[i]) for i in range(3)) and right[4] == wrong[4]
    assert (right[3] != wrong[3])[right[2]].all()
    assert torch.equal(right[3].sort(dim=1).values, wrong[3].sort(dim=1).values)


def test_a_perfect_detector_scores_one_and_the_order_of_classes_does_not_matter(monkeypatch):
    net = SMALL.detector(0)
    plain = SMALL.ap50(net, "shapes")
    assert 0 <= plain <= 1
    assert SMALL.ap50(net, "shapes", TASKS["shapes"][1][::-1]) == pytest.approx(plain, abs=1e-4)

    def oracle(self, net, data, classes):
        name = data.named(list(range(len(data))), [classes] * len(data))
        return [
            {"boxes": b[n >= 0], "labels": n[n >= 0], "scores": torch.ones(int((n >= 0).sum()))}
            for b, n in zip(data.boxes, name, strict=True)
        ]

    monkeypatch.setattr(Detection, "detect", oracle)
    assert all(SMALL.ap50(net, task) == 1.0 for task in ASKED)


def test_pre_training_and_fine_tuning_learn_and_leave_the_given_detector_alone():
    quick = Detection(boxes=24, grounding=24, test=12, batch=6, steps=12, tune_steps=8, lr=3e-3)
    for closed in (False, True):
        net = quick.detector(0, closed=closed)
        support = quick.support("shapes", 1, 0)
        if not closed:
            before = loss_of(quick, net, support).item()
        quick.pretrain(net, 0, ("boxes",) if closed else ("boxes", "grounding"))
        kept = {k: v.clone() for k, v in net.state_dict().items()}
        tuned = quick.tune(net, "shapes", 1, 0)
        assert all(torch.equal(v, kept[k]) for k, v in net.state_dict().items())
        assert tuned.classes is None or len(tuned.classes) == 4
        if not closed:
            after_pretraining, after_shots = loss_of(quick, net, support).item(), loss_of(quick, tuned, support).item()
            assert after_shots < after_pretraining < before


def test_support_holds_the_shots_and_more_shots_contain_fewer():
    one, four = SMALL.support("textures", 1, 3), SMALL.support("textures", 4, 3)
    for shots, part in ((1, one), (4, four)):
        counts = part[3][part[3] >= 0].bincount(minlength=3)
        assert counts.min() >= shots
    assert len(four[0]) > len(one[0])
    assert all((four[0] == scene).all(dim=(1, 2)).any() for scene in one[0])
    with pytest.raises(ValueError, match="400 shots of each of plain object, striped object, dotted object"):
        SMALL.support("textures", 400, 3)


def test_words_leave_the_article_out():
    assert words_of({"colour": "orange", "shape": "ring"}) == "orange ring" and words_of({"colour": "red"}) == "red object"
