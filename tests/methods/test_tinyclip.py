"""Affinities against loops in plain Python; inheritance by cutting a student out of a teacher that was built around it."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vlatlas.methods import tinyclip
from vlatlas.methods.clip_kd import relation_divergence
from vlatlas.methods.tinyclip import (
    AffinityLoss,
    Kept,
    activations,
    affinity_mimicking,
    inherit,
    inherit_tower,
    most_active,
    scrambled,
)
from vlatlas.models import CLIP, ClipConfig

WORDS = tuple("abcdef")
SMALL = dict(width=8, depth=2, heads=2, text_width=8, text_depth=1, text_heads=2)
LARGE = dict(width=16, depth=4, heads=4, text_width=16, text_depth=2, text_heads=4)


def clip(seed, sizes):
    torch.manual_seed(seed)
    model = CLIP(ClipConfig(words=WORDS, image_size=8, patch_size=4, embed_dim=4, context=5, **sizes)).eval()
    with torch.no_grad():  # biases and norms that are not trivial
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def unit(seed, n=5, d=4):
    g = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(n, d, generator=g, dtype=torch.float64), dim=1)


U, V, TU, TV = (unit(k) for k in range(4))
SCALE = torch.tensor(4.0, dtype=torch.float64)


def rows(a, b, scale):
    out = []
    for x in a.tolist():
        e = [math.exp(scale * sum(p * q for p, q in zip(x, y, strict=True))) for y in b.tolist()]
        out.append([z / sum(e) for z in e])
    return out


def test_affinity_mimicking_is_the_sum_in_loops():
    want = 0.0
    for a, b, ta, tb in ((U, V, TU, TV), (V, U, TV, TU)):
        student, teacher = rows(a, b, 4.0), rows(ta, tb, 9.0)
        want -= sum(t * math.log(s) for r, w in zip(student, teacher, strict=True) for s, t in zip(r, w, strict=True)) / 10
    assert affinity_mimicking(U, V, SCALE, TU, TV, 9.0).item() == pytest.approx(want, rel=1e-12)


def test_its_gradients_are_those_of_finite_differences_and_of_clip_kds_relations():
    inputs = tuple(x.clone().requires_grad_() for x in (U, V, SCALE))
    assert torch.autograd.gradcheck(lambda u, v, s: affinity_mimicking(u, v, s, TU, TV, 9.0), inputs)
    ours, theirs = (torch.autograd.grad(loss(*inputs, TU, TV, 9.0), inputs) for loss in (affinity_mimicking, relation_divergence))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_a_certain_teacher_gives_clips_own_targets():
    eye = torch.eye(4, dtype=torch.float64)
    got = affinity_mimicking(U[:4], V[:4], SCALE, eye, eye, 60.0)
    logits, labels = SCALE * U[:4] @ V[:4].T, torch.arange(4)
    torch.testing.assert_close(got, (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2)


def test_the_loss_sees_neither_captions_nor_what_else_a_student_gives():
    loss = AffinityLoss(9.0)
    given = dict(image_features=U, text_features=V, logit_scale=SCALE, teacher_image=TU, teacher_text=TV)
    a, b = (loss(**given, group=g, cross_scale=SCALE) for g in (torch.arange(5), torch.zeros(5)))
    assert a == b == affinity_mimicking(U, V, SCALE, TU, TV, 9.0)
    with pytest.raises(ValueError, match="shapes"):
        loss(**(given | {"teacher_text": TV[:3]}))


@torch.no_grad()
def built_around(small, large, kept, generator):
    """Make `large` compute what `small` computes: every channel of the stream once in `kept.stream` and once more elsewhere, so
    that norms see the same numbers; nothing reads the copies; layers, heads and neurons that are not kept write nothing."""
    W, w = large.norm.weight.numel(), small.norm.weight.numel()
    S = kept.stream
    rest = torch.tensor(sorted(set(range(W)) - set(S.tolist())))
    rest = rest[torch.randperm(len(rest), generator=generator)]

    def on_stream(x):  # last dimension w -> W, both copies
        out = torch.zeros(*x.shape[:-1], W)
        out[..., S], out[..., rest] = x, x
        return out

    def reading(x):  # columns w -> W, the kept ones alone
        out = torch.zeros(len(x), W)
        out[:, S] = x
        return out

    for name, parameter in large.named_parameters():
        if not name.startswith("blocks."):
            source = dict(small.named_parameters())[name]
            if name == "embed_patches.weight":
                parameter.copy_(on_stream(source.T).T)
            elif name == "project.weight":
                parameter.copy_(reading(source))
            else:
                parameter.copy_(on_stream(source))
    d = w // small.blocks[0].attention.heads
    for block in large.blocks:
        for layer in (block.attention.out, block.mlp[2]):
            layer.weight.zero_(), layer.bias.zero_()
    for k, layer in enumerate(kept.layers):
        a, b = small.blocks[k], large.blocks[layer]
        H = torch.cat([torch.arange(h * d, h * d + d) for h in kept.heads[k].tolist()])
        N = kept.neurons[k]
        for x, y in ((a.norm1, b.norm1), (a.norm2, b.norm2)):
            y.weight.copy_(on_stream(x.weight)), y.bias.copy_(on_stream(x.bias))
        for part in range(3):
            b.attention.qkv.weight[part * W + H] = reading(a.attention.qkv.weight[part * w : part * w + w])
            b.attention.qkv.bias[part * W + H] = a.attention.qkv.bias[part * w : part * w + w]
        b.attention.out.weight[:, H] = on_stream(a.attention.out.weight.T).T
        b.attention.out.bias.copy_(on_stream(a.attention.out.bias))
        b.mlp[0].weight[N], b.mlp[0].bias[N] = reading(a.mlp[0].weight), a.mlp[0].bias
        b.mlp[2].weight[:, N] = on_stream(a.mlp[2].weight.T).T
        b.mlp[2].bias.copy_(on_stream(a.mlp[2].bias))


def part(width, neurons, depth, layers, seed):
    g = torch.Generator().manual_seed(seed)

    def some(of, n):
        return torch.randperm(of, generator=g)[:n].sort().values

    return Kept(
        layers, some(width, width // 2), [some(4, 2) for _ in range(depth)], [some(neurons, neurons // 2) for _ in range(depth)]
    )


@pytest.mark.parametrize("name, layers", [("visual", [0, 2]), ("visual", [1, 3]), ("text", [0]), ("text", [1])])
def test_a_student_is_cut_unharmed_out_of_a_teacher_that_was_built_around_it(name, layers, monkeypatch):
    hidden, large, student = clip(0, SMALL), clip(1, LARGE), clip(2, SMALL)
    hidden, large, student = (getattr(m, name) for m in (hidden, large, student))
    kept = part(16, 64, len(layers), layers, 5)
    built_around(hidden, large, kept, torch.Generator().manual_seed(6))
    x = torch.rand(6, 3, 8, 8) if name == "visual" else torch.tensor([[1, 3, 4, 2, 0], [1, 5, 2, 0, 0], [1, 6, 7, 8, 2]])
    want = hidden(x)
    torch.testing.assert_close(large(x), want, atol=1e-5, rtol=1e-4)
    assert (student(x) - want).abs().max() > 0.1
    inherit_tower(student, large, kept)
    torch.testing.assert_close(student(x), want, atol=1e-5, rtol=1e-4)
    for a, b in zip(student.parameters(), hidden.parameters(), strict=True):
        assert torch.equal(a, b)
    sets = iter(torch.randperm(16, generator=torch.Generator().manual_seed(k))[:8] for k in range(99))
    monkeypatch.setattr(tinyclip, "stream_of", lambda name, kept: next(sets))
    inherit_tower(student, large, kept)
    assert (student(x) - want).abs().max() > 0.1, "a set of channels for each layer destroys what was to be inherited"


def test_activations_are_means_of_what_enters_blocks_mixers_and_second_layers():
    tower, x = clip(3, SMALL).visual, torch.rand(4, 3, 8, 8)
    with torch.no_grad():
        z = tower.embed_patches((tinyclip_patches(x) - 0.5) / 0.25) + tower.position
        stream = []
        heads, neurons = activations(tower, x)[1:]
        for k, block in enumerate(tower.blocks):
            stream.append(z.abs().mean(dim=(0, 1)))
            n = block.norm1(z)
            q, key, v = (t.view(4, 4, 2, 4) for t in block.attention.qkv(n).split(8, dim=-1))
            for h in range(2):
                a = (q[:, :, h] @ key[:, :, h].transpose(1, 2) / 2).softmax(-1) @ v[:, :, h]
                assert heads[k, h].item() == pytest.approx(a.abs().mean().item(), rel=1e-4)
            z = z + block.attention(n)
            torch.testing.assert_close(neurons[k], F.gelu(block.mlp[0](block.norm2(z))).abs().mean(dim=(0, 1)))
            z = z + block.mlp(block.norm2(z))
    torch.testing.assert_close(activations(tower, x)[0], torch.stack(stream).mean(dim=0))


def tinyclip_patches(x):
    return torch.stack([x[:, :, r : r + 4, c : c + 4].flatten(1) for r in (0, 4) for c in (0, 4)], dim=1)


def test_what_is_dead_is_not_kept_and_layers_are_evenly_spaced():
    large, small = clip(1, LARGE).visual, clip(2, SMALL).visual
    dead_channels, dead_head, dead_neurons = torch.tensor([0, 3, 5, 9]), 2, torch.arange(40)
    with torch.no_grad():
        for p in (large.embed_patches.weight, large.embed_patches.bias):
            p[dead_channels] = 0
        large.position[..., dead_channels] = 0
        for block in large.blocks:
            for layer in (block.attention.out, block.mlp[2]):
                layer.weight[dead_channels], layer.bias[dead_channels] = 0, 0
            block.attention.qkv.weight[32 + 4 * dead_head : 36 + 4 * dead_head] = 0
            block.attention.qkv.bias[32 + 4 * dead_head : 36 + 4 * dead_head] = 0
            block.mlp[0].weight[dead_neurons], block.mlp[0].bias[dead_neurons] = 0, 0
    kept = most_active(large, small, torch.rand(5, 3, 8, 8))
    assert kept.layers == [0, 2] and len(kept.stream) == 8
    assert not set(kept.stream.tolist()) & set(dead_channels.tolist())
    for heads, neurons in zip(kept.heads, kept.neurons, strict=True):
        assert dead_head not in heads.tolist() and len(heads) == 2
        assert len(set(neurons.tolist()) & set(dead_neurons.tolist())) == 32 - 24
        assert neurons.tolist() == sorted(neurons.tolist())


def test_a_student_of_the_teachers_size_is_the_teacher():
    teacher, student = clip(1, SMALL), clip(2, SMALL)
    teacher.logit_scale.data.fill_(1.5)
    images, ids = torch.rand(3, 3, 8, 8), torch.tensor([[1, 3, 4, 2, 0]])
    assert inherit(student, teacher, images, ids) is student
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), teacher.parameters(), strict=True))
    assert not any(module._forward_pre_hooks for module in teacher.modules()), "no hook stays behind"


def test_scrambling_keeps_each_parameters_numbers_and_spectra_and_not_the_function():
    teacher = clip(1, LARGE)
    before = copy.deepcopy(teacher.state_dict())
    other = scrambled(teacher, 0)
    assert all(torch.equal(before[k], v) for k, v in teacher.state_dict().items()), "the teacher is left as it was"
    for tower, mixed in ((teacher.visual, other.visual), (teacher.text, other.text)):
        there, n = dict(tower.named_parameters()), len(tower.blocks)
        for name, parameter in mixed.named_parameters():
            if name.startswith("blocks."):
                _, k, rest = name.split(".", 2)
                name = f"blocks.{n - 1 - int(k)}.{rest}"
            assert torch.equal(parameter.flatten().sort().values, there[name].flatten().sort().values)
            if parameter.ndim == 2:
                torch.testing.assert_close(
                    torch.linalg.svdvals(parameter), torch.linalg.svdvals(there[name]), atol=1e-4, rtol=1e-4
                )
    images = torch.rand(4, 3, 8, 8)
    assert (other.encode_image(images, True) - teacher.encode_image(images, True)).abs().max() > 0.1
    again = scrambled(teacher, 0)
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), again.parameters(), strict=True))


def test_sizes_that_do_not_fit_are_refused():
    teacher, other = clip(1, LARGE), clip(2, SMALL | {"heads": 1})
    with pytest.raises(ValueError, match="heads of 8 channels cannot take over heads of 4"):
        inherit(other, teacher, torch.rand(2, 3, 8, 8), torch.tensor([[1, 3, 2]]))
    small = clip(2, SMALL).visual
    wrong = part(16, 64, 2, [0, 2], 1)
    wrong.stream = wrong.stream[:6]
    with pytest.raises(ValueError, match="the student has"):
        inherit_tower(small, teacher.visual, wrong)
    assert isinstance(small, nn.Module)
