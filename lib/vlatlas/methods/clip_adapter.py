"""A bottleneck behind the frozen image feature, blended with it (Gao et al. 2024, CLIP-Adapter)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .on_features import fit_on_features


class ClipAdapter(nn.Module):
    r"""$u^* = \alpha A(u) + (1-\alpha) u$ with $A(u) = \mathrm{ReLU}(\mathrm{ReLU}(u^\top W_1) W_2)^\top$, and
    $\ell(u) = s\,W u^* / \lVert u^* \rVert$ (Gao et al. 2024; both ReLUs as in the released module).

    Args:
        w: W (C, D), zero-shot class embeddings. scale: CLIP's logit scale s. alpha: residual ratio; 0 is zero-shot CLIP,
            1 an ordinary two-layer network. reduction: D over the width of the bottleneck. seed: of W_1 and W_2.

    Shapes: unit features (B, D) -> logits (B, C).

    Raises:
        ValueError: alpha outside 0..1, or a reduction that leaves no bottleneck.
    """

    def __init__(self, w: Tensor, scale: float, alpha: float = 0.2, reduction: int = 4, seed: int = 0):
        super().__init__()
        D = w.shape[1]
        if not 0 <= alpha <= 1 or not 1 <= reduction <= D:
            raise ValueError(f"alpha {alpha} must be within 0..1 and reduction {reduction} within 1..{D}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.down = nn.Linear(D, D // reduction, bias=False)  # W_1
            self.up = nn.Linear(D // reduction, D, bias=False)  # W_2
        self.register_buffer("w", w)
        self.scale, self.alpha = scale, alpha

    def adapted(self, features: Tensor) -> Tensor:
        """u* / |u*|, (B, D)."""
        a = F.relu(self.up(F.relu(self.down(features))))  # A(u)
        return F.normalize(self.alpha * a + (1 - self.alpha) * features, dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * self.adapted(features) @ self.w.T

    def transferred(self, w: Tensor) -> "ClipAdapter":
        """The same adapter before other class embeddings (C', D)."""
        out = ClipAdapter(w, self.scale, self.alpha, self.up.weight.shape[0] // self.up.weight.shape[1])
        out.down, out.up = self.down, self.up
        return out


def clip_adapter(
    task, features: Tensor, labels: Tensor, seed: int = 0, alpha: float = 0.2, lr: float = 3e-3, epochs: int = 100
) -> ClipAdapter:
    """Train W_1 and W_2 on labelled features; epochs=0 leaves them as they were drawn. task: with `w` and `scale`."""
    model = ClipAdapter(task.w, task.scale, alpha, seed=seed)
    if epochs:
        fit_on_features(model, features, labels, epochs, lr, seed)
    return model.requires_grad_(False)
