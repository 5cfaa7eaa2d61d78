"""Random views of an image: a change of perspective, then a crop scaled back. What does not survive them is no picture."""

import torch
import torch.nn.functional as F
from torch import Tensor

CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))


def homographies(quads: Tensor) -> Tensor:
    """(N, 3, 3): the projective maps that take the corners of [-1, 1]^2 (top left first, clockwise) to quads (N, 4, 2).

    Eight linear equations for eight unknowns, the last entry being 1.
    """
    rows, values = [], []
    for k, (x, y) in enumerate(CORNERS):
        for axis in range(2):
            q = quads[:, k, axis]
            one = torch.ones_like(q)
            half = torch.stack([x * one, y * one, one], dim=1)
            zero = torch.zeros_like(half)
            tail = torch.stack([-x * q, -y * q], dim=1)
            rows.append(torch.cat([half, zero, tail] if axis == 0 else [zero, half, tail], dim=1))
            values.append(q)
    h = torch.linalg.solve(torch.stack(rows, dim=1), torch.stack(values, dim=1))  # (N, 8)
    return F.pad(h, (0, 1), value=1.0).view(-1, 3, 3)


def warp(images: Tensor, maps: Tensor, canvas: float, size: int | None = None) -> Tensor:
    """(N, C, size, size): output at (x, y) is the image where `maps` (N, 3, 3) takes (x, y); beyond its frame, the canvas."""
    n = size or images.shape[-1]
    at = (torch.arange(n, dtype=images.dtype, device=images.device) + 0.5) * 2 / n - 1
    y, x = torch.meshgrid(at, at, indexing="ij")
    here = torch.stack([x.flatten(), y.flatten(), torch.ones(n * n, dtype=images.dtype, device=images.device)])  # (3, n^2)
    there = maps @ here  # (N, 3, n^2)
    grid = (there[:, :2] / there[:, 2:]).transpose(1, 2).unflatten(1, (n, n))
    return F.grid_sample(images - canvas, grid, align_corners=False) + canvas


def random_views(
    images: Tensor, views: int, generator: torch.Generator, canvas: float = 1.0, distortion: float = 0.5, scale=(0.7, 0.9)
) -> Tensor:
    """(B * views, C, H, W): `views` random views of each image (B, C, H, W), those of one image together.

    Each corner moves inwards by at most `distortion` / 2 of the side; then a square of an area within `scale` of the whole is
    cut out at random and scaled up (CLIPDraw's values are the defaults). distortion 0 and scale (1, 1) change nothing.
    """
    n = len(images) * views
    u = torch.rand(n, 11, generator=generator, dtype=images.dtype).to(images.device)
    inwards = -torch.tensor(CORNERS, dtype=images.dtype, device=images.device)
    # what is drawn at the moved corners came from the frame's corners: the sampling map is the inverse
    moved = torch.tensor(CORNERS, dtype=images.dtype, device=images.device) + distortion * u[:, :8].view(n, 4, 2) * inwards
    perspective = torch.linalg.inv(homographies(moved))
    side = (scale[0] + (scale[1] - scale[0]) * u[:, 8]).sqrt()
    shift = (1 - side)[:, None] * (2 * u[:, 9:] - 1)  # (n, 2)
    crop = torch.zeros(n, 3, 3, dtype=images.dtype, device=images.device)
    crop[:, 0, 0], crop[:, 1, 1], crop[:, 2, 2] = side, side, 1.0
    crop[:, :2, 2] = shift
    return warp(images.repeat_interleave(views, dim=0), perspective @ crop, canvas)
