"""Average precision against cases counted by hand and a loop over thresholds."""

import numpy as np
import pytest
import torch

from vlatlas.evals.average_precision import average_precision, interpolated, match

SQUARE = [0.0, 0.0, 10.0, 10.0]


def test_a_true_box_is_found_once_by_the_best_and_each_takes_what_fits_it_most():
    hits = lambda rows, threshold=0.5: match(np.array(rows, dtype=float), threshold).tolist()  # noqa: E731
    assert hits([[1.0], [1.0]]) == [True, False]
    assert hits([[0.4], [0.5]]) == [False, True]  # a miss takes nothing; the threshold itself is a hit
    assert match(np.zeros((2, 0)), 0.5).tolist() == [False, False]
    assert hits([[0.9, 1.0], [1.0, 0.9]], 0.9) == [True, True]  # the first takes the second box, which it fits best
    assert hits([[0.9, 1.0], [0.1, 1.0]], 0.5) == [True, False]


def test_interpolation_by_hand():
    assert interpolated(torch.tensor([True]), 1) == 1.0
    assert interpolated(torch.tensor([], dtype=torch.bool), 3) == 0.0
    assert interpolated(torch.tensor([True]), 2) == pytest.approx(51 / 101)  # recall 0 to 0.50 at precision 1
    assert interpolated(torch.tensor([False, True]), 1) == pytest.approx(0.5)
    assert interpolated(torch.ones(7, dtype=torch.bool), 20) == pytest.approx(35 / 101)  # 0.35 is a float below COCO's point
    with pytest.raises(ValueError, match="0 true boxes"):
        interpolated(torch.tensor([True]), 0)


def test_interpolation_is_the_maximum_over_cut_offs():
    generator = torch.Generator().manual_seed(1)
    for n in (1, 5, 40):
        hits = torch.rand(n, generator=generator) < 0.5
        positives, total = int(hits.sum()) + 2, 0.0
        for r in range(101):
            best = 0.0
            for k in range(1, n + 1):
                found = int(hits[:k].sum())
                if found / positives >= r * 0.01:
                    best = max(best, found / k)
            total += best / 101
        assert interpolated(hits, positives) == pytest.approx(total)


def test_classes_are_judged_apart_and_scores_rank_across_images():
    truth = [{"boxes": torch.tensor([SQUARE]), "labels": torch.tensor([0])}] * 2
    good = {"boxes": torch.tensor([SQUARE]), "scores": torch.tensor([0.4]), "labels": torch.tensor([0])}
    bad = {"boxes": torch.tensor([[20.0, 20, 30, 30]]), "scores": torch.tensor([0.9]), "labels": torch.tensor([0])}
    assert average_precision([good, bad], truth, 2) == [pytest.approx(0.5 * 51 / 101)]  # the wrong one ranks first
    named_wrong = good | {"labels": torch.tensor([1])}
    assert average_precision([named_wrong, named_wrong], truth, 2) == [0.0]
    assert average_precision([good, good], truth, 2) == [1.0]
    with pytest.raises(ValueError, match="1 images with detections, 2"):
        average_precision([good], truth, 2)


def test_it_agrees_with_pycocotools():
    from pycocotools import coco
    from pycocotools.cocoeval import COCOeval

    generator = torch.Generator().manual_seed(2)
    truths, found, annotations, results = [], [], [], []
    for image in range(20):
        corner = torch.rand(4, 2, generator=generator) * 40
        boxes = torch.cat([corner, corner + 5 + torch.rand(4, 2, generator=generator) * 15], dim=1)
        labels = torch.randint(0, 3, (4,), generator=generator)
        moved = boxes + torch.randn(4, 4, generator=generator) * 1.5
        scores = torch.rand(4, generator=generator)
        truths.append({"boxes": boxes, "labels": labels})
        found.append({"boxes": moved, "labels": labels, "scores": scores})
        for k in range(4):
            for target, b in ((annotations, boxes[k]), (results, moved[k])):
                x0, y0, x1, y1 = b.tolist()
                entry = {"image_id": image + 1, "category_id": int(labels[k]) + 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
                target.append(entry | {"id": len(target) + 1, "area": (x1 - x0) * (y1 - y0), "iscrowd": 0})
            results[-1]["score"] = scores[k].item()
    gt = coco.COCO()
    gt.dataset = {
        "images": [{"id": i + 1} for i in range(20)],
        "categories": [{"id": c + 1} for c in range(3)],
        "annotations": annotations,
    }
    gt.createIndex()
    judge = COCOeval(gt, gt.loadRes(results), "bbox")
    judge.evaluate()
    judge.accumulate()
    precision = torch.tensor(judge.eval["precision"][0, :, :, 0, 2]).mean(dim=0)
    assert average_precision(found, truths, 3) == pytest.approx(precision.tolist(), abs=1e-6)
