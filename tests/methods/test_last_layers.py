"""The end of a tower on cached activations is the tower."""

import pytest
import torch

from vlatlas.methods.last_layers import LastLayers, enter_last_layers
from vlatlas.models import CLIP, ClipConfig

IMAGES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def clip():
    torch.manual_seed(0)
    sizes = dict(image_size=16, patch_size=4, width=24, depth=3, heads=3, text_width=16, text_depth=2, embed_dim=8, context=6)
    return CLIP(ClipConfig(words=("a", "red", "star", "ring"), **sizes)).eval()


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_it_gives_what_the_whole_tower_gives(clip, blocks):
    x = enter_last_layers(clip, IMAGES, blocks, batch_size=2)
    end, ids = LastLayers(clip, blocks), clip.tokenizer(["a red star", "ring", "a", "star a", "red"])
    whole = clip(IMAGES, ids)
    for name, value in end(x, ids).items():
        torch.testing.assert_close(value, whole[name])
    torch.testing.assert_close(end.encode_image(x), clip.encode_image(IMAGES))
    assert x.shape == (5, 16, 24) and not x.requires_grad


def test_false_captions_are_read_by_the_same_tower(clip):
    end, ids, false = LastLayers(clip), clip.tokenizer(["a red star"] * 5), clip.tokenizer(["red a star", "ring"])
    out = end(enter_last_layers(clip, IMAGES), ids, false)
    torch.testing.assert_close(out["negative_features"], end.encode_text(false, normalize=True))
    assert out["text_features"].shape == (5, 8)


def test_training_it_leaves_the_model_alone(clip):
    before = {n: p.clone() for n, p in clip.named_parameters()}
    end, ids = LastLayers(clip), clip.tokenizer(["a red star"] * 5)
    out = end(enter_last_layers(clip, IMAGES), ids)
    (out["image_features"] * out["text_features"]).sum().mul(out["logit_scale"]).backward()
    torch.optim.SGD(end.parameters(), 0.1).step()
    assert all(p.grad is not None for n, p in end.named_parameters())
    assert all(p.grad is None and torch.equal(p, before[n]) for n, p in clip.named_parameters())
    assert not torch.equal(end.project.weight, clip.visual.project.weight)


def test_the_scale_stops_at_a_hundred(clip):
    end = LastLayers(clip)
    end.logit_scale.data.fill_(9.0)
    out = end(enter_last_layers(clip, IMAGES), clip.tokenizer(["a"] * 5))
    assert out["logit_scale"].item() == 100.0


def test_towers_that_do_not_fit_are_refused(clip):
    with pytest.raises(ValueError, match="4 blocks of a tower of 3"):
        LastLayers(clip, 4)
    with pytest.raises(ValueError, match="0 blocks"):
        LastLayers(clip, 0)
    with pytest.raises(ValueError, match="'cls'"):
        LastLayers(CLIP(ClipConfig(words=("a",), image_size=16, pool="cls")))
