r"""Cross-entropy with soft targets: of a momentum model, or smoothed to the same strength; and ALBEF's three terms."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    r"""$\mathrm{H}(y,p)=-\sum_m y_m\log p_m$ with $p=\mathrm{softmax}(\mathrm{logits})$, mean over rows; 0 for no row.

    logits, target: (N, M), rows of target sum to one. Returns ().
    """
    return -(target * F.log_softmax(logits, dim=1)).sum() / max(1, len(logits))


def distilled(y: Tensor, q: Tensor, alpha: float) -> Tensor:
    r"""$(1-\alpha)\,y+\alpha\,q$. Its cross-entropy is $(1-\alpha)\mathrm{H}(y,p)+\alpha\,\mathrm{KL}(q\Vert p)$ plus the
    entropy of q times alpha, which p does not change: distillation as the official code computes it (Li et al. 2021).

    y: (N, M) one-hot; q: (N, M) a momentum model's probabilities. No gradient flows into either.

    Raises:
        ValueError: alpha outside 0..1.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha {alpha} must be within 0..1")
    return ((1 - alpha) * y + alpha * q).detach()


def smoothed(y: Tensor, q: Tensor, alpha: float) -> Tensor:
    r"""Label smoothing as strong as `distilled`: the labels lose as much mass on average,
    $\varepsilon=\alpha\,\mathbb{E}[1-q^\top y]$, and all other entries share it alike. What is left out is where the momentum
    model puts it, and which rows it doubts.

    y, q: (N, M), M at least 2; alpha in 0..1. Returns (N, M).
    """
    if len(y) == 0:
        return y
    epsilon = alpha * (1 - (q * y).sum(dim=1)).mean()
    return ((1 - epsilon) * y + epsilon * (1 - y) / (y.shape[1] - 1)).detach()


class AlbefLoss(nn.Module):
    r"""$\mathcal{L}=\mathcal{L}_{itc}+\mathcal{L}_{itm}+\mathcal{L}_{mlm}$, each term where its inputs are given.

    image_logits, text_logits: (B, M) similarities over temperature, of images to texts and of texts to images, with targets of
    the same shapes; match_logits: (3 B, 2), the first B pairs true and the others not; word_logits (n, V) of n masked words, n
    may be 0, and word_targets (n, V). Returns (), or with output_dict the terms.
    """

    def forward(
        self,
        match_logits: Tensor,
        word_logits: Tensor,
        word_targets: Tensor,
        image_logits: Tensor | None = None,
        text_logits: Tensor | None = None,
        image_targets: Tensor | None = None,
        text_targets: Tensor | None = None,
        output_dict: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        B = len(match_logits) // 3
        true = match_logits.new_zeros(3 * B, dtype=torch.long)
        true[:B] = 1
        parts = {"itm": F.cross_entropy(match_logits, true), "mlm": soft_cross_entropy(word_logits, word_targets)}
        if image_logits is not None:
            both = soft_cross_entropy(image_logits, image_targets) + soft_cross_entropy(text_logits, text_targets)
            parts["itc"] = both / 2
        return parts if output_dict else sum(parts.values())
