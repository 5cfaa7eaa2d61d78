"""TinyCLIP: a small CLIP that starts from a part of its teacher's weights and imitates its affinities (Wu et al. 2023).

Affinities follow the released `clip_soft_loss.py`. Inheritance is the manual one: evenly spaced layers, from the first, as in
the released `weight_inherit.py`; that file then keeps the *first* channels and heads, we keep those with the largest mean
activation. Either way one set of channels serves the whole residual stream.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.checks import check_features
from ..models.clip import CLIP


def affinity_mimicking(u: Tensor, v: Tensor, scale: Tensor, tu: Tensor, tv: Tensor, teacher_scale: float) -> Tensor:
    r"""$-\frac1{2N}\sum_{ij}(A^T_{ij}\log A^S_{ij}+B^T_{ij}\log B^S_{ij})$: A the softmax over the rows of $s\,u_i^\top v_j$,
    image to text, and B over its columns, each model with its own s. Features (N, D), scale (). Returns ()."""
    student, teacher = scale * u @ v.T, teacher_scale * tu @ tv.T  # (N, N)
    return (F.cross_entropy(student, teacher.softmax(1)) + F.cross_entropy(student.T, teacher.T.softmax(1))) / 2


class AffinityLoss(nn.Module):
    """`affinity_mimicking` and nothing else, as the released scripts train: captions enter through the teacher alone.

    Shapes: features (N, D), unit rows; logit_scale (). What else a student gives is not looked at. Returns ().
    """

    def __init__(self, teacher_scale: float):
        super().__init__()
        self.teacher_scale = teacher_scale

    def forward(self, image_features, text_features, logit_scale, teacher_image, teacher_text, **unused) -> Tensor:
        check_features(image_features, text_features)
        check_features(teacher_image, teacher_text)
        return affinity_mimicking(image_features, text_features, logit_scale, teacher_image, teacher_text, self.teacher_scale)


@dataclass
class Kept:
    """What a student's tower takes over. layers: numbers of the teacher's layers. stream: channels of the residual stream, the
    same for all layers. heads, neurons: of each kept layer, its own."""

    layers: list[int]
    stream: Tensor
    heads: list[Tensor]
    neurons: list[Tensor]


@torch.no_grad()
def activations(tower: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean absolute activation over inputs and tokens: of the stream (W,), the mean over what enters each layer; of heads (L, h),
    before they are mixed; of hidden neurons (L, 4 W)."""
    seen: dict[str, list[Tensor]] = {"stream": [], "heads": [], "neurons": []}

    def spy(name: str):
        return lambda module, given: seen[name].append(given[0].abs().mean(dim=(0, 1)))

    places = [(m, n) for b in tower.blocks for m, n in ((b, "stream"), (b.attention.out, "heads"), (b.mlp[2], "neurons"))]
    hooks = [module.register_forward_pre_hook(spy(name)) for module, name in places]
    try:
        tower(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    stream, heads, neurons = (torch.stack(x) for x in seen.values())
    return stream.mean(dim=0), heads.unflatten(1, (tower.blocks[0].attention.heads, -1)).mean(dim=2), neurons


def most_active(teacher: nn.Module, student: nn.Module, inputs: Tensor) -> Kept:
    """Evenly spaced layers from the first, and of channels, heads and neurons the most active on `inputs`, in their order."""
    depth, block = len(student.blocks), student.blocks[0]
    step = len(teacher.blocks) // depth
    stream, heads, neurons = activations(teacher, inputs)

    def top(x: Tensor, n: int) -> Tensor:
        return x.topk(n).indices.sort().values

    layers = [k * step for k in range(depth)]
    return Kept(
        layers,
        top(stream, len(block.norm1.weight)),
        [top(heads[k], block.attention.heads) for k in layers],
        [top(neurons[k], block.mlp[0].out_features) for k in layers],
    )


def stream_of(name: str, kept: Kept) -> Tensor:
    """The channels of the residual stream that the parameter `name` reads or writes: one set, whichever layer asks."""
    return kept.stream


@torch.no_grad()
def inherit_tower(student: nn.Module, teacher: nn.Module, kept: Kept) -> None:
    """Overwrite the student's weights with those rows and columns of the teacher's that `kept` names.

    Raises:
        ValueError: sizes of heads that differ, or a part that does not fit the student.
    """
    ours, theirs = student.blocks[0].attention, teacher.blocks[0].attention
    W = theirs.out.in_features
    d = W // theirs.heads
    if d != ours.out.in_features // ours.heads:
        raise ValueError(
            f"heads of {ours.out.in_features // ours.heads} channels cannot take over heads of {d}: choose equal sizes"
        )
    there = dict(teacher.named_parameters())
    for name, target in student.named_parameters():
        S, source, part = stream_of(name, kept), name, name
        if name.startswith("blocks."):
            _, k, part = name.split(".", 2)
            source = f"blocks.{kept.layers[int(k)]}.{part}"
            H = (kept.heads[int(k)][:, None] * d + torch.arange(d)).flatten()  # channels of the kept heads
            N = kept.neurons[int(k)]
            Q = torch.cat([H, W + H, 2 * W + H])  # queries, keys and values are stacked
        weight = there[source]
        if part == "attention.qkv.weight":
            weight = weight[Q][:, S]
        elif part == "attention.qkv.bias":
            weight = weight[Q]
        elif part == "attention.out.weight":
            weight = weight[S][:, H]
        elif part == "mlp.0.weight":
            weight = weight[N][:, S]
        elif part == "mlp.0.bias":
            weight = weight[N]
        elif part == "mlp.2.weight":
            weight = weight[S][:, N]
        elif part == "embed_patches.weight":
            weight = weight[S]
        else:  # norms, biases, positions, words, projection: the stream is their last dimension
            weight = weight[..., S]
        if weight.shape != target.shape:
            raise ValueError(f"{name}: {tuple(weight.shape)} is kept of the teacher, the student has {tuple(target.shape)}")
        target.copy_(weight)


def inherit(student: CLIP, teacher: CLIP, images: Tensor, ids: Tensor) -> CLIP:
    """Give the student, in place, the most active part of both of the teacher's towers and its logit scale; what is active is
    judged on images (B, 3, H, W) and ids (B, T)."""
    for name, inputs in (("visual", images), ("text", ids)):
        ours, theirs = getattr(student, name), getattr(teacher, name)
        inherit_tower(ours, theirs, most_active(theirs, ours, inputs))
    student.logit_scale.data.copy_(teacher.logit_scale.data)
    return student


@torch.no_grad()
def scrambled(model: CLIP, seed: int = 0) -> CLIP:
    """A copy with the same numbers at other places: layers in reverse, and each parameter's channels, rows and columns alike,
    in an order of its own. Spectra and statistics of the weights stay, what they compute is gone."""
    out, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for tower in (out.visual, out.text):
        tower.blocks = nn.ModuleList(reversed(tower.blocks))
        for parameter in tower.parameters():
            for dim in range(parameter.ndim):
                order = torch.randperm(parameter.shape[dim], generator=generator)
                parameter.copy_(parameter.index_select(dim, order.to(parameter.device)))
    return out
