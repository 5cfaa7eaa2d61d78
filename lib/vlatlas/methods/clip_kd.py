"""CLIP-KD: six signals that a small CLIP may take from a large one, on one bench (Yang et al. 2024).

The equations are those of the released code (`src/open_clip/loss.py`); where ours differ, the docstring says so. Superscripts: S
the student, T the teacher, which is fixed. q_ij is the share of text j in what is right for image i, see `targets`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.checks import check_features
from ..models.clip import CLIP, MAX_LOGIT_SCALE

TERMS = ("crd", "fd", "icl", "gd", "afd")  # masked feature distillation is "fd" for a student that sees part of its patches


def targets(group: Tensor) -> Tensor:
    """q (N, N): rows share 1 among the texts that equal their own; the identity if no two captions are equal. group: (N,)."""
    same = (group[:, None] == group[None, :]).double()
    return same / same.sum(dim=1, keepdim=True)


def contrast(image: Tensor, text: Tensor, scale: Tensor, q: Tensor) -> Tensor:
    r"""CLIP's loss against targets, $-\frac1{2N}\sum_{ij}q_{ij}(\log p_{ij}+\log p'_{ij})$, with $p$ the softmax over the rows of
    $s\,u_i^\top v_j$ and $p'$ over its columns. image, text (N, D), scale (), q (N, N) symmetric. Returns ()."""
    logits, q = scale * image @ text.T, q.to(image)  # (N, N)
    return (F.cross_entropy(logits, q) + F.cross_entropy(logits.T, q)) / 2


def feature_distance(u: Tensor, v: Tensor, tu: Tensor, tv: Tensor) -> Tensor:
    r"""FD: $\frac1N\sum_i(\lVert u_i^S-u_i^T\rVert^2+\lVert v_i^S-v_i^T\rVert^2)$.

    The released code takes the mean over the D coordinates also, so that its weight of 2000 is 2000/D here. All (N, D); ().
    """
    return ((u - tu).square().sum() + (v - tv).square().sum()) / len(u)


def relation_divergence(u: Tensor, v: Tensor, scale: Tensor, tu: Tensor, tv: Tensor, teacher_scale: float) -> Tensor:
    r"""CRD: $\frac1{2N}\sum_i[\mathrm{KL}(p_i^T\Vert p_i^S)+\mathrm{KL}(p_i'^T\Vert p_i'^S)]$, rows and columns of the
    similarities as distributions, each model with its own scale. Features (N, D), scale (). Returns ()."""
    student, teacher = scale * u @ v.T, teacher_scale * tu @ tv.T  # (N, N)
    ways = ((student, teacher), (student.T, teacher.T))
    return sum(F.kl_div(s.log_softmax(1), t.log_softmax(1), log_target=True, reduction="batchmean") for s, t in ways) / 2


def interactive_contrast(u: Tensor, v: Tensor, tu: Tensor, tv: Tensor, scale: Tensor, q: Tensor) -> Tensor:
    r"""ICL: the student's images against the teacher's texts, and its texts against the teacher's images,
    $-\frac1{2N}\sum_{ij}q_{ij}\big[\log\frac{e^{s'u_i^S\cdot v_j^T}}{\sum_k e^{s'u_i^S\cdot v_k^T}}
    +\log\frac{e^{s'v_i^S\cdot u_j^T}}{\sum_k e^{s'v_i^S\cdot u_k^T}}\big]$, $s'$ learned beside the student's own scale.

    Features (N, D), scale (), q (N, N). Returns ().
    """
    q = q.to(u)
    return (F.cross_entropy(scale * u @ tv.T, q) + F.cross_entropy(scale * v @ tu.T, q)) / 2


def contrast_gradients(anchor: Tensor, other: Tensor, scale: Tensor | float, q: Tensor) -> tuple[Tensor, Tensor]:
    r"""Gradients of $-\sum_{ij}q_{ij}\log p_{ij}$, $p$ the softmax over the rows of $s\,a_i^\top b_j$, in closed form:
    $s\sum_j(p_{ij}-q_{ij})\,b_j$ for $a_i$, and $s\sum_i(p_{ij}-q_{ij})\,a_i$ for $b_j$. anchor, other (N, D) -> two (N, D)."""
    excess = (scale * anchor @ other.T).softmax(dim=1) - q.to(anchor)  # (N, N)
    return scale * excess @ other, scale * excess.T @ anchor


