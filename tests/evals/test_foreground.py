"""Foreground scores by hand and by loops."""

import pytest
import torch

from vlatlas.evals.foreground import foreground, segmentation_scores, upsampled


def test_by_hand():
    p = torch.tensor([[[1, 1], [0, 0]]], dtype=torch.bool)
    m = torch.tensor([[[1, 0], [0, 0]]], dtype=torch.bool)
    s = segmentation_scores(p, m)
    assert s["accuracy"] == 0.75 and s["miou"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_equals_loops_over_pixels():
    g = torch.Generator().manual_seed(0)
    p, m = (torch.rand(3, 5, 4, generator=g) < q for q in (0.4, 0.6))
    pairs = list(zip(p.flatten().tolist(), m.flatten().tolist(), strict=True))
    ious = [sum(a == b == c for a, b in pairs) / sum(c in (a, b) for a, b in pairs) for c in (True, False)]
    s = segmentation_scores(p, m)
    assert s["miou"] == pytest.approx(sum(ious) / 2)
    assert s["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


def test_threshold_is_each_maps_own_mean_of_the_positive_part():
    maps = torch.tensor([[[-8.0, 1], [2, 3]], [[-1, -1], [0, 4]]])
    assert foreground(maps).tolist() == [[[False, False], [True, True]], [[False, False], [False, True]]]
    assert torch.equal(foreground(10 * maps), foreground(maps))


def test_upsampling_keeps_place_and_refuses_a_class_token():
    maps = torch.zeros(1, 16)
    maps[0, 3] = 1  # row 0, column 3: upper right
    big = upsampled(maps, 32)[0]
    assert big.shape == (32, 32) and big[:8, 24:].mean() > 0.5 > big[16:, :16].abs().max() + 0.4
    with pytest.raises(ValueError, match="17 patches"):
        upsampled(torch.zeros(1, 17), 32)


def test_refuses_shapes_and_a_class_that_never_occurs():
    with pytest.raises(ValueError, match="one shape"):
        segmentation_scores(torch.ones(1, 2, 2, dtype=torch.bool), torch.ones(1, 3, 3, dtype=torch.bool))
    full = torch.ones(1, 2, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="never occurs"):
        segmentation_scores(full, full)
