"""What the dense protocol trains, on a few scenes, with an untrained backbone; and that its learning rates are those chosen."""

import json
from pathlib import Path

import pytest
import torch

from vlatlas.methods.maskclip import value_path
from vlatlas.protocols import dense_rates
from vlatlas.protocols.dense import Dense
from vlatlas.protocols.dense_clip import start
from vlatlas.protocols.dense_learnt import Linear, fit, flushed, linear, plus, supervised, tuned

SIZES = {"test": 12, "labelled": 24, "unlabelled": 8, "worse": 6, "batch": 8, "tuning_batch": 4}
SMALL = Dense(**SIZES, part="threshold", linear_steps=60, student_steps=60, tuning_steps=2)
RATES = json.loads((Path(__file__).parent / "dense_rates.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model():
    return start(3).eval()


def own_scenes(head, model):
    """Accuracy on the patches that it was fitted to."""
    labels = SMALL.with_masks.patches()
    with torch.no_grad():
        said = head(SMALL.tokens(SMALL.enter(model, "labelled"))).flatten(2).argmax(dim=1)
    return (said == labels)[labels >= 0].float().mean()


def test_the_ceiling_and_the_twin_learn_masks(model):
    head = linear(SMALL, model, 0)
    assert own_scenes(head, model) > 0.8 and own_scenes(supervised(SMALL, model, 0), model) > 0.8
    tokens = SMALL.tokens(SMALL.enter(model, "test"))
    with torch.no_grad():
        alone = head(tokens[:1, [9] * 64])  # each patch for itself: sixty-four times the same one
        torch.testing.assert_close(alone[0, :, 3, 3], head(tokens)[0, :, 1, 1], atol=1e-5, rtol=0)


def test_the_same_seed_gives_the_same_student_and_masks_play_no_part_in_it(model):
    short = Dense(**SIZES, student_steps=2)
    a, b, c = plus(short, model, 1), plus(short, model, 1), plus(short, model, 2)
    assert torch.equal(a.head.weight, b.head.weight) and not torch.equal(a.head.weight, c.head.weight)
    assert "with_masks" not in vars(short)  # never rendered


def test_the_student_agrees_with_its_teacher(model):
    protocol = Dense(test=12, labelled=24, unlabelled=24, batch=8, student_steps=80, student_lr=3e-3)
    block = protocol.enter(model, "unlabelled")
    with torch.no_grad():
        taught = protocol.maps(value_path(block), protocol.words(model)).argmax(dim=1)
        said = plus(protocol, model, 0)(protocol.tokens(block)).argmax(dim=1)
    most = taught.flatten().bincount().max() / taught.numel()
    assert (said == taught).float().mean() > most + 0.1


def test_the_tuned_clip_is_a_copy_that_saw_base_names_alone(model):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    other = tuned(SMALL, model, 1)
    assert not torch.equal(other.visual.position, model.visual.position)
    assert torch.equal(other.text.position, model.text.position)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    hidden = Dense(**SIZES, part="threshold", tuning_steps=2)
    truth = hidden.with_masks.truth
    novel = torch.isin(truth, torch.tensor(hidden.novel))
    assert novel.any()
    truth[novel] = -1  # masks of novel names taken away: nothing may change
    assert torch.equal(tuned(hidden, model, 1).visual.position, other.visual.position)


def test_training_works_inside_no_grad_and_leaves_the_generator_where_it_was():
    tokens, labels, head = torch.randn(8, 16, 6), torch.randint(0, 3, (8, 4, 4)), Linear(6, 3)
    state = torch.get_rng_state()
    with torch.no_grad():
        fit(head, tokens, labels, 0, 2, 0.1, 4)
    assert torch.equal(torch.get_rng_state(), state)
    assert head.linear.weight.abs().max() > 0.01 and not head.training


def test_tiny_numbers_are_zero_while_training_and_are_themselves_again_afterwards():
    tiny = torch.full((4,), 1e-39)
    with flushed():
        assert not (2 * tiny).any()
        with flushed():
            pass
        assert not (2 * tiny).any()  # whoever leaves puts back what was found
    assert (2 * tiny).all()
    with pytest.raises(ZeroDivisionError), flushed():
        raise ZeroDivisionError
    assert (2 * tiny).all()
    seen = []

    class Watched(Linear):
        def forward(self, tokens):
            seen.append(bool((2 * tiny).any()))
            return super().forward(tokens)

    fit(Watched(6, 3), torch.randn(8, 16, 6), torch.randint(0, 3, (8, 4, 4)), 0, 2, 0.1, 4)
    assert seen == [False, False] and (2 * tiny).all()


def test_the_protocols_rates_are_the_best_of_the_committed_sweep():
    assert not set(RATES["seeds"]) & {0, 1, 2}
    for what, rates in RATES["miou"].items():
        best = max(rates, key=rates.get)
        assert getattr(Dense(), what) == float(best), what
        assert float(best) not in (min(map(float, rates)), max(map(float, rates))), f"{what}: the grid ends at its best"
    assert set(RATES["miou"]) == set(dense_rates.GRIDS)
    assert all(set(map(float, RATES["miou"][k])) == set(v) for k, v in dense_rates.GRIDS.items())


def test_a_sweep_judges_each_rate_on_calibration_scenes(monkeypatch, model):
    monkeypatch.setattr(Dense, "clip", lambda self, seed: model)
    assert dense_rates.CALIBRATION.part == "threshold"
    found = dense_rates.sweep([10], SMALL, {"linear_lr": (1e-9, 3e-2), "tuning_lr": (1e-4,)})
    assert set(found["linear_lr"]) == {1e-9, 3e-2} and 0 <= found["tuning_lr"][1e-4] <= 1
    assert found["linear_lr"][3e-2] > found["linear_lr"][1e-9]  # it learns at the one and not at the other
