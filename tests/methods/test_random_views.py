"""Random views: the map's corners, the sampling by hand, the crop's area, and what stays the same."""

import pytest
import torch

from vlatlas.methods.random_views import CORNERS, homographies, random_views, warp


def test_the_corners_go_where_they_are_sent():
    quads = torch.tensor(CORNERS).double() + 0.4 * torch.randn(
        5, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double
    )
    maps = homographies(quads)
    for k, (x, y) in enumerate(CORNERS):
        out = maps @ torch.tensor([x, y, 1.0], dtype=torch.double)
        assert torch.allclose(out[:, :2] / out[:, 2:], quads[:, k])
    assert torch.allclose(homographies(torch.tensor(CORNERS)[None]), torch.eye(3)[None], atol=1e-6)


def test_a_shift_by_one_pixel_shows_the_canvas():
    image = torch.rand(1, 2, 4, 4)
    shift = torch.eye(3)[None].clone()
    shift[0, 0, 2] = 2 / 4  # x, in units of half the frame
    out = warp(image, shift, canvas=0.5)
    assert torch.allclose(out[..., :3], image[..., 1:], atol=1e-6) and torch.allclose(out[..., 3], torch.full((1, 2, 4), 0.5))


def test_nothing_moves_without_distortion_and_crop():
    images = torch.rand(3, 3, 8, 8)
    out = random_views(images, 2, torch.Generator().manual_seed(0), distortion=0.0, scale=(1.0, 1.0))
    assert torch.allclose(out, images.repeat_interleave(2, dim=0), atol=1e-5)


def test_an_empty_canvas_looks_the_same_from_anywhere_and_views_repeat_with_their_seed():
    empty = torch.full((2, 3, 8, 8), 0.78)
    views = random_views(empty, 3, torch.Generator().manual_seed(1), canvas=0.78)
    assert views.shape == (6, 3, 8, 8) and torch.allclose(views, torch.full_like(views, 0.78))
    images = torch.rand(1, 3, 8, 8)
    a, b, c = (random_views(images, 4, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.allclose(a, c) and not torch.allclose(a[0], a[1])


def test_a_crop_alone_enlarges_by_its_area():
    """A disc of known area: within views of half the area, it covers twice as much, on average."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    disc = (x**2 + y**2 < 0.1).float()[None, None]
    out = random_views(disc, 60, torch.Generator().manual_seed(0), canvas=0.0, distortion=0.0, scale=(0.5, 0.5))
    assert out.mean().item() / disc.mean().item() == pytest.approx(2, rel=0.05)


def test_perspective_pushes_the_frame_inwards():
    """With the frame's corners moved in, an image of ones leaves a border of canvas and never grows."""
    out = random_views(torch.ones(1, 1, 16, 16), 50, torch.Generator().manual_seed(0), canvas=0.0, scale=(1.0, 1.0))
    assert 0.4 < out.mean() < 0.9 and (out[:, 0, 8, 8] > 0.99).all()


def test_gradients_reach_the_image():
    image = torch.rand(1, 1, 4, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: random_views(x, 2, torch.Generator().manual_seed(3)), (image,))
