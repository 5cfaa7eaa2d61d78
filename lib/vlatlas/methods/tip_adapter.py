"""A key-value cache of the labelled features, added to zero-shot CLIP (Zhang et al. 2022, Tip-Adapter)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .on_features import fit_on_features


class TipAdapter(nn.Module):
    r"""The logits $\ell(u) = s\,W u + \alpha\,L^\top \exp(-\beta(\mathbf 1 - F u))$ (Zhang et al. 2022, method section).

    Args:
        keys: F (n, D), unit rows, the features of the labelled images. labels: (n,), their classes; L is their one-hot
            matrix (n, C). w: W (C, D), zero-shot class embeddings. scale: CLIP's logit scale s. alpha: weight of the
            cache. beta: its sharpness.

    Shapes: unit features (B, D) -> logits (B, C).

    Raises:
        ValueError: not one label for each key, or a label outside 0 .. C - 1.
    """

    def __init__(self, keys: Tensor, labels: Tensor, w: Tensor, scale: float, alpha: float = 1.0, beta: float = 5.5):
        super().__init__()
        if len(keys) != len(labels) or not 0 <= int(labels.min()) <= int(labels.max()) < len(w):
            raise ValueError(
                f"{len(keys)} keys, {len(labels)} labels within {int(labels.min())}..{int(labels.max())}: each key needs "
                f"one label within 0..{len(w) - 1}"
            )
        self.register_buffer("w", w)
        self.register_buffer("values", F.one_hot(labels, len(w)).to(keys.dtype))  # L (n, C)
        self.keys = nn.Parameter(keys.clone(), requires_grad=False)  # F (n, D)
        self.scale, self.alpha, self.beta = scale, alpha, beta

    def cache(self, features: Tensor) -> Tensor:
        """L^T exp(-beta (1 - F u)): each class's votes, (B, C)."""
        affinity = torch.exp(-self.beta * (1 - features @ self.keys.T))  # (B, n)
        return affinity @ self.values

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * features @ self.w.T + self.alpha * self.cache(features)

    def transferred(self, w: Tensor) -> "TipAdapter":
        """The same cache before other classes (C', D), for none of which it has a value: it votes for none."""
        out = TipAdapter(self.keys.detach(), torch.zeros(len(self.keys), dtype=torch.long), w, self.scale, self.alpha, self.beta)
        out.values.zero_()
        return out


def tip_adapter(task, features: Tensor, labels: Tensor, seed: int = 0, alpha: float = 1.0, beta: float = 5.5) -> TipAdapter:
    """Training-free: the labelled features are the keys. task: with `w` and `scale`."""
    return TipAdapter(features, labels, task.w, task.scale, alpha, beta)


def tip_adapter_f(
    task,
    features: Tensor,
    labels: Tensor,
    seed: int = 0,
    alpha: float = 1.0,
    beta: float = 5.5,
    lr: float = 1e-3,
    epochs: int = 20,
) -> TipAdapter:
    """Tip-Adapter-F: the keys start as the labelled features and are trained; L and W stay."""
    model = TipAdapter(features, labels, task.w, task.scale, alpha, beta)
    model.keys.requires_grad_(True)
    fit_on_features(model, features, labels, epochs, lr, seed)
    return model.requires_grad_(False)
