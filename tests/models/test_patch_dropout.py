"""Patch dropout against what FLIP says it does."""

import pytest
import torch

from vlatlas.models import PatchDropout, VisionTransformer


def numbered(batch: int, patches: int) -> torch.Tensor:
    """Tokens whose single channel is their position, so that a gathered token tells where it came from."""
    return torch.arange(patches, dtype=torch.float32).view(1, patches, 1).repeat(batch, 1, 1)


@pytest.mark.parametrize(("ratio", "patches", "kept"), [(0.5, 64, 32), (0.75, 64, 16), (0.9, 4, 1), (0.25, 9, 7)])
def test_keeps_the_stated_number_in_order_without_repeats(ratio, patches, kept):
    out = PatchDropout(ratio).train()(numbered(50, patches)).squeeze(-1)
    assert out.shape == (50, kept)
    assert (out.diff(dim=1) > 0).all(), "order kept, none twice"


def test_every_patch_is_kept_equally_often_and_images_differ():
    torch.manual_seed(0)
    out = PatchDropout(0.75).train()(numbered(8000, 16)).long().squeeze(-1)
    counts = torch.bincount(out.flatten(), minlength=16)
    # Binomial with p = 1/4 over 8000 images: standard deviation 39, so 5 of them is 194.
    assert (counts - 2000).abs().max() < 194
    assert len({tuple(row) for row in out[:50].tolist()}) > 40, "each image has its own draw"


def test_evaluation_sees_the_whole_image():
    x = numbered(3, 16)
    assert PatchDropout(0.75).eval()(x) is x
    assert PatchDropout(0.0).train()(x) is x


def test_the_fixed_control_always_drops_the_same():
    drop = PatchDropout(0.5, fixed=True).train()
    torch.manual_seed(1)
    a = drop(numbered(4, 64))
    torch.manual_seed(2)
    b = drop(numbered(4, 64))
    assert torch.equal(a, b) and torch.equal(a[0], a[3])


@pytest.mark.parametrize("ratio", [-0.1, 1.0, 75])
def test_a_ratio_outside_its_range_is_refused(ratio):
    with pytest.raises(ValueError, match=rf"{ratio}.*\[0, 1\)"):
        PatchDropout(ratio)


def test_dropped_tokens_never_reach_a_block():
    tower = VisionTransformer(32, 4, 24, 2, 2, 8, patch_dropout=0.75).train()
    lengths = []
    for block in tower.blocks:
        block.register_forward_hook(lambda module, inputs, output: lengths.append(inputs[0].shape[1]))
    tower(torch.rand(2, 3, 32, 32))
    assert lengths == [16, 16]


def test_a_masked_forward_equals_attention_over_the_kept_patches_only():
    """Independent route: run the undropped tower on the kept tokens alone, found by re-drawing the mask."""
    torch.manual_seed(0)
    tower = VisionTransformer(16, 4, 24, 2, 2, 8, patch_dropout=0.5).double().train()
    images = torch.rand(3, 3, 16, 16, dtype=torch.float64)
    torch.manual_seed(5)
    out = tower(images)
    torch.manual_seed(5)
    keep = torch.rand(3, 16).topk(8, dim=1).indices.sort(dim=1).values
    for i in range(3):
        x = torch.stack(
            [
                tower.embed_patches(((images[i, :, r * 4 : r * 4 + 4, c * 4 : c * 4 + 4] - 0.5) / 0.25).reshape(-1))
                + tower.position[0, r * 4 + c]
                for r, c in (divmod(int(p), 4) for p in keep[i])
            ]
        ).unsqueeze(0)
        for block in tower.blocks:
            x = block(x)
        torch.testing.assert_close(out[i], tower.project(tower.norm(x).mean(dim=1))[0], atol=1e-10, rtol=0)


def test_dropped_patches_are_not_even_embedded():
    tower = VisionTransformer(32, 4, 24, 2, 2, 8, patch_dropout=0.75).train()
    rows = []
    tower.embed_patches.register_forward_hook(lambda module, inputs, output: rows.append(inputs[0].shape[1]))
    tower(torch.rand(2, 3, 32, 32)).sum().backward()
    assert rows == [16]
    assert tower.position.grad.abs().sum() > 0, "positions are still learnt"
