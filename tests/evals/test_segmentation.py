"""Segmentation metrics against loops over pixels, and scikit-learn's area under the curve."""

import math

import pytest
import torch
from sklearn.metrics import jaccard_score, roc_auc_score

from vlatlas.evals.segmentation import confusion, iou, map_auroc, mean_iou, present_accuracy


@pytest.fixture
def case():
    g = torch.Generator().manual_seed(0)
    truth = torch.randint(-1, 4, (5, 6, 7), generator=g)
    return torch.randint(0, 5, (5, 6, 7), generator=g), truth, torch.randn(5, 5, 6, 7, generator=g)


def loops(predicted, truth, classes):
    """IoU of each class by counting pixels one at a time; None where the class occurs nowhere."""
    out = []
    for c in range(classes):
        inter = union = 0
        for p, t in zip(predicted.flatten().tolist(), truth.flatten().tolist(), strict=True):
            if t >= 0:
                inter += p == c and t == c
                union += p == c or t == c
        out.append(inter / union if union else None)
    return out


def test_iou_is_counted_pixel_by_pixel_and_leaves_unjudged_ones_out(case):
    predicted, truth, _ = case
    expected = loops(predicted, truth, 6)
    got = iou(confusion(predicted, truth, 6)).tolist()
    assert expected[5] is None and math.isnan(got[5])  # class 5 occurs nowhere
    assert got[:5] == pytest.approx(expected[:5], abs=1e-15)
    assert mean_iou(confusion(predicted, truth, 6)) == pytest.approx(sum(expected[:5]) / 5, abs=1e-15)
    assert mean_iou(confusion(predicted, truth, 6), [1, 3]) == pytest.approx((expected[1] + expected[3]) / 2, abs=1e-15)
    judged = truth >= 0
    assert mean_iou(confusion(predicted, truth, 6)) == pytest.approx(
        jaccard_score(truth[judged], predicted[judged], average="macro", labels=range(5)), abs=1e-12
    )


def test_iou_by_hand():
    truth = torch.tensor([[[0, 0, 1, -1]]])
    predicted = torch.tensor([[[0, 1, 1, 0]]])  # the last pixel is not judged
    assert iou(confusion(predicted, truth, 2)).tolist() == [1 / 2, 1 / 2]
    assert confusion(predicted, truth, 2).tolist() == [[1, 1], [0, 1]]


def test_errors_name_what_is_wrong(case):
    predicted, truth, scores = case
    with pytest.raises(ValueError, match="must be of one shape"):
        confusion(predicted[1:], truth, 6)
    with pytest.raises(ValueError, match="for 3 classes"):
        confusion(predicted, truth, 3)
    with pytest.raises(ValueError, match="a mean over nothing"):
        mean_iou(confusion(predicted, truth, 7), [5, 6])
    with pytest.raises(ValueError, match="no image holds two classes"):
        present_accuracy(scores, torch.zeros_like(truth))
    with pytest.raises(ValueError, match="not defined"):
        map_auroc(scores, torch.zeros_like(truth))


def test_present_accuracy_chooses_among_the_images_own_classes(case):
    _, truth, scores = case
    truth[4] = torch.where(truth[4] >= 0, 2, -1)  # one class: there is no choice, so it does not count
    right = total = 0
    for b in range(4):
        here = sorted({x for x in truth[b].flatten().tolist() if x >= 0})
        for y in range(6):
            for x in range(7):
                if truth[b, y, x] >= 0:
                    best = max(here, key=lambda c: scores[b, c, y, x].item())  # noqa: B023
                    right += best == truth[b, y, x].item()
                    total += 1
    assert present_accuracy(scores, truth) == right / total


def test_map_auroc_is_scikit_learns_mean_with_ties_as_half(case):
    _, truth, scores = case
    scores = scores.round()  # many ties
    expected = []
    for b in range(len(truth)):
        for c in sorted(set(truth[b].flatten().tolist()) - {-1}):
            expected.append(roc_auc_score((truth[b] == c).flatten(), scores[b, c].flatten()))
    assert map_auroc(scores, truth) == pytest.approx(sum(expected) / len(expected), abs=1e-12)


def test_the_right_map_inverted_is_as_wrong_as_can_be():
    truth = torch.tensor([[[0, 0, -1], [1, 1, -1]]])
    right = torch.stack([(truth == c).float() for c in range(2)], dim=1)
    assert map_auroc(right, truth) == 1 and map_auroc(-right, truth) == 0 and map_auroc(0 * right, truth) == 0.5
    assert present_accuracy(right, truth) == 1 and present_accuracy(-right, truth) == 0
