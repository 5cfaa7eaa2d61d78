"""Adversarial images for a classifier that is made of sentences (Fort 2021), bounded by projected gradient descent.

The blog post's notebook takes plain gradient steps without a bound; the bounded form is that of Madry et al. 2018, Sec. 2.1.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def towards(encode: Callable[[Tensor], Tensor], classes: Tensor, scale: float, target: Tensor) -> Callable[[Tensor], Tensor]:
    r"""images (B, 3, H, W) -> (B,), what a targeted attack minimises:
    $\mathcal{L}=-\log\frac{e^{s\,u(x)^\top w_t}}{\sum_c e^{s\,u(x)^\top w_c}}$.

    Args:
        encode: images -> features (B, D), normalised here. classes: (C, D), class embeddings $w_c$. scale: $s$.
        target: (B,) long, the class $t$ that each image is to be taken for.
    """

    def loss(images: Tensor) -> Tensor:
        u = F.normalize(encode(images), dim=-1)
        return F.cross_entropy(scale * u @ classes.T, target, reduction="none")

    return loss


def project(x: Tensor, images: Tensor, epsilon: float) -> Tensor:
    r"""$\Pi_\varepsilon$: the nearest point to x (B, 3, H, W) that is no further than epsilon from `images` in any value, and
    a picture, that is within [0, 1]."""
    return torch.minimum(torch.maximum(x, images - epsilon), images + epsilon).clamp(0, 1)


def random_signs(images: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    """The images with +epsilon or -epsilon added to each value, as often the one as the other, within [0, 1]: a
    perturbation of full size that knows no gradient."""
    signs = torch.randint(2, images.shape, generator=generator).to(images) * 2 - 1
    return project(images + epsilon * signs, images, epsilon)


def pgd(
    loss: Callable[[Tensor], Tensor],
    images: Tensor,
    epsilon: float,
    steps: int,
    restarts: int = 0,
    generator: torch.Generator | None = None,
    reach: float = 2.5,
) -> Tensor:
    r"""Projected gradient descent: $\delta\leftarrow\Pi_\varepsilon\big(\delta-\eta\,\mathrm{sign}\nabla_\delta\mathcal{L}\big)$
    with $\eta=2.5\,\varepsilon/\text{steps}$, from $\delta=0$; then again from `restarts` uniform points of the ball.

    Returns, of each image, the visited point with the least loss, (B, 3, H, W), on no graph.

    Args:
        loss: images -> (B,), one value an image, which depends on that image only. images: (B, 3, H, W) within [0, 1].
        epsilon: the bound on every value's change, in units of the pixels. generator: draws the starts of restarts.
        reach: how far all steps together could go, in units of epsilon.

    Raises:
        ValueError: epsilon below 0, no step, images outside [0, 1], restarts without a generator.
    """
    if epsilon < 0 or steps < 1:
        raise ValueError(f"epsilon {epsilon} must be at least 0 and steps {steps} at least 1")
    if images.min() < 0 or images.max() > 1:
        low, high = images.min().item(), images.max().item()
        raise ValueError(f"images reach from {low:.3g} to {high:.3g}; give pixels within [0, 1], before any normalisation")
    if restarts and generator is None:
        raise ValueError(f"{restarts} restarts need a generator; give torch.Generator().manual_seed(...)")
    best, least = images.clone(), torch.full((len(images),), torch.inf, dtype=images.dtype, device=images.device)
    for start in range(1 + restarts):
        x = images
        if start:
            offset = torch.rand(images.shape, generator=generator).to(images) * 2 - 1
            x = project(images + epsilon * offset, images, epsilon)
        for step in range(steps + 1):  # the last round only asks for the loss of where the last step led
            with torch.enable_grad():
                x = x.detach().requires_grad_(True)
                value = loss(x)
                gradient = torch.autograd.grad(value.sum(), x)[0] if step < steps else None
            better = value.detach() < least
            best[better], least[better] = x.detach()[better], value.detach()[better]
            if gradient is not None:
                x = project(x.detach() - reach * epsilon / steps * gradient.sign(), images, epsilon)
    return best
