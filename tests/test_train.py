"""The training loop: it learns, resumes exactly, and says so when it breaks."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vlatlas.models import CLIP, ClipConfig
from vlatlas.train import NonFiniteLoss, TrainConfig, learning_rate, make_optimizer, pick_device, train

WORDS = ("red", "green", "blue", "white")
CONFIG = ClipConfig(WORDS, image_size=8, patch_size=4, width=16, depth=1, heads=2, text_width=8, text_depth=1, embed_dim=8)


def contrastive(image_features, text_features, logit_scale):
    logits = logit_scale * image_features @ text_features.T
    y = torch.arange(len(logits))
    return (F.cross_entropy(logits, y) + F.cross_entropy(logits.T, y)) / 2


def model(dropout: float = 0.5) -> CLIP:
    torch.manual_seed(0)
    return CLIP(CONFIG, patch_dropout=dropout)


def colours(step: int):
    """Four flat colours and their names, with noise that depends on the step alone."""
    noise = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
    rgb = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    return 0.9 * rgb[:, :, None, None] + 0.1 * noise, torch.tensor([[3, 2], [4, 2], [5, 2], [6, 2]])


def run(steps=30, net=None, **kwargs):
    net = net or model()
    config = kwargs.pop("config", None) or TrainConfig(steps=steps, batch_size=4, lr=3e-3)
    return net, train(net, kwargs.pop("batches", colours), contrastive, config, device="cpu", progress=False, **kwargs)


def test_it_learns():
    _, history = run(60)
    assert history.rows[0]["loss"] > 1.0 > 0.2 > history.rows[-1]["loss"]
    assert history.pairs == 240 and history.seconds > 0


def test_same_seed_same_numbers():
    assert [r["loss"] for r in run()[1].rows] == [r["loss"] for r in run()[1].rows]


def test_the_callers_generator_is_left_alone():
    net = model()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    run(3, net)
    assert torch.equal(torch.rand(1), expected)


def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path):
    whole, reference = run()

    def interrupted(step):
        if step == 17:
            raise KeyboardInterrupt
        return colours(step)

    path = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, checkpoint_every=5, batches=interrupted)
    resumed, history = run(checkpoint=path, checkpoint_every=5)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [r["loss"] for r in history.rows] == [r["loss"] for r in reference.rows]
    assert history.pairs == reference.pairs


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    run(5, checkpoint=path)
    with pytest.raises(ValueError, match="another configuration"):
        run(6, checkpoint=path)


def test_not_a_number_stops_with_advice():
    def poisoned(step):
        images, ids = colours(step)
        return (images * float("nan") if step == 3 else images), ids

    with pytest.raises(NonFiniteLoss, match="step 4 of 30: lower lr"):
        run(batches=poisoned)


def test_evaluations_come_when_asked_with_their_time_left_out(tmp_path, monkeypatch):
    clock = [0.0]

    def tick():
        clock[0] += 1.0
        return clock[0]

    monkeypatch.setattr("vlatlas.train.time.perf_counter", tick)

    def slow(net):
        clock[0] += 1000.0
        net.eval()
        return {"x": 1.0}

    log = tmp_path / "log.jsonl"
    _, history = run(10, evaluate=slow, eval_at=(5, 10), log=log)
    assert [(e["step"], e["pairs"], e["x"]) for e in history.evals] == [(5, 20, 1.0), (10, 40, 1.0)]
    assert [e["seconds"] for e in history.evals] == [5.0, 10.0], "a second for each step of this clock"
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == list(range(1, 11))


def test_schedule_by_hand():
    config = TrainConfig(steps=100, lr=1.0, warmup=0.1)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(9, config) == 1.0
    assert learning_rate(10, config) == 1.0
    assert learning_rate(55, config) == pytest.approx(0.5)
    assert learning_rate(99, config) < 1e-3


def test_only_matrices_decay():
    net = model()
    decayed, kept = make_optimizer(net, TrainConfig(steps=1)).param_groups
    assert decayed["weight_decay"] == 0.1 and kept["weight_decay"] == 0.0
    assert all(p.ndim >= 2 for p in decayed["params"])
    assert any(p is net.logit_scale for p in kept["params"])


def test_frozen_parameters_stay():
    net = model()
    net.visual.requires_grad_(False)
    before = [p.clone() for p in net.visual.parameters()]
    run(3, net)
    assert all(torch.equal(a, b) for a, b in zip(before, net.visual.parameters(), strict=True))


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="'fp8'"):
        TrainConfig(steps=1, precision="fp8")
    with pytest.raises(ValueError, match="steps 0"):
        TrainConfig(steps=0)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="'cuda:0'.*no CUDA"):
            pick_device("cuda:0")


def test_a_model_may_take_any_inputs_and_return_any_loss_arguments():
    class Line(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.zeros(()))

        def forward(self, x, names):
            assert names == ["a", "b"], "what is no tensor passes unchanged"
            return {"y": self.slope * x}

    x = torch.tensor([1.0, 2.0])
    model = Line()
    config = TrainConfig(steps=200, batch_size=2, lr=0.1, weight_decay=0.0, clip_norm=100.0)
    history = train(
        model, lambda step: (x, ["a", "b"], {"target": 3 * x}), lambda y, target: (y - target).square().mean(), config,
        progress=False,
    )  # fmt: skip
    assert abs(model.slope.item() - 3) < 0.05
    assert history.pairs == 400 and "scale" not in history.rows[0]
