"""The last block rebuilt piece by piece, against the tower itself and against loops in float64."""

import open_clip
import pytest
import torch

from vlatlas.methods.last_block import enter_last_block, enter_many, plain_tokens, query_key
from vlatlas.models import CLIP, ClipConfig
from vlatlas.models.inside import look_inside


def ours(pool):
    torch.manual_seed(0)
    return CLIP(ClipConfig(words=("a",), image_size=16, patch_size=4, width=24, depth=3, heads=3, embed_dim=8, pool=pool)).eval()


def big():
    torch.manual_seed(0)
    vision = {"image_size": 32, "patch_size": 8, "width": 128, "layers": 2}  # two heads of 64
    return open_clip.CLIP(16, vision, {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}).eval()


@pytest.fixture(params=["mean", "cls", "open_clip"])
def case(request):
    model = big() if request.param == "open_clip" else ours(request.param)
    size = 32 if request.param == "open_clip" else 16
    return model, torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_with_its_own_attention_residual_and_mlp_the_block_is_what_it_was(case):
    model, images = case
    expected = look_inside(model, images)
    block = enter_last_block(model, images)
    torch.testing.assert_close(plain_tokens(block), expected.dense, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(query_key(block), expected.attention[-1], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(block.x, expected.layers[-2], atol=1e-5, rtol=1e-4)
    many = enter_many(model, images, batch_size=1)
    torch.testing.assert_close(plain_tokens(many), expected.dense, atol=1e-5, rtol=1e-4)
    assert not many.x.requires_grad


def test_attention_of_patches_leaves_the_class_token_out(case):
    model, images = case
    block = enter_last_block(model, images)
    T = block.x.shape[1]
    assert T == 16 + block.class_token
    assert torch.equal(block.patches(query_key(block)), query_key(block)[:, :, T - 16 :, T - 16 :])


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("mlp", [True, False])
@pytest.mark.parametrize("mixing", [True, False])
def test_every_choice_against_loops_in_float64(residual, mlp, mixing):
    model = ours("cls").double()
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    block = enter_last_block(model, images)
    weights = torch.rand(1, 3, 17, 17, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    got = block.leave(block.branch(weights if mixing else None), residual, mlp)
    last, visual = model.visual.blocks[-1], model.visual
    x = look_inside(model, images).layers[-2][0]  # (17, 24)
    n, heads, d = last.norm1(x), 3, 8
    v = n @ last.attention.qkv.weight[48:].T + last.attention.qkv.bias[48:]  # rows of the values
    for i in range(1, 17):
        joined = []
        for h in range(heads):
            own = v[:, h * d : (h + 1) * d]
            joined.append(sum(weights[0, h, i, j] * own[j] for j in range(17)) if mixing else own[i])
        y = last.attention.out.weight @ torch.cat(joined) + last.attention.out.bias
        y = x[i] + y if residual else y
        y = y + last.mlp(last.norm2(y)) if mlp else y
        torch.testing.assert_close(got[0, i - 1], visual.project(visual.norm(y)), atol=1e-10, rtol=0)


def test_gradients_reach_the_towers_weights():
    model = ours("cls").double()
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    weight = model.visual.position

    def read(offset):
        with torch.no_grad():
            kept = weight.clone()
        model.visual.position.data = kept + offset
        out = enter_last_block(model, images)
        value = out.leave(out.branch(), residual=False, mlp=False).square().sum()
        model.visual.position.data = kept
        return value

    block = enter_last_block(model, images)
    block.leave(block.branch(), residual=False, mlp=False).square().sum().backward()
    step = torch.zeros_like(weight)
    step[0, 5, 3] = 1e-6
    with torch.no_grad():
        slope = (read(step) - read(-step)) / 2e-6
    torch.testing.assert_close(weight.grad[0, 5, 3], slope, atol=1e-6, rtol=1e-5)


def test_a_tower_in_training_mode_is_refused_and_no_hook_is_left_behind():
    model = ours("cls")
    with pytest.raises(ValueError, match="model.eval"):
        enter_last_block(model.train(), torch.rand(1, 3, 16, 16))
    model.eval()
    with pytest.raises(ValueError, match="this tower takes"):
        enter_last_block(model, torch.rand(1, 3, 20, 20))
    assert not model.visual.blocks[-1]._forward_pre_hooks
