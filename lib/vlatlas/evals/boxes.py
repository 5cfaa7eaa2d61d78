"""Boxes (x0, y0, x1, y1): overlap, non-maximum suppression, and what a detector says of each image."""

import torch
from torch import Tensor


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """(..., N, M) intersection over union of boxes (..., N, 4) and (..., M, 4); 0 where both are empty."""
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    inter = (high - low).clamp(min=0).prod(dim=-1)  # (..., N, M)
    area_a, area_b = ((x[..., 2:] - x[..., :2]).clamp(min=0).prod(dim=-1) for x in (a, b))
    return inter / (area_a[..., :, None] + area_b[..., None, :] - inter).clamp(min=1e-9)


def nms(boxes: Tensor, scores: Tensor, threshold: float = 0.5) -> Tensor:
    """Which boxes greedy suppression keeps, best first: boxes (..., N, 4), scores (..., N) -> (..., N) bool.

    A box goes if one that was kept and scores higher overlaps it by more than `threshold`. Leading axes are independent.
    """
    order = scores.argsort(dim=-1, descending=True, stable=True)  # (..., N)
    ranked = boxes.gather(-2, order[..., None].expand(*order.shape, 4))
    overlaps = (box_iou(ranked, ranked) > threshold).triu(diagonal=1)  # (..., N, N): of the better one with the worse
    keep = torch.ones_like(order, dtype=torch.bool)
    for i in range(order.shape[-1]):
        keep &= ~(overlaps[..., i, :] & keep[..., i, None])
    return torch.zeros_like(keep).scatter(-1, order, keep)


def detections(scores: Tensor, boxes: Tensor, top: int = 20, threshold: float = 0.5) -> list[dict[str, Tensor]]:
    """Per image "boxes" (K, 4), "scores" (K,) and "labels" (K,), suppressed within each class.

    scores: (B, R, C) of each region for each class; boxes: (B, R, 4); top: the most candidates of a class in an image.
    """
    B, R, C = scores.shape
    best = scores.topk(min(top, R), dim=1)  # (B, k, C)
    value, row = best.values.transpose(1, 2), best.indices.transpose(1, 2)  # (B, C, k)
    place = boxes[:, None].expand(-1, C, -1, -1).gather(2, row[..., None].expand(*row.shape, 4))  # (B, C, k, 4)
    keep, label = nms(place, value, threshold), torch.arange(C)[:, None].expand(C, row.shape[2])
    return [{"boxes": place[b][k], "scores": value[b][k], "labels": label[k]} for b, k in enumerate(keep)]
