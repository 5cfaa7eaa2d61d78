"""The sum of the parts is the output, to float64 precision; a part is what goes missing without its head."""

import copy

import pytest
import torch

from vlatlas.methods.residual_sum import decompose
from vlatlas.models import CLIP, ClipConfig, load


def tower(pool: str) -> CLIP:
    """A small random tower whose biases and norms are not the initial ones."""
    torch.manual_seed(0)
    sizes = dict(image_size=16, patch_size=4, width=24, depth=3, heads=3, embed_dim=10, text_width=8, text_depth=1)
    model = CLIP(ClipConfig(("a",), pool=pool, text_heads=2, **sizes)).double().eval()
    for p in model.visual.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return model


@pytest.fixture(params=["cls", "mean"])
def taken(request):
    model, images = tower(request.param), torch.rand(4, 3, 16, 16, dtype=torch.float64)
    return model, images, decompose(model, images)


def test_the_parts_add_up_to_the_output(taken):
    model, images, parts = taken
    with torch.no_grad():
        assert (parts.total() - model.encode_image(images)).abs().max() < 1e-12
    tokens = 16 + (model.visual.class_token is not None)
    assert parts.heads.shape == (3, 4, 3, tokens, 10) and parts.mlps.shape == (3, 4, 10)


def test_the_final_norms_scale_is_each_images_own(taken):
    model, images, parts = taken
    wrong = decompose(model, images, fold=False)
    assert (wrong.total() - parts.features).abs().max() > 1e-3
    alone = decompose(model, images[:1])  # what a batch holds besides can't matter
    assert torch.allclose(alone.heads, parts.heads[:, :1], atol=1e-12)


@torch.no_grad()
def test_a_heads_part_by_hand(taken):
    """Loops over heads and tokens, from the formulas alone, for the second layer of the first image."""
    model, images, parts = taken
    visual, image = model.visual, images[:1]
    x = visual.embed_patches((image.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(1, 16, 48) - 0.5) / 0.25)
    x = x + visual.position
    if visual.class_token is not None:
        x = torch.cat([visual.class_token, x], dim=1)
    states = [x]
    for block in visual.blocks:
        states.append(block(states[-1]))
    final, T = states[-1][0], x.shape[1]
    pooled = [0] if visual.class_token is not None else range(T)
    block = visual.blocks[1]
    z = block.norm1(states[1])[0]
    W, b = block.attention.qkv.weight, block.attention.qkv.bias
    for h in range(3):
        s = slice(8 * h, 8 * h + 8)
        q, k, v = (z @ W[24 * i :][s].T + b[24 * i :][s] for i in range(3))
        for p in range(T):
            want = torch.zeros(10, dtype=torch.float64)
            for t in pooled:
                weights = torch.tensor([float(q[t] @ k[j]) / 8**0.5 for j in range(T)], dtype=torch.float64).exp()
                y = weights[p] / weights.sum() * (block.attention.out.weight[:, s] @ v[p])
                sigma = (final[t].var(unbiased=False) + visual.norm.eps).sqrt()
                want += visual.project.weight @ (visual.norm.weight * (y - y.mean()) / sigma) / len(pooled)
            assert torch.allclose(parts.heads[1, 0, h, p], want, atol=1e-12)


@torch.no_grad()
def test_silencing_the_last_heads_removes_their_parts(taken):
    """Without its last layer's head, z loses what the head wrote; with the norm's scale held, so does u."""
    model, images, parts = taken
    cut = copy.deepcopy(model)
    cut.visual.blocks[-1].mlp[2].weight.zero_()  # so that nothing after the attention reacts
    cut.visual.blocks[-1].mlp[2].bias.zero_()
    before = decompose(cut, images)
    cut.visual.blocks[-1].attention.out.weight[:, 8:16] = 0  # head 1
    after = decompose(cut, images)
    assert after.heads[-1, :, 1].abs().max() == 0
    gone = before.heads[-1, :, [0, 2]].sum(dim=2) / after.heads[-1, :, [0, 2]].sum(dim=2)
    if model.visual.class_token is not None:  # one token, one scale: the other heads' parts change by one factor
        assert torch.allclose(gone, gone[:, :1, :1].expand_as(gone), rtol=1e-8)
    assert torch.allclose(after.total(), after.features, atol=1e-12)


def test_open_clips_tower_adds_up_as_well():
    pytest.importorskip("open_clip")
    torch.manual_seed(0)
    model = load("open_clip:ViT-B-32").double()
    parts = decompose(model, torch.rand(1, 3, 224, 224, dtype=torch.float64))
    assert (parts.total() - parts.features).abs().max() < 1e-10


def test_what_cannot_be_taken_apart_is_refused():
    model = tower("cls")
    with pytest.raises(ValueError, match="training mode"):
        decompose(model.train(), torch.rand(1, 3, 16, 16, dtype=torch.float64))
    model.eval().visual.blocks[1].register_forward_hook(lambda m, a, out: 2 * out)  # a block that does more
    with pytest.raises(ValueError, match="parts that `decompose` does not know"):
        decompose(model, torch.rand(1, 3, 16, 16, dtype=torch.float64))
