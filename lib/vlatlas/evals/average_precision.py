"""Average precision of detections, as COCO computes it (Lin et al. 2014): 101 recall points, greedy matching by score."""

import numpy as np
import torch
from torch import Tensor

from .boxes import box_iou


def match(boxes: Tensor, truth: Tensor, threshold: float) -> Tensor:
    """(N,) bool: detections of one image, best first, each taking the free true box that it overlaps most, from
    `threshold` on."""
    hit = torch.zeros(len(boxes), dtype=torch.bool)
    if len(truth) == 0 or len(boxes) == 0:
        return hit
    free = set(range(len(truth)))
    for i, overlap in enumerate(box_iou(boxes, truth).tolist()):
        best = max(free, key=overlap.__getitem__, default=None)
        if best is not None and overlap[best] >= threshold:
            hit[i] = True
            free.remove(best)
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
    out = []
    for c in range(classes):
        positives = sum(int((t["labels"] == c).sum()) for t in truths)
        if not positives:
            continue
        scores, hits = [], []
        for d, t in zip(detections, truths, strict=True):
            mine = d["labels"] == c
            order = d["scores"][mine].argsort(descending=True, stable=True)[:100]  # COCO: 100 an image
            scores.append(d["scores"][mine][order])
            hits.append(match(d["boxes"][mine][order], t["boxes"][t["labels"] == c], threshold))
        order = torch.cat(scores).argsort(descending=True, stable=True)
        out.append(interpolated(torch.cat(hits)[order], positives))
    if not out:
        raise ValueError("no image has a true box of these classes; check the labels")
    return out
