"""MaskCLIP against loops in plain Python, and its mechanism: the pooled feature is an average of what it reads."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.last_block import enter_last_block, query_key
from vlatlas.methods.maskclip import (
    Segmenter,
    TunedClip,
    denoise,
    grid,
    key_features,
    key_path,
    pixel_loss,
    smooth,
    upsample,
    value_path,
    value_path_in_block,
)
from vlatlas.models import CLIP, ClipConfig


def test_with_one_head_attentions_output_is_the_convex_combination_of_value_paths():
    torch.manual_seed(0)
    model = CLIP(ClipConfig(words=("a",), image_size=16, patch_size=4, width=24, depth=2, heads=1, embed_dim=8, pool="cls"))
    block = enter_last_block(model.double().eval(), torch.rand(2, 3, 16, 16, dtype=torch.float64))
    alpha, each, pooled = query_key(block)[:, 0, 0], block.branch(), block.branch(query_key(block))[:, 0]
    torch.testing.assert_close(torch.einsum("bt,btw->bw", alpha, each), pooled, atol=1e-12, rtol=0)  # bias and all
    half = torch.einsum("bt,btw->bw", alpha / 2, each)  # weights that do not add to one would break the exchange
    assert (half - pooled).abs().max() > 1e-3


def test_the_three_paths_differ_and_the_formula_sees_neither_residual_nor_other_tokens(block):
    formula, code, keys = value_path(block), value_path_in_block(block), key_path(block)
    assert formula.shape == (2, 16, 8)
    assert min((formula - code).norm(), (formula - keys).norm(), (code - keys).norm()) > 0.1
    before = formula.clone()
    block.x = block.x + 1.0  # the stream is not read again
    block.v = torch.cat([block.v[:, :, :5], torch.randn_like(block.v[:, :, 5:6]), block.v[:, :, 6:]], dim=2)
    changed = (value_path(block) - before).abs().amax(dim=(0, 2)) > 1e-9
    assert changed.nonzero().flatten().tolist() == [4]  # token 5 is patch 4, after the class token


def test_key_smoothing_is_the_papers_sum(block):
    keys = key_features(block)
    pred = torch.rand(2, 16, 3, dtype=torch.float64)
    got = smooth(pred, keys)
    k = block.k.detach()[:, :, 1:].transpose(1, 2).flatten(2)
    for b in range(2):
        for i in range(16):
            total = [0.0] * 3
            for j in range(16):
                cos = float(k[b, i] @ k[b, j] / (k[b, i].norm() * k[b, j].norm()))
                for c in range(3):
                    total[c] += cos * float(pred[b, j, c]) / 16
            assert got[b, i].tolist() == pytest.approx(total, abs=1e-12)
    alike = torch.ones_like(keys) / keys.shape[-1] ** 0.5
    torch.testing.assert_close(smooth(pred, alike), pred.mean(dim=1, keepdim=True).expand_as(pred))  # one opinion for all


def test_denoising_removes_a_class_that_is_confident_nowhere():
    pred = torch.tensor(
        [[[0.9, 0.1, 0.0], [0.3, 0.3, 0.4]], [[0.2, 0.5, 0.3], [0.2, 0.3, 0.5]], [[0.4, 0.3, 0.3], [0.4, 0.2, 0.4]]]
    )
    got = denoise(pred, 0.5)
    assert torch.equal(got[0], pred[0] * torch.tensor([1.0, 0, 0]))
    assert torch.equal(got[1], pred[1] * torch.tensor([0, 1.0, 1.0]))  # the threshold itself is enough
    assert torch.equal(got[2], pred[2] * torch.tensor([1.0, 0, 1.0]))  # nobody reaches it: the best stay
    assert torch.equal(denoise(pred, 1e-9), pred)
    with pytest.raises(ValueError, match="a confidence"):
        denoise(pred, 0.0)


def test_the_pixel_loss_counts_labelled_pixels_alone():
    logits = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(-1, 4, (2, 12, 12), generator=torch.Generator().manual_seed(0))
    up, total, count = upsample(logits.detach(), 12), 0.0, 0
    for b in range(2):
        for y in range(12):
            for x in range(12):
                if labels[b, y, x] >= 0:
                    total -= float(F.log_softmax(up[b, :, y, x], dim=0)[labels[b, y, x]])
                    count += 1
    assert pixel_loss(logits, labels).item() == pytest.approx(total / count, abs=1e-12)
    torch.autograd.gradcheck(lambda z: pixel_loss(z, labels), logits)


def test_the_grid_is_filled_row_by_row():
    tokens = torch.arange(16.0).view(1, 16, 1)
    assert torch.equal(grid(tokens)[0, 0], torch.arange(16.0).view(4, 4))


def test_the_student_uses_neighbours_and_learns_where_things_are():
    torch.manual_seed(0)
    tokens, labels = torch.randn(8, 16, 6), torch.zeros(8, 8, 8, dtype=torch.long)
    tokens[:4, :8] += 3 * torch.eye(6)[0]  # a half is marked: the upper one of four images, the lower one of the others
    tokens[4:, 8:] += 3 * torch.eye(6)[0]
    labels[:4, :4] = labels[4:, 4:] = 1
    student = Segmenter(6, 2, hidden=8)
    optimizer = torch.optim.Adam(student.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        pixel_loss(student(tokens), labels).backward()
        optimizer.step()
    assert student(tokens).shape == (8, 2, 4, 4)
    flipped = tokens.view(8, 4, 4, 6).flip(1).reshape(8, 16, 6)
    assert (upsample(student(flipped), 8).argmax(dim=1) == labels.flip(1)).float().mean() > 0.8
    x = torch.randn(1, 16, 6, requires_grad=True)
    student(x)[0, :, 2, 2].sum().backward()
    touched = x.grad[0].abs().sum(dim=1).view(4, 4) > 0
    assert bool(touched[1:, 1:].all()) and bool(touched[0, 0])  # two 3x3 convolutions reach two patches away


def test_tuning_changes_a_copy_of_the_image_tower_and_starts_from_the_value_path():
    torch.manual_seed(0)
    model = CLIP(
        ClipConfig(words=("a",), image_size=16, patch_size=4, width=24, depth=2, heads=3, embed_dim=8, pool="cls")
    ).eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    w = F.normalize(torch.randn(3, 8), dim=-1)
    tuned, images = TunedClip(model, w).train(), torch.rand(2, 3, 16, 16)
    start = F.normalize(value_path(enter_last_block(model, images)), dim=-1) @ w.T * model.scale()
    torch.testing.assert_close(tuned(images), grid(start), atol=1e-4, rtol=0)
    optimizer = torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], 1e-2)
    labels = torch.randint(0, 3, (2, 16, 16))
    first = pixel_loss(tuned(images), labels)
    for _ in range(5):
        optimizer.zero_grad()
        pixel_loss(tuned(images), labels).backward()
        optimizer.step()
    assert pixel_loss(tuned(images), labels) < first
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(tuned.model.text.project.weight, model.text.project.weight) and not tuned.model.visual.training
