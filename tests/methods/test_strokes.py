"""The rasteriser against one that knows nothing of it: dense sampling and a painter's loop; and its gradients."""

import math

import pytest
import torch

from vlatlas.methods import strokes as module
from vlatlas.methods.strokes import MOST, distance, nearest, on_curve, pixel_centres, render


def strokes(B=1, K=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    rand = lambda *s: torch.rand(*s, generator=g, dtype=torch.float64)  # noqa: E731
    return rand(B, K, 4, 2), 0.05 + 0.2 * rand(B, K), rand(B, K, 4)


def casteljau(p, t):
    """A point of a curve by repeated halving-of-the-way, on plain numbers."""
    p = [tuple(x) for x in p]
    while len(p) > 1:
        p = [tuple((1 - t) * a + t * b for a, b in zip(u, v, strict=True)) for u, v in zip(p, p[1:], strict=False)]
    return p[0]


def painted(points, widths, colours, size, canvas):
    """Pixel by pixel, stroke by stroke: the nearest of 1,500 points of each curve."""
    curves = [[casteljau(p, k / 1499) for k in range(1500)] for p in points.tolist()]
    image = torch.zeros(3, size, size, dtype=torch.float64)
    for row in range(size):
        for col in range(size):
            q, rgb = ((col + 0.5) / size, (row + 0.5) / size), [canvas] * 3
            for curve, w, (*c, alpha) in zip(curves, widths.tolist(), colours.tolist(), strict=True):
                d = min(math.dist(q, p) for p in curve)
                cover = MOST * alpha / (1 + math.exp(-4 * size * (w / 2 - d)))
                rgb = [old * (1 - cover) + new * cover for old, new in zip(rgb, c, strict=True)]
            image[:, row, col] = torch.tensor(rgb, dtype=torch.float64)
    return image


@pytest.mark.parametrize("seed", [0, 1])
def test_the_image_is_the_painters(seed):
    points, widths, colours = strokes(K=3, seed=seed)
    got = render(points, widths, colours, size=8, canvas=0.78, polish=20)[0]
    assert torch.allclose(got, painted(points[0], widths[0], colours[0], 8, 0.78), atol=2e-4)


def test_two_steps_of_newton_suffice():
    points, widths, colours = strokes(B=4, K=8, seed=3)
    rough, fine = (render(points, widths, colours, 24, polish=k) for k in (2, 30))
    assert (rough - fine).abs().max() < 0.02 and (rough - fine).abs().mean() < 1e-4


def test_gradients_are_those_of_differences():
    """In particular: none is missing although the search for the nearest point is not differentiated."""
    points, widths, colours = (x.requires_grad_() for x in strokes(K=2, seed=5))
    colours.data.clamp_(0.1, 0.9)
    assert torch.autograd.gradcheck(lambda *s: render(*s, size=5, polish=40), (points, widths, colours), atol=1e-5)


def test_the_nearest_point_is_at_a_right_angle_or_an_end():
    points, pixels = strokes(K=6, seed=2)[0][0], pixel_centres(9, torch.zeros((), dtype=torch.float64))
    t = nearest(points, pixels, polish=40)
    step = 1e-6
    speed = (on_curve(points, t + step) - on_curve(points, t - step)) / (2 * step)
    gap = on_curve(points, t) - pixels
    inside = (t > 1e-9) & (t < 1 - 1e-9)
    assert (gap * speed).sum(-1)[inside].abs().max() < 1e-5 and inside.any() and not inside.all()


def test_a_straight_stroke_by_hand():
    line = torch.tensor([[[0.25, 0.5], [0.4, 0.5], [0.6, 0.5], [0.75, 0.5]]], dtype=torch.float64)
    q = torch.tensor([[0.5, 0.6], [0.0, 0.5], [0.75, 0.2], [0.5, 0.5]], dtype=torch.float64)
    assert distance(line, q, polish=30)[0].tolist() == pytest.approx([0.1, 0.25, 0.3, 0.0], abs=2e-6)


def test_order_opacity_and_resolution():
    points = torch.tensor([[0.0, 0.5], [0.3, 0.5], [0.7, 0.5], [1.0, 0.5]]).expand(1, 2, 4, 2)
    widths = torch.tensor([[0.8, 0.4]])
    red, blue = [1.0, 0, 0, 1], [0, 0, 1.0, 1]
    below, above = (render(points, widths, torch.tensor([c]), 32, 1.0)[0] for c in ([blue, red], [red, blue]))
    assert torch.allclose(below[:, 16, 16], torch.tensor([1.0, 0, 0]), atol=0.01)
    assert torch.allclose(above[:, 16, 16], torch.tensor([0, 0, 1.0]), atol=0.01)
    assert torch.allclose(above[:, 1, 16], torch.ones(3), atol=0.01)
    nothing = torch.tensor([[[*red[:3], 0.0], [*blue[:3], 0.0]]])
    assert torch.allclose(render(points, widths, nothing, 8, 0.3), torch.full((1, 3, 8, 8), 0.3))
    small, large = (render(points, widths, torch.tensor([[red, blue]]), n)[0].mean() for n in (32, 128))
    assert small.item() == pytest.approx(large.item(), abs=0.01)


def test_drawings_do_not_meet():
    points, widths, colours = strokes(B=3, K=4, seed=7)
    together = render(points, widths, colours, 12)
    for k in range(3):
        assert torch.allclose(together[k], render(points[k : k + 1], widths[k : k + 1], colours[k : k + 1], 12)[0])


@pytest.mark.parametrize("at_once", [1, 8])
def test_how_many_are_painted_together_changes_nothing(monkeypatch, at_once):
    parts = strokes(B=3, K=4, seed=8)
    whole = render(*parts, 12, 0.3)
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    assert torch.equal(render(*parts, 12, 0.3), whole)


def test_shapes_are_checked():
    points, widths, colours = strokes()
    with pytest.raises(ValueError, match=r"\(B, K, 4, 2\)"):
        render(points, widths[:, :2], colours, 8)
