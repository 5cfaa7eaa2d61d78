"""Semantic segmentation: confusion matrix, mean intersection over union, accuracy among the classes present, and how well
a class's map separates its object from everything else."""

import torch
from torch import Tensor


def confusion(predicted: Tensor, truth: Tensor, classes: int) -> Tensor:
    """(C, C) long, row = truth, column = prediction, over all pixels whose truth is not negative (-1: not judged).

    Shapes: predicted, truth (B, H, W) long.

    Raises:
        ValueError: shapes differ, or a label is not below `classes`.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"predictions {tuple(predicted.shape)} and truth {tuple(truth.shape)} must be of one shape")
    judged = truth >= 0
    t, p = truth[judged], predicted[judged]
    if len(t) and (int(t.max()) >= classes or int(p.max()) >= classes or int(p.min()) < 0):
        raise ValueError(f"labels up to {max(int(t.max()), int(p.max()))} for {classes} classes; predictions are 0..C-1")
    return torch.bincount(t * classes + p, minlength=classes**2).view(classes, classes)


def iou(matrix: Tensor) -> Tensor:
    r"""$\mathrm{IoU}_c=\mathrm{TP}_c/(\mathrm{TP}_c+\mathrm{FP}_c+\mathrm{FN}_c)$ over a whole data set (Everingham et al.
    2015, PASCAL VOC), (C,) float64; NaN for a class that neither truth nor prediction has."""
    hit = matrix.diagonal().double()
    return hit / (matrix.sum(dim=0) + matrix.sum(dim=1) - matrix.diagonal())


def mean_iou(matrix: Tensor, classes: list[int] | None = None) -> float:
    """Mean of `iou` over the classes that occur, or over those given. Raises ValueError where none of them occurs."""
    each = iou(matrix) if classes is None else iou(matrix)[classes]
    if bool(each.isnan().all()):
        raise ValueError("none of these classes occurs in truth or prediction; a mean over nothing is not defined")
    return each.nanmean().item()


def present_accuracy(scores: Tensor, truth: Tensor) -> float:
    """Share of object pixels given the right one of the classes *present in the image*, over images with two or more.

    It asks where things are when what is there is known: naming the neighbour is worse than chance.

    Shapes: scores (B, C, H, W); truth (B, H, W) long, -1 is not judged. Raises ValueError without such an image.
    """
    right = total = 0
    for score, t in zip(scores, truth, strict=True):
        here = t[t >= 0].unique()
        if len(here) < 2:
            continue
        judged = t >= 0
        right += int((here[score[here].argmax(dim=0)] == t)[judged].sum())
        total += int(judged.sum())
    if not total:
        raise ValueError("no image holds two classes; present-class accuracy needs a choice")
    return right / total


def map_auroc(scores: Tensor, truth: Tensor) -> float:
    """Mean over (image, present class) of the probability that a pixel of the object scores above a pixel elsewhere,
    background included; a tie counts one half. Needs no threshold. Shapes as `present_accuracy`.

    Raises:
        ValueError: no image has both an object's pixels and others.
    """
    out = []
    for score, t in zip(scores, truth, strict=True):
        for c in t[t >= 0].unique().tolist():
            inside, outside = score[c][t == c], score[c][t != c].sort().values
            if len(outside):
                below = torch.searchsorted(outside, inside)
                up_to = torch.searchsorted(outside, inside, right=True)
                out.append(((below + up_to).double().mean() / (2 * len(outside))).item())
    if not out:
        raise ValueError("no image has both pixels of an object and others; the area under the curve is not defined")
    return sum(out) / len(out)
