"""CLIP4Cir: its loss and Combiner against plain loops, and what stage 1 may and may not change."""

import math

import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.clip4cir import Combiner, CombinerStage, TaskTowers, composed_loss, summed
from vlatlas.methods.last_layers import enter_last_layers
from vlatlas.models import CLIP, ClipConfig
from vlatlas.train import TrainConfig, train

WORDS = ("make", "it", "red", "green", ".")


def tower(pool="mean"):
    torch.manual_seed(0)
    config = ClipConfig(
        words=WORDS, image_size=16, patch_size=8, width=24, depth=2, heads=3, text_width=16, embed_dim=8, pool=pool
    )
    return CLIP(config).eval()


def unit(*shape, seed=0):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(x, dim=-1)


def test_the_loss_by_loops():
    q, u, s = unit(5, 4).tolist(), unit(5, 4, seed=1).tolist(), 7.0
    want = 0.0
    for i in range(5):
        logits = [s * sum(a * b for a, b in zip(q[i], u[j], strict=True)) for j in range(5)]
        want -= (logits[i] - math.log(sum(math.exp(x) for x in logits))) / 5
    assert composed_loss(unit(5, 4), unit(5, 4, seed=1), s).item() == pytest.approx(want, rel=1e-12)
    assert composed_loss(unit(1, 4), unit(1, 4, seed=1), s).item() == 0


def test_gradients_of_sum_and_combiner_are_those_of_differences():
    image, text = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    target = unit(3, 4, seed=2)
    assert torch.autograd.gradcheck(lambda a, b: composed_loss(summed(a, b), target, 5.0), (image, text))
    torch.manual_seed(1)
    combiner = Combiner(4).double().eval()
    assert torch.autograd.gradcheck(lambda a, b: composed_loss(combiner(a, b), target, 5.0), (image, text))


def test_the_text_tower_is_asked_for_what_the_query_lacks():
    """d(q.u)/d g(y) is the part of u orthogonal to q, over the length of the sum: nothing along the query itself."""
    a, b, u = torch.randn(6, dtype=torch.float64), torch.randn(6, dtype=torch.float64, requires_grad=True), unit(6)
    q = summed(a, b)
    (got,) = torch.autograd.grad(q @ u, b)
    want = (u - (q @ u) * q) / (a + b).norm()
    assert torch.allclose(got, want.detach()) and (got @ q).abs() < 1e-12


def test_the_combiner_by_hand():
    torch.manual_seed(0)
    c, a, b = Combiner(2).double().eval(), unit(1, 2)[0], unit(1, 2, seed=3)[0]
    linear = lambda layer, x: [  # noqa: E731
        sum(w * v for w, v in zip(row, x, strict=True)) + bias
        for row, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]
    relu = lambda x: [max(0.0, v) for v in x]  # noqa: E731
    both = relu(linear(c.project_image, a.tolist())) + relu(linear(c.project_text, b.tolist()))
    mixed = linear(c.mix[3], relu(linear(c.mix[0], both)))
    gate = 1 / (1 + math.exp(-linear(c.gate[3], relu(linear(c.gate[0], both)))[0]))
    out = [m + gate * y + (1 - gate) * x for m, x, y in zip(mixed, a.tolist(), b.tolist(), strict=True)]
    length = math.sqrt(sum(v * v for v in out))
    assert 0 < gate < 1 and c(a[None], b[None])[0].tolist() == pytest.approx([v / length for v in out])


def test_without_gate_and_mlp_the_combiner_is_the_sum():
    a, b = torch.randn(9, 8), torch.randn(9, 8)
    assert torch.allclose(Combiner(8, fixed_gate=True, plain=True)(a, b), summed(a, b), atol=1e-6)
    assert not torch.allclose(Combiner(8, fixed_gate=True).eval()(a, b), summed(a, b), atol=1e-3)


@pytest.mark.parametrize("bias, want", [(50.0, "text"), (-50.0, "image")])
def test_the_gate_weighs_the_text(bias, want):
    c = Combiner(8, plain=True).eval()
    with torch.no_grad():
        c.gate[3].bias.fill_(bias)
    a, b = torch.randn(4, 8), torch.randn(4, 8)
    assert torch.allclose(c(a, b), F.normalize(b if want == "text" else a, dim=-1), atol=1e-6)


@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_what_enters_the_last_block_gives_the_feature(pool):
    model, images = tower(pool), torch.rand(5, 3, 16, 16)
    entered = enter_last_layers(model, images, batch_size=2)
    assert torch.allclose(TaskTowers(model, "none").image(entered), model.encode_image(images), atol=1e-5)
    assert not model.visual.blocks[-1]._forward_pre_hooks
    with pytest.raises(ValueError, match="training mode"):
        enter_last_layers(model.train(), images)


def learn(tune, steps=20):
    """Stage 1 where red means one direction and green another: (towers before, towers after, data)."""
    model = tower()
    ids = model.tokenizer(["make it red.", "make it green."] * 8)
    reference, target = (
        enter_last_layers(model, torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(k))) for k in (0, 1)
    )
    learner = TaskTowers(model, tune)
    train(learner, lambda step: (reference, ids, target), lambda query, target: composed_loss(query, target, 20.0),
          TrainConfig(steps, 16, 1e-2), "cpu", progress=False)  # fmt: skip
    return model, learner.eval(), (reference, ids, target)


@pytest.mark.parametrize("tune", ["both", "text"])
def test_stage_1_lowers_the_loss_and_touches_only_what_it_may(tune):
    model, learner, data = learn(tune)
    before, after = (composed_loss(*m(*data).values(), 20.0).item() for m in (TaskTowers(model, "none"), learner))
    assert after < 0.8 * before
    fresh, changed = tower().state_dict(), learner.model.state_dict()
    assert all(torch.equal(v, fresh[k]) for k, v in model.state_dict().items())  # the given model is never touched
    moved = {k for k, v in changed.items() if not torch.equal(v, fresh[k])}
    may = ("text.", "visual.blocks.1", "visual.norm", "visual.project") if tune == "both" else ("text.",)
    assert moved and all(k.startswith(may) for k in moved)


def test_features_pass_and_unknown_towers_are_refused():
    towers, x = TaskTowers(tower(), "text"), torch.randn(3, 8)
    assert towers.image(x) is x
    with pytest.raises(ValueError, match="'image' is unknown"):
        TaskTowers(tower(), "image")


def test_stage_2_learns_what_a_sum_cannot():
    """One text keeps the image's feature, the other turns it round: no sum does both, the Combiner's MLP learns to."""
    torch.manual_seed(0)
    sign = torch.tensor([1.0, -1.0]).repeat(64)[:, None]
    a, b = torch.randn(128, 4), sign * torch.tensor([1.0, 0, 0, 0])
    combiner = Combiner(4, dropout=0.0)
    train(CombinerStage(combiner), lambda step: (a, b, sign * a), lambda query, target: composed_loss(query, target, 20.0),
          TrainConfig(100, 128, 2e-2), "cpu", progress=False)  # fmt: skip
    x = torch.randn(128, 4)
    likeness = lambda q: (q * F.normalize(sign * x, dim=-1)).sum(dim=1).mean()  # noqa: E731
    assert likeness(combiner.eval()(x, b)) > 0.8 and likeness(summed(x, b)) < 0.4
