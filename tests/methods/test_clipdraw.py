"""CLIPDraw: its loss by loops, what a step may move, and drawings of a guide whose wishes are known."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.clipdraw import THINNEST, WIDEST, Pixels, guide_loss, optimise, random_strokes


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def centre_of(colour):
    """A guide that sees the mean colour of the middle of a picture, as a unit vector, and a text that wants one colour."""
    text = F.normalize(torch.tensor([colour]) - 0.5, dim=-1)
    return (lambda x: x[:, :, 3:5, 3:5].mean(dim=(2, 3)) - 0.5), text


def test_the_loss_by_loops():
    features = torch.randn(2, 3, 5, dtype=torch.float64, generator=generator())
    text, avoid = (F.normalize(torch.randn(n, 5, dtype=torch.float64, generator=generator(n)), dim=-1) for n in (2, 4))
    want = 0.0
    for b in range(2):
        for j in range(3):
            u = features[b, j] / features[b, j].norm()
            want -= sum((u[k] * text[b, k]).item() for k in range(5)) / 3
            want += sum(0.3 * sum((u[k] * a[k]).item() for k in range(5)) for a in avoid) / 3
    assert guide_loss(features, text, avoid).item() == pytest.approx(want)


def test_drawings_start_as_the_authors_do():
    s = random_strokes(3, 5, generator(), canvas=0.3)
    steps = s.points.diff(dim=2)
    assert s.points.shape == (3, 5, 4, 2) and steps.abs().max() <= 0.05 and 0 <= s.points[:, :, 0].min()
    assert s.render(8).shape == (3, 3, 8, 8)
    assert torch.equal(s.points, random_strokes(3, 5, generator()).points)


@pytest.mark.parametrize("kind", ["strokes", "pixels"])
@pytest.mark.parametrize("augment", [True, False])
def test_pictures_come_to_show_what_the_guide_wants(kind, augment):
    encode, text = centre_of([1.0, 0.0, 0.0])
    strokes = random_strokes(1, 6, generator(1), canvas=0.5)
    strokes_as_they_were = strokes.render(8)
    picture = strokes if kind == "strokes" else Pixels(strokes.render(8).detach())
    seen = []
    cosines = optimise(picture, encode, text, 40, 2, 8, augment=augment, canvas=0.5, watch=lambda k, x: seen.append((k, x)))
    final = (encode(picture.render(8)) * text).sum() / encode(picture.render(8)).norm()
    assert len(cosines) == 40 and final > 0.8 > cosines[0]
    assert [k for k, _ in seen] == list(range(41)) and seen[0][1].shape == (1, 3, 8, 8)
    assert torch.equal(seen[0][1], strokes_as_they_were) and torch.equal(seen[-1][1], picture.render(8).detach())
    assert not any(x.requires_grad or torch.equal(x, y) for (_, x), (_, y) in pairwise(seen)), "a frame must not move on"


def test_every_parameter_of_a_stroke_learns_and_stays_in_range():
    encode, text = centre_of([0.0, 0.0, 1.0])
    strokes = random_strokes(1, 6, generator(2), canvas=0.5)
    before = {n: getattr(strokes, n).clone() for n in ("points", "widths", "colours")}
    optimise(strokes, encode, text, 30, 1, 8, canvas=0.5)
    for name, value in before.items():
        assert not torch.allclose(getattr(strokes, name), value, atol=1e-3), name
    assert THINNEST <= strokes.widths.min() and strokes.widths.max() <= WIDEST
    assert 0 <= strokes.colours.min() and strokes.colours.max() <= 1


def test_what_has_no_rate_stays():
    encode, text = centre_of([0.0, 0.0, 1.0])
    strokes = random_strokes(1, 6, generator(2), canvas=0.5)
    strokes.rates["points"] = 0.0
    before = strokes.points.clone()
    optimise(strokes, encode, text, 5, 1, 8, canvas=0.5)
    assert torch.equal(strokes.points, before) and not strokes.points.requires_grad


def test_drawings_of_one_batch_do_not_help_each_other():
    """Without augmentation (whose random numbers run through the batch) a drawing is what it is alone."""
    (encode, red), (_, blue) = centre_of([1.0, 0.0, 0.0]), centre_of([0.0, 0.0, 1.0])
    both, alone = (random_strokes(2, 4, generator(3), canvas=0.5) for _ in range(2))
    alone.points, alone.widths, alone.colours = alone.points[:1], alone.widths[:1], alone.colours[:1]
    optimise(both, encode, torch.cat([red, blue]), 10, 1, 8, augment=False, canvas=0.5)
    optimise(alone, encode, red, 10, 1, 8, augment=False, canvas=0.5)
    assert torch.allclose(both.points[:1], alone.points, atol=1e-5)


def test_pixels_of_another_size_and_a_missing_text():
    picture = Pixels(torch.rand(2, 3, 8, 8))
    assert picture.render(8) is picture.values
    assert torch.allclose(picture.render(4).mean(), picture.values.mean(), atol=0.02)
    with pytest.raises(ValueError, match="1 texts for 2 drawings"):
        optimise(picture, lambda x: x, torch.ones(1, 3), 1, 1, 8)


def test_rates_fall_at_half_and_three_quarters():
    """A guide with a constant pull: Adam's steps are as long as the rate, so the way shows the schedule."""
    pixels, text = Pixels(torch.full((1, 3, 2, 2), 0.9), rate=0.01), F.normalize(torch.tensor([[1.0, 0.0]]), dim=-1)
    encode = lambda x: torch.stack([-x.mean(dim=(1, 2, 3)), torch.ones(len(x))], dim=1)  # noqa: E731  smaller is better
    values = []
    optimise(pixels, encode, text, 8, 1, 2, augment=False, watch=lambda k, x: values.append(x.mean().item()))
    steps = [a - b for a, b in zip(values, values[1:], strict=False)]
    assert steps[1] == pytest.approx(0.01, rel=0.05)
    assert steps[5] / steps[1] == pytest.approx(0.4, rel=0.1) and steps[7] / steps[1] == pytest.approx(0.1, rel=0.1)
