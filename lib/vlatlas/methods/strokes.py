"""A differentiable rasteriser for cubic Bezier strokes, in plain torch (the part that diffvg plays in CLIPDraw).

Lengths are shares of the canvas, x to the right, y down; a stroke has four control points, a width and a colour with opacity.
"""

import torch
from torch import Tensor

SAMPLES = 12  # points of a curve among which the nearest is looked for first
AT_ONCE = 256  # strokes that are painted together: more of them leave the processor's cache and take longer, one by one
MOST = 0.999  # opacity of a pixel under one stroke: below 1, so that the logarithm below is finite


def monomials(points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """a, b, c, d (..., 2) with $p(t)=at^3+bt^2+ct+d$ for control points (..., 4, 2)."""
    p0, p1, p2, p3 = points.unbind(dim=-2)
    return p3 - p0 + 3 * (p1 - p2), 3 * (p0 + p2) - 6 * p1, 3 * (p1 - p0), p0


def on_curve(points: Tensor, t: Tensor) -> Tensor:
    """Points (..., T, 2) of curves (..., 4, 2) at t (..., T)."""
    a, b, c, d = (m.unsqueeze(-2) for m in monomials(points))
    t = t.unsqueeze(-1)
    return ((a * t + b) * t + c) * t + d


def pixel_centres(size: int, like: Tensor) -> Tensor:
    """(size^2, 2): x, y of the pixels' centres, row by row."""
    at = (torch.arange(size, dtype=like.dtype, device=like.device) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


@torch.no_grad()
def nearest(points: Tensor, pixels: Tensor, polish: int = 2) -> Tensor:
    r"""(S, P) t in [0, 1] at which each of S curves (S, 4, 2) comes closest to each pixel q, (P, 2).

    The best of `SAMPLES` points, then `polish` steps of Newton's method on $g(t)=(p(t)-q)^\top p'(t)=0$, each kept between the
    neighbouring samples. g is a polynomial: $p^\top p'$ has six coefficients for each curve, $q^\top p'$ three for each pixel.
    """
    gap = 1 / (SAMPLES - 1)
    grid = torch.linspace(0, 1, SAMPLES, dtype=points.dtype, device=points.device)
    curve = on_curve(points, grid.expand(len(points), -1))  # (S, M, 2)
    lifted = torch.cat([-2 * curve, (curve**2).sum(-1, keepdim=True)], dim=-1)  # |p - q|^2 - |q|^2 = lifted [q, 1]
    far = lifted @ torch.cat([pixels, torch.ones_like(pixels[:, :1])], dim=1).T  # (S, M, P)
    t = far.min(dim=1).indices.to(points.dtype) * gap  # (S, P); argmin along this axis is seven times slower
    low, high = (t - gap).clamp_(min=0), (t + gap).clamp_(max=1)
    a, b, c, d = monomials(points)
    dot = lambda u, v: (u * v).sum(-1, keepdim=True)  # (S, 1)  # noqa: E731
    g5, g4, g3 = 3 * dot(a, a), 5 * dot(a, b), 4 * dot(a, c) + 2 * dot(b, b)
    g2 = 3 * dot(a, d) + 3 * dot(b, c) - 3 * a @ pixels.T  # (S, P), as are g1 and g0
    g1, g0 = 2 * dot(b, d) + dot(c, c) - 2 * b @ pixels.T, dot(c, d) - c @ pixels.T
    for _ in range(polish):
        g = torch.addcmul(g4, g5, t)
        slope = torch.addcmul(4 * g4, 5 * g5, t)
        for power, coefficient in ((3, g3), (2, g2), (1, g1)):
            g = torch.addcmul(coefficient, g, t)
            slope = torch.addcmul(power * coefficient, slope, t)
        g = torch.addcmul(g0, g, t)
        t = torch.minimum(torch.maximum(t - g / slope.clamp_(min=1e-12), low), high)
    return t


def distance(points: Tensor, pixels: Tensor, polish: int = 2) -> Tensor:
    """(S, P): distance of each pixel (P, 2) to each curve (S, 4, 2), differentiable in the control points.

    Where the nearest point moves along the curve, the distance stays what it is (it is smallest there, or at an end): t is
    held fixed and no gradient goes through the search (the envelope theorem).
    """
    t = nearest(points, pixels, polish)
    a, b, c, d = monomials(points)
    squares = 0.0
    for k in range(2):
        gap = ((a[:, k, None] * t + b[:, k, None]) * t + c[:, k, None]) * t + (d[:, k, None] - pixels[:, k])
        squares = squares + gap * gap
    return (squares + 1e-12).sqrt()


def render(points: Tensor, widths: Tensor, colours: Tensor, size: int, canvas: float = 1.0, polish: int = 2) -> Tensor:
    r"""Images (B, 3, size, size) of B drawings, K strokes painted one over the other on a canvas of one grey.

    A stroke covers a pixel to $\alpha\,\sigma(4n(\omega/2-d))$, d the distance to its curve, $\omega$ its width, n the pixels a
    side: the edge is about one pixel wide at any resolution.

    points: (B, K, 4, 2), widths: (B, K), colours: (B, K, 4), red, green, blue and opacity in [0, 1].

    Raises:
        ValueError: shapes that do not belong to one another.
    """
    B, K = points.shape[:2]
    if points.shape != (B, K, 4, 2) or widths.shape != (B, K) or colours.shape != (B, K, 4):
        raise ValueError(
            f"points {tuple(points.shape)}, widths {tuple(widths.shape)} and colours {tuple(colours.shape)} must be "
            "(B, K, 4, 2), (B, K) and (B, K, 4)"
        )
    parts = (x.split(max(1, AT_ONCE // K)) for x in (points, widths, colours))
    return torch.cat([_painted(*part, size, canvas, polish) for part in zip(*parts, strict=True)])


def _painted(points: Tensor, widths: Tensor, colours: Tensor, size: int, canvas: float, polish: int) -> Tensor:
    """`render` of a few drawings, checked."""
    lines = distance(points.flatten(0, 1), pixel_centres(size, points), polish)
    d = lines.unflatten(0, points.shape[:2])  # (B, K, P)
    cover = MOST * colours[:, :, 3:] * torch.sigmoid(4 * size * (widths[:, :, None] / 2 - d))  # (B, K, P)
    shadow = torch.log1p(-cover)
    above = shadow.flip(1).cumsum(dim=1).flip(1)  # log of what this stroke and all later ones let through
    weight = cover * (above - shadow).exp()
    image = torch.einsum("bkp,bkc->bcp", weight, colours[:, :, :3]) + canvas * above[:, :1].exp()
    return image.unflatten(2, (size, size))
