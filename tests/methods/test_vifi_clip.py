"""ViFi-CLIP: images, averaged; held to loops in plain Python, and to what no average can know."""

import math

import pytest
import torch

from vlatlas.methods.frame_transformer import FrameTransformer
from vlatlas.methods.last_layers import enter_last_layers
from vlatlas.methods.vifi_clip import ViFiClip, class_loss
from vlatlas.models import CLIP, ClipConfig

B, F = 3, 4
VIDEOS = torch.rand(B, F, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def clip():
    torch.manual_seed(0)
    sizes = dict(image_size=16, patch_size=4, width=24, depth=3, heads=3, text_width=16, text_depth=2, embed_dim=8, context=6)
    return CLIP(ClipConfig(words=("a", "red", "star", "ring"), **sizes)).eval()


def tokens(clip, blocks=2):
    return enter_last_layers(clip, VIDEOS.flatten(0, 1), blocks).unflatten(0, (B, F))


def test_a_video_is_the_mean_of_its_frames_as_clip_sees_them(clip):
    with torch.no_grad():
        u = ViFiClip(clip, 2).encode_video(tokens(clip), normalize=True).tolist()
        for video, found in zip(VIDEOS, u, strict=True):
            frames = [clip.encode_image(x[None])[0].tolist() for x in video]
            mean = [sum(f[d] for f in frames) / F for d in range(8)]
            length = math.sqrt(sum(x * x for x in mean))
            assert found == pytest.approx([x / length for x in mean], abs=1e-5)


def test_no_order_of_the_frames_changes_features_or_gradients(clip):
    model, x, ids = ViFiClip(clip, 2).double(), tokens(clip).double(), clip.tokenizer(["a red star", "ring"])
    out, gradients = [], []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        model.zero_grad()
        features = model(x[:, order], ids)
        class_loss(**features, labels=torch.tensor([0, 1, 1])).backward()
        out.append(features["video_features"])
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    for other in (1, 2):
        torch.testing.assert_close(out[0], out[other], rtol=0, atol=1e-13)
        torch.testing.assert_close(gradients[0], gradients[other], rtol=0, atol=1e-11)


def test_a_frame_that_differs_does_change_them(clip):
    x = tokens(clip)
    other = x.clone()
    other[:, 0] = x[:, 1]
    model = ViFiClip(clip, 2)
    assert (model.encode_video(x) - model.encode_video(other)).abs().max() > 1e-4


@pytest.mark.parametrize("image, text", [(True, True), (True, False), (False, True), (False, False)])
def test_the_towers_that_should_learn_do_and_the_others_keep_every_bit(clip, image, text):
    model, ids = ViFiClip(clip, 2, image, text), clip.tokenizer(["a red star", "ring"])
    before = {n: p.clone() for n, p in model.named_parameters()}
    x = tokens(clip) if image else model.encode_frames(tokens(clip)).detach()
    class_loss(**model(x, ids), labels=torch.tensor([0, 1, 1])).backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.5).step()
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    names = ("towers.blocks", "towers.norm", "towers.project")
    assert any(n.startswith(names) for n in moved) == image
    assert any(n.startswith("towers.text") for n in moved) == text
    assert "towers.logit_scale" in moved
    assert all(p.grad is None for p in clip.parameters())


def test_frame_features_are_as_good_as_activations_where_the_tower_is_frozen(clip):
    model, x = ViFiClip(clip, 2, image=False), tokens(clip)
    torch.testing.assert_close(model.encode_video(model.encode_frames(x)), model.encode_video(x))


def test_with_a_module_for_time_order_counts(clip):
    module = FrameTransformer(8, F, width=8, heads=2)
    model, x = ViFiClip(clip, 2, temporal=module), tokens(clip)
    torch.testing.assert_close(model.encode_video(x), ViFiClip(clip, 2).encode_video(x), rtol=0, atol=0)
    torch.nn.init.normal_(module.leave.weight)
    assert (model.encode_video(x) - model.encode_video(x.flip(1))).abs().max() > 1e-3


def test_the_loss_is_the_formula():
    generator = torch.Generator().manual_seed(1)
    u, w = (torch.randn(n, 5, dtype=torch.float64, generator=generator) for n in (4, 3))
    s, labels = torch.tensor(2.5, dtype=torch.float64), [0, 2, 1, 2]
    value = 0.0
    for row, c in zip(u.tolist(), labels, strict=True):
        e = [math.exp(2.5 * sum(a * b for a, b in zip(row, k, strict=True))) for k in w.tolist()]
        value -= math.log(e[c] / sum(e)) / 4
    assert class_loss(u, w, s, torch.tensor(labels)).item() == pytest.approx(value, rel=1e-12)
    inputs = [t.requires_grad_() for t in (u, w, s)]
    assert torch.autograd.gradcheck(lambda *a: class_loss(*a, labels=torch.tensor(labels)), inputs)
