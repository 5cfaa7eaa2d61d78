"""The grid of the scaling protocol: what its captions say, what its arms share, and what its errors are at both ends."""

import itertools

import numpy as np
import pytest
import torch

from vlatlas.data.scenes.parse import parse
from vlatlas.data.scenes.statement import Statement
from vlatlas.evals import class_embeddings
from vlatlas.models.macs import macs_per_pair
from vlatlas.protocols.pretraining import POOL_SEED
from vlatlas.protocols.scaling import CONTROL, SETS, SHARES, TASKS, Scaling, label

SMALL = Scaling(pool=600, test=120, queries=40, widths=(8, 16), budgets=(64, 128), rates={8: 4e-3, 16: 4e-3}, batch_size=32)


@pytest.fixture(scope="module")
def scenes():
    return SMALL.world.batch(POOL_SEED, range(SMALL.pool)).graphs


def test_labels_name_the_shape_and_one_attribute_in_their_shares(scenes):
    named = dict.fromkeys(SHARES, 0)
    for text, scene in zip(SMALL.texts["labels"], scenes, strict=True):
        said, thing = parse(text), scene.objects[0]
        words = said.objects[0] | ({"background": said.background} if said.background else {})
        assert words.pop("shape") == thing.shape and len(words) == 1
        (attribute, value), *_ = words.items()
        assert value == (scene.background if attribute == "background" else thing.get(attribute))
        named[attribute] += 1
    for attribute, share in SHARES.items():
        assert named[attribute] / SMALL.pool == pytest.approx(share, abs=0.06)


def test_descriptions_state_all_that_there_is(scenes):
    for text, scene in zip(SMALL.texts["described"], scenes, strict=True):
        said, thing = parse(text), scene.objects[0]
        assert said.objects[0] == {a: thing.get(a) for a in ("shape", "colour", "size")}
        assert said.background == scene.background


def test_both_sets_use_the_same_words_and_the_control_the_same_captions():
    words = {
        name: {w for t in texts for w in t.replace(",", " ,").replace(".", " .").split()} for name, texts in SMALL.texts.items()
    }
    assert words["labels"] == words["described"] == words[CONTROL]
    assert sorted(SMALL.texts[CONTROL]) == sorted(SMALL.texts["described"])
    same = np.mean([a == b for a, b in zip(SMALL.texts[CONTROL], SMALL.texts["described"], strict=True)])
    assert same < 0.02


@pytest.mark.parametrize(
    ("pick", "things"),
    [
        (0.0, "red star"),
        (0.69, "red star"),
        (0.71, "large star"),
        (0.86, "star on a dark background"),
        (1.0, "star on a dark background"),
    ],
)
def test_a_label_by_hand(pick, things):
    said = Statement(({"shape": "star", "colour": "red", "size": "large"},), (), "dark")
    assert label(said, pick, 0) == f"a picture of a {things}." and label(said, pick, 1) == f"there is a {things} in this picture."


def test_arms_of_a_seed_share_pictures_and_initial_weights():
    ours, theirs, control = (SMALL.batches(name, 3)(1) for name in (*SETS, CONTROL))
    assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[0], control[0]) and not torch.equal(ours[1], theirs[1])
    assert not torch.equal(SMALL.batches("labels", 4)(1)[0], ours[0])
    for ids, further in ((ours[1], ours[2]), (theirs[1], theirs[2])):
        for i, j in itertools.combinations(range(len(ids)), 2):
            assert bool(further["group"][i] == further["group"][j]) is torch.equal(ids[i], ids[j])
    assert torch.equal(SMALL.sized(3, 16).visual.position, SMALL.sized(3, 16).visual.position)
    one, two = SMALL.sized(3, 16), SMALL.sized(4, 16)
    assert one.config.width == one.config.text_width == 16
    assert not torch.equal(one.text.embed_tokens.weight, two.text.embed_tokens.weight)


def test_compute_is_that_of_a_pair_times_the_pairs():
    assert SMALL.cells == [(8, 64), (8, 128), (16, 64), (16, 128)]
    each = [macs_per_pair(SMALL.sized(0, w).config) for w in (8, 8, 16, 16)]
    assert SMALL.compute.tolist() == [e * n for e, n in zip(each, (64, 128, 64, 128), strict=True)]


def test_a_run_repeats_itself_and_takes_its_budget(monkeypatch):
    a, b = (SMALL.fit("labels", 8, 64, 0) for _ in range(2))
    assert torch.equal(a.visual.project.weight, b.visual.project.weight)
    plans = []
    monkeypatch.setattr("vlatlas.protocols.scaling.train", lambda model, batches, loss, plan, *_, **k: plans.append(plan))
    for width, pairs in SMALL.cells:
        SMALL.fit("labels", width, pairs, 0)
    assert [p.steps for p in plans] == [2, 4, 2, 4] and {p.lr for p in plans} == {4e-3}


def test_errors_of_a_perfect_and_of_a_blind_model(monkeypatch):
    y, rows, captions = SMALL._asked
    assert len(set(captions)) == len(captions) == SMALL.queries == len(rows)
    classes = torch.nn.functional.one_hot(y, 30).float()
    pairs = torch.eye(SMALL.queries)
    u = torch.zeros(SMALL.test, 30 + SMALL.queries)
    u[:, :30] = classes
    u[rows, 30:] = pairs
    monkeypatch.setattr("vlatlas.protocols.scaling.encode_images", lambda model, images: u)
    monkeypatch.setattr("vlatlas.protocols.scaling.class_embeddings", lambda model, prompts: torch.eye(30, 30 + SMALL.queries))
    monkeypatch.setattr("vlatlas.protocols.scaling.encode_texts", lambda model, texts: u[rows])
    assert SMALL.errors(None) == {"classes": 0.0, "retrieval": 0.0}
    monkeypatch.setattr("vlatlas.protocols.scaling.encode_texts", lambda model, texts: torch.zeros_like(u[rows]))
    monkeypatch.setattr("vlatlas.protocols.scaling.class_embeddings", lambda model, prompts: torch.zeros(30, u.shape[1]))
    blind = SMALL.errors(None)
    assert blind["retrieval"] == 1.0 and blind["classes"] == pytest.approx(1 - (y == 0).double().mean().item())


def test_prompts_are_in_the_order_of_the_class_numbers():
    y, *_ = SMALL._asked
    prompts = SMALL.world.class_prompts("shape", "colour")
    for k, scene in enumerate(SMALL.world.batch(SMALL.test_pool.seed, range(20)).graphs):
        assert all(f"{scene.objects[0].colour} {scene.objects[0].shape}" in text for text in prompts[int(y[k])])


def test_an_untrained_model_errs_about_as_often_as_chance():
    model = SMALL.sized(0, 16).eval()
    found = SMALL.errors(model)
    assert set(found) == set(TASKS) and found["classes"] > 0.85 and found["retrieval"] > 0.6
    assert class_embeddings(model, SMALL.world.class_prompts("shape", "colour")).shape == (30, 32)


@pytest.mark.parametrize("changes", [{"budgets": (64, 1000)}, {"widths": (8, 24)}])
def test_a_grid_that_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match="budgets|rates"):
        Scaling(**{"pool": 600, "widths": (8, 16), "budgets": (64,), "rates": {8: 1e-3, 16: 1e-3}} | changes)


def test_unknown_captions_are_named():
    with pytest.raises(ValueError, match=r"'label'.*described"):
        SMALL.batches("label", 0)
