"""Boxes against pixels counted one by one, and suppression against a loop."""

import pytest
import torch

from vlatlas.evals.boxes import box_iou, detections, nms

SQUARE = [0.0, 0.0, 10.0, 10.0]


def naive_iou(a, b):
    grid = [(x, y) for x in range(40) for y in range(40)]
    inside = lambda r, p: r[0] <= p[0] < r[2] and r[1] <= p[1] < r[3]  # noqa: E731
    both = sum(inside(a, p) and inside(b, p) for p in grid)
    either = sum(inside(a, p) or inside(b, p) for p in grid)
    return both / either if either else 0.0


def some_boxes(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 20, (*shape, 2), generator=generator)
    return torch.cat([corner, corner + torch.randint(1, 20, (*shape, 2), generator=generator)], dim=-1).double()


def test_iou_counts_pixels():
    boxes = some_boxes(12)
    got = box_iou(boxes, boxes)
    for i in range(12):
        for j in range(12):
            assert got[i, j].item() == pytest.approx(naive_iou(boxes[i].tolist(), boxes[j].tolist()))


def test_empty_boxes_overlap_nothing_and_each_leading_axis_stands_alone():
    assert box_iou(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0
    a, b = some_boxes(2, 3, 4), some_boxes(2, 3, 5, seed=1)
    torch.testing.assert_close(box_iou(a, b)[1, 2], box_iou(a[1, 2], b[1, 2]))


def test_suppression_keeps_the_best_of_each_cluster():
    boxes = torch.tensor([SQUARE, [1, 0, 11, 10], [30, 30, 40, 40], [0, 0, 10, 4]])
    assert nms(boxes, torch.tensor([0.5, 0.9, 0.1, 0.7])).tolist() == [False, True, True, True]


def test_a_suppressed_box_suppresses_nothing():
    chain = torch.tensor([SQUARE, [3, 0, 13, 10], [6, 0, 16, 10]])  # each overlaps its neighbours alone by more than half
    assert nms(chain, torch.tensor([0.9, 0.8, 0.7])).tolist() == [True, False, True]
    assert nms(chain, torch.tensor([0.8, 0.9, 0.7])).tolist() == [False, True, False]


def test_suppression_is_the_loop_of_its_definition():
    boxes, scores = some_boxes(6, 15), torch.rand(6, 15, generator=torch.Generator().manual_seed(3))
    kept = nms(boxes, scores, 0.3)
    assert 0 < kept.sum() < kept.numel()
    for k in range(6):
        chosen = []
        for i in sorted(range(15), key=lambda i: -scores[k, i]):
            if all(naive_iou(boxes[k, i].tolist(), boxes[k, j].tolist()) <= 0.3 for j in chosen):
                chosen.append(i)
        assert sorted(chosen) == kept[k].nonzero()[:, 0].tolist()


def test_detections_are_the_best_regions_of_each_class_apart():
    boxes = torch.tensor([[SQUARE, [1, 0, 11, 10], [30, 30, 40, 40]]])
    scores = torch.tensor([[[0.9, 0.1], [0.8, 0.6], [0.2, 0.3]]])
    (found,) = detections(scores, boxes)
    assert found["labels"].tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(found["scores"], torch.tensor([0.9, 0.2, 0.6, 0.3]))
    assert torch.equal(found["boxes"], boxes[0, [0, 2, 1, 2]])
    (few,) = detections(scores, boxes, top=1)
    torch.testing.assert_close(few["scores"], torch.tensor([0.9, 0.6]))
