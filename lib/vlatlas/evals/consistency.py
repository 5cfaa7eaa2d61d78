"""Do two ways to classify with one model agree: by sentences, and by labelled images nearby (Goel et al. 2022)?"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .tiled import tiled_topk


def neighbour_vote(queries: Tensor, gallery: Tensor, labels: Tensor, ks: tuple[int, ...]) -> dict[int, Tensor]:
    """k -> (Q,) long: the label most frequent among the k nearest gallery images; of labels that tie, the one whose nearest
    image is nearest.

    Shapes: queries (Q, D), gallery (G, D), unit rows; labels (G,) long, from 0.

    Raises:
        ValueError: k outside 1..G, or labels that do not fit the gallery.
    """
    if labels.shape != gallery.shape[:1] or not ks:
        raise ValueError(f"labels {tuple(labels.shape)} of {len(gallery)} images, ks {ks}: give one label an image, and a k")
    near = labels[tiled_topk(queries, gallery, max(ks))[1]]  # (Q, K), nearest first
    votes, out = F.one_hot(near, int(labels.max()) + 1), {}  # (Q, K, C)
    for k in ks:
        count = votes[:, :k].sum(dim=1)  # (Q, C)
        mine = count.gather(1, near[:, :k])  # (Q, k) votes for each neighbour's label
        out[k] = near.gather(1, mine.argmax(dim=1, keepdim=True))[:, 0]  # the first of the most frequent
    return out


def consistency(by_text: Tensor, by_image: Tensor, among: Tensor | None = None) -> float:
    """Share of images on which two predictions (B,) are the same label; among (B,) bool: of these images only.

    Raises:
        ValueError: predictions of different lengths, or no image to judge.
    """
    if by_text.shape != by_image.shape or (among is not None and among.shape != by_text.shape):
        raise ValueError(f"predictions {tuple(by_text.shape)} and {tuple(by_image.shape)} must be of the same images")
    same = by_text == by_image
    if among is not None:
        same = same[among]
    if len(same) == 0:
        raise ValueError("no image to compare predictions on; their agreement is not defined")
    return same.double().mean().item()


@torch.no_grad()
def residuals(image: Tensor, text: Tensor) -> dict[str, float]:
    r"""How far held-out pairs are from the two symmetries, free of the number of pairs: "cross_modal" is the mean over j != k of
    $(u_j^\top v_k-u_k^\top v_j)^2$ relative to the variance of these similarities, "in_modal" that of
    $(u_j^\top u_k-v_j^\top v_k)^2$ relative to the mean variance of the two Gram matrices; and "gap", the distance of the
    modalities' means (Liang et al. 2022). image, text: (N, D), unit rows.
    """
    off = ~torch.eye(len(image), dtype=torch.bool)
    S, U, V = ((a @ b.T)[off] for a, b in ((image, text), (image, image), (text, text)))
    T = (text @ image.T)[off]
    spread = (U.var() + V.var()) / 2
    return {
        "cross_modal": ((S - T).square().mean() / S.var()).item(),
        "in_modal": ((U - V).square().mean() / spread).item(),
        "gap": (image.mean(dim=0) - text.mean(dim=0)).norm().item(),
    }
