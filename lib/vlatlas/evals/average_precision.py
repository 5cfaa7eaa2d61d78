"""Average precision of detections, as COCO computes it (Lin et al. 2014): 101 recall points, greedy matching by score."""

import numpy as np
import torch
from torch import Tensor

from .boxes import box_iou


def match(overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """(N,) bool: which detections of one image and class are hits. overlaps: (N, M) IoU of the detections, best first, with
    the true boxes; each takes the free one that it overlaps most, from `threshold` on."""
    hit, free = np.zeros(len(overlaps), dtype=bool), np.ones(overlaps.shape[1], dtype=bool)
    for i, row in enumerate(overlaps):
        if not free.any():
            break
        best = np.where(free, row, -1.0).argmax()
        hit[i] = row[best] >= threshold
        free[best] &= ~hit[i]
    return hit


def interpolated(hits: Tensor, positives: int) -> float:
    r"""Area under the precision envelope, $\frac{1}{101}\sum_{r\in\{0,.01,..,1\}}\max_{\tilde r\ge r} p(\tilde r)$.

    hits: (N,) bool, best first. Raises ValueError without a positive: the precision of nothing is not defined.
    """
    if positives < 1:
        raise ValueError(f"{positives} true boxes: a class that does not occur has no average precision; leave it out")
    if len(hits) == 0:
        return 0.0
    found = hits.double().cumsum(dim=0)
    recall = found / positives
    precision = found / torch.arange(1, len(hits) + 1)
    envelope = precision.flip(0).cummax(dim=0).values.flip(0)
    points = torch.from_numpy(np.linspace(0, 1, 101))  # COCO's own floats: 7 of 20 does not reach its 0.35000000000000003
    place = torch.searchsorted(recall, points)  # first recall >= r
    padded = torch.cat([envelope, torch.zeros(1, dtype=torch.float64)])
    return padded[place].mean().item()


def average_precision(detections: list[dict], truths: list[dict], classes: int, threshold: float = 0.5) -> list[float]:
    """AP of each class that occurs in `truths`, in order; their mean is mAP.

    Args:
        detections: per image {"boxes": (N, 4), "scores": (N,), "labels": (N,)}. truths: per image {"boxes": (M, 4),
            "labels": (M,)}. threshold: least IoU of a hit.

    Raises:
        ValueError: lists of different lengths, or no true box at all.
    """
    if len(detections) != len(truths):
        raise ValueError(f"{len(detections)} images with detections, {len(truths)} with true boxes; give one of each")
    images = [_ranked(d, t) for d, t in zip(detections, truths, strict=True)]
    out = []
    for c in range(classes):
        positives = sum(int((true == c).sum()) for *_, true in images)
        if not positives:
            continue
        scores, hits = [], []
        for score, label, overlaps, true in images:
            mine = np.flatnonzero(label == c)[:100]  # COCO: 100 an image
            scores.append(score[mine])
            hits.append(match(overlaps[np.ix_(mine, np.flatnonzero(true == c))], threshold))
        order = np.argsort(-np.concatenate(scores), kind="stable")
        out.append(interpolated(torch.from_numpy(np.concatenate(hits)[order]), positives))
    if not out:
        raise ValueError("no image has a true box of these classes; check the labels")
    return out


def _ranked(found: dict, truth: dict) -> tuple[np.ndarray, ...]:
    """Scores and labels (N,) of one image, best first, overlaps (N, M) with its true boxes, and their labels (M,)."""
    order = found["scores"].argsort(descending=True, stable=True)
    overlaps = box_iou(found["boxes"][order], truth["boxes"])
    return tuple(x.numpy() for x in (found["scores"][order], found["labels"][order], overlaps, truth["labels"]))