def gradient_distance(u: Tensor, v: Tensor, scale: Tensor, tu: Tensor, tv: Tensor, teacher_scale: float, q: Tensor) -> Tensor:
    r"""GD: the mean over the batch of the squared distances of four gradients, $\partial/\partial u_i$ and
    $\partial/\partial v_i$ of the contrastive loss of the rows and of that of the columns, between student and teacher.

    The loss is summed over the batch, not averaged, so that the size of a gradient does not depend on N. (The released
    `get_grad` divides by what its caller hands it as the temperature, which is the logit scale.) Features (N, D). Returns ().
    """
    student = (*contrast_gradients(u, v, scale, q), *contrast_gradients(v, u, scale, q))
    teacher = (*contrast_gradients(tu, tv, teacher_scale, q), *contrast_gradients(tv, tu, teacher_scale, q))
    return sum((a - b).square().sum() for a, b in zip(student, teacher, strict=True)) / len(u)


class DistilledStudent(nn.Module):
    """A student with what the losses learn beside it: a scale for ICL, and for AFD a scale and two linear maps that fuse features
    of student and teacher. All of it is dropped after training.

    Args:
        clip: the student. fuse: with AFD's maps; they are drawn with `seed`, so that the student is the same without them.

    Shapes: images (N, 3, H, W), ids (N, T), the teacher's unit features (N, D) -> what `DistillationLoss` takes.
    """

    def __init__(self, clip: CLIP, fuse: bool = False, seed: int = 0):
        super().__init__()
        self.clip = clip
        self.cross_scale = nn.Parameter(torch.tensor(math.log(clip.config.init_logit_scale)))  # log s'
        self.fusion = None
        if fuse:
            D = clip.config.embed_dim
            self.fused_scale = nn.Parameter(self.cross_scale.detach().clone())
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.fusion = nn.ModuleList(nn.Linear(2 * D, D) for _ in range(2))

    def forward(self, images: Tensor, ids: Tensor, teacher_image: Tensor, teacher_text: Tensor) -> dict[str, Tensor]:
        out = self.clip(images, ids) | {"teacher_image": teacher_image, "teacher_text": teacher_text}
        out["cross_scale"] = self.cross_scale.exp().clamp(max=MAX_LOGIT_SCALE)
        if self.fusion is not None:
            pairs = ((out["image_features"], teacher_image), (out["text_features"], teacher_text))
            fused = (F.normalize(m(torch.cat(p, dim=1)), dim=1) for m, p in zip(self.fusion, pairs, strict=True))
            out["fused"] = (*fused, self.fused_scale.exp().clamp(max=MAX_LOGIT_SCALE))
        return out


class DistillationLoss(nn.Module):
    r"""$\mathcal L=\mathcal L_\mathrm{CLIP}+\sum_k\lambda_k\mathcal L_k$.

    AFD is `contrast` of the fused features. Pairs with equal captions are no negatives of each other, in every term.

    Args:
        weights: term of `TERMS` -> $\lambda_k$; none is CLIP's loss alone. teacher_scale: the teacher's s.

    Shapes: features (N, D), unit rows; scales (); group (N,) long, equal where captions are. Returns ().

    Raises:
        ValueError: an unknown term, a negative weight, "afd" for a student without fusion, shapes that do not match.
    """

    def __init__(self, weights: dict[str, float], teacher_scale: float):
        super().__init__()
        wrong = [f"{k}={w}" for k, w in weights.items() if k not in TERMS or w < 0]
        if wrong:
            raise ValueError(f"weights {', '.join(wrong)}: terms are {', '.join(TERMS)}, and weights are not negative")
        self.weights = dict(weights)
        self.teacher_scale = teacher_scale

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        teacher_image: Tensor,
        teacher_text: Tensor,
        cross_scale: Tensor,
        group: Tensor,
        fused: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> Tensor:
        u, v, s, tu, tv = image_features, text_features, logit_scale, teacher_image, teacher_text
        check_features(u, v)
        check_features(u, tu)
        check_features(v, tv)
        if "afd" in self.weights and fused is None:
            raise ValueError("the term 'afd' needs fused features; build the student with fuse=True")
        q = targets(group).to(u)
        loss = contrast(u, v, s, q)
        for term, weight in self.weights.items():
            if term == "fd":
                value = feature_distance(u, v, tu, tv)
            elif term == "crd":
                value = relation_divergence(u, v, s, tu, tv, self.teacher_scale)
            elif term == "icl":
                value = interactive_contrast(u, v, tu, tv, cross_scale, q)
            elif term == "gd":
                value = gradient_distance(u, v, s, tu, tv, self.teacher_scale, q)
            else:
                value = contrast(*fused, q)
            loss = loss + weight * value
        return loss
