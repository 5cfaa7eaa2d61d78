"""Gradient caching against one backward pass of the whole batch."""

import pytest
import torch
from torch import nn

from vlatlas.losses import ClipLoss, MultiPositiveClipLoss, SigLipLoss, backward_in_chunks
from vlatlas.models import CLIP, ClipConfig


class Towers(nn.Module):
    """Two small towers in float64, with dropout if asked for, a scale and a bias."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 4))
        self.text = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
        self.scale, self.bias = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-2.0))
        self.double()
        self.largest = 0

    def forward(self, x, y):
        if torch.is_grad_enabled():
            self.largest = max(self.largest, len(x))
        u, v = (nn.functional.normalize(f, dim=1) for f in (self.image(x), self.text(y)))
        return {"image_features": u, "text_features": v, "logit_scale": self.scale.exp(), "logit_bias": self.bias}


def gradients(model):
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    return found


@pytest.mark.parametrize("loss", [ClipLoss(), ClipLoss(tile=3), SigLipLoss()])
@pytest.mark.parametrize("chunk", [1, 4, 11, 50])
def test_equals_the_whole_batch(loss, chunk):
    torch.manual_seed(0)
    model, batch = Towers(), (torch.randn(11, 5).double(), torch.randn(11, 3).double())
    value = loss(**model(*batch))
    value.backward()
    expected = gradients(model)
    model.largest = 0
    assert backward_in_chunks(model, batch, loss, chunk).item() == pytest.approx(value.item(), abs=1e-12)
    assert model.largest == min(chunk, 11)  # never more than a chunk with autograd
    for a, b in zip(gradients(model), expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_dropout_is_the_same_in_both_passes():
    """The gradient agrees with finite differences of the very function that the masks of one seed define."""
    model, batch = Towers(dropout=0.5), (torch.randn(10, 5).double(), torch.randn(10, 3).double())
    weight = model.image[0].weight

    def value() -> float:
        torch.manual_seed(3)
        with torch.no_grad():
            parts = [model(batch[0][i : i + 4], batch[1][i : i + 4]) for i in range(0, 10, 4)]
            u, v = (torch.cat([p[k] for p in parts]) for k in ("image_features", "text_features"))
            return ClipLoss()(u, v, parts[0]["logit_scale"]).item()

    torch.manual_seed(3)
    assert backward_in_chunks(model, batch, ClipLoss(), 4).item() == pytest.approx(value(), abs=1e-12)
    for position in ((0, 0), (3, 2)):
        with torch.no_grad():
            weight[position] += 1e-5
            up = value()
            weight[position] -= 2e-5
            down = value()
            weight[position] += 1e-5
        assert weight.grad[position].item() == pytest.approx((up - down) / 2e-5, abs=1e-7)


def test_random_numbers_go_on_as_after_one_pass():
    model, batch = Towers(dropout=0.5), (torch.randn(6, 5).double(), torch.randn(6, 3).double())
    torch.manual_seed(1)
    backward_in_chunks(model, batch, ClipLoss(), 6)
    after = torch.rand(3)
    torch.manual_seed(1)
    model(*batch)
    assert torch.equal(after, torch.rand(3))


def test_our_model_with_dropped_patches_and_a_loss_with_groups():
    torch.manual_seed(0)
    model = CLIP(ClipConfig(words=("a", "b"), width=32, depth=1, heads=2, text_width=16, text_depth=1), patch_dropout=0.5)
    ids = model.tokenizer(["a", "b", "a b", "a", "b", "a b"])
    group = torch.tensor([0, 1, 2, 0, 1, 2])
    model.train()
    backward_in_chunks(model, (torch.rand(6, 3, 32, 32), ids), MultiPositiveClipLoss(), 2, group=group)
    assert all(torch.isfinite(p.grad).all() and p.grad.abs().sum() > 0 for p in model.visual.parameters())


def test_bad_requests_are_named():
    model, batch = Towers(), (torch.randn(4, 5).double(), torch.randn(4, 3).double())
    with pytest.raises(ValueError, match="chunk 0"):
        backward_in_chunks(model, batch, ClipLoss(), 0)
    with pytest.raises(ValueError, match=r"\[4, 3\]"):
        backward_in_chunks(model, (batch[0], batch[1][:3]), ClipLoss(), 2)
    with pytest.raises(ValueError, match="audio_features"):
        backward_in_chunks(model, batch, ClipLoss(), 2, features=("image_features", "audio_features"))
