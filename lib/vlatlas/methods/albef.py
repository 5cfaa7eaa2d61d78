"""ALBEF: align before fuse (Li et al. 2021). Contrast to a momentum copy, hard negatives for matching, soft targets."""

import math
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..losses.soft_targets import distilled, smoothed
from .declip import IGNORED
from .fusion_encoder import FusionEncoder

NEGATIVES, TARGETS = ("random", "hard"), ("one-hot", "momentum", "smoothed")
LOW, HIGH = math.log(0.001), math.log(0.5)  # the official code keeps the temperature within these


@torch.no_grad()
def follow(copy: nn.Module, model: nn.Module, momentum: float) -> None:
    r"""$\bar\theta\leftarrow\mu\bar\theta+(1-\mu)\theta$ for every parameter of `copy`, in place."""
    for slow, fast in zip(copy.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


@torch.no_grad()
def other(similarity: Tensor, hard: bool) -> Tensor:
    r"""(B,) long: for each row a column other than its own, drawn with $P(m)\propto\exp(s_m)$, or uniformly if not `hard`.

    similarity: (B, B) over temperature, B at least 2. The draw comes from torch's generator.

    Raises:
        ValueError: a batch of one pair, which has no negative.
    """
    if len(similarity) < 2:
        raise ValueError("a batch of one pair has no negative; give at least two")
    logits = similarity if hard else torch.zeros_like(similarity)
    own = torch.eye(len(similarity), dtype=torch.bool, device=similarity.device)
    p = logits.masked_fill(own, -torch.inf).softmax(dim=1)  # masked before the softmax: no row can underflow to zero
    return torch.multinomial(p, 1)[:, 0]


class FeatureQueue:
    """The last `size` features of a kind, oldest first; empty to begin with (the official queue begins with random vectors)."""

    def __init__(self, size: int):
        self.size = size
        self.features: Tensor | None = None

    def joined(self, new: Tensor) -> Tensor:
        """(B + n, D): the batch's features (B, D) in front of the queue's."""
        return new if self.features is None else torch.cat([new, self.features])

    def push(self, new: Tensor) -> None:
        """Append features (B, D); what exceeds the size leaves from the front."""
        joined = new if self.features is None else torch.cat([self.features, new])
        self.features = joined[max(0, len(joined) - self.size) :].detach()


class Albef(nn.Module):
    r"""A fusion encoder in training, with its momentum copy.

    Args:
        encoder: trained in place. contrast: with $\mathcal{L}_{itc}$. negatives: for matching, "random" or "hard". targets:
            "one-hot", "momentum" (distillation) or "smoothed" (as strong, but blind). queue: features kept of each kind.
        momentum: $\mu$ of the copy, which moves at each training step. tau: the temperature at the start; it is learned.

    Shapes: forward takes frozen patches (B, P, Wi), ids (B, T), the ids with words masked, labels (B, T) of the masked words
    (-100 elsewhere) and alpha, the weight of the copy's targets; it returns the arguments of `AlbefLoss`.

    Raises:
        ValueError: negatives or targets that are none; hard negatives without the contrast that measures hardness.
    """

    def __init__(
        self, encoder: FusionEncoder, contrast: bool = True, negatives: str = "hard", targets: str = "momentum",
        queue: int = 256, momentum: float = 0.995, tau: float = 0.07,
    ):  # fmt: skip
        super().__init__()
        if negatives not in NEGATIVES or targets not in TARGETS:
            raise ValueError(f"negatives {negatives!r} must be one of {NEGATIVES}, targets {targets!r} one of {TARGETS}")
        if negatives == "hard" and not contrast:
            raise ValueError("hard negatives are drawn by the contrastive similarity; use contrast=True or negatives='random'")
        self.encoder, self.copy = encoder, deepcopy(encoder).requires_grad_(False)
        self.contrast, self.negatives, self.targets, self.momentum = contrast, negatives, targets, momentum
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))
        self.images, self.texts = FeatureQueue(queue), FeatureQueue(queue)

    def tau(self) -> Tensor:
        """The temperature, within 0.001 and 0.5."""
        return self.log_tau.clamp(LOW, HIGH).exp()

    def soften(self, y: Tensor, q: Tensor, alpha: float) -> Tensor:
        """The targets of one term, (n, M), from one-hot ones and the copy's."""
        if self.targets == "one-hot":
            return y
        return (distilled if self.targets == "momentum" else smoothed)(y, q, alpha)

    def align(self, z: Tensor, h: Tensor, slow_z: Tensor, ids: Tensor, alpha: float) -> dict[str, Tensor]:
        r"""The contrastive term's logits and targets. Candidates are features of the copy, of this batch and of the queue:
        $s(I,T_m)=u^\top\bar v_m$; with $\bar u^\top\bar v_m$ in place of it the copy's own distribution q."""
        e, c, tau = self.encoder, self.copy, self.tau()
        u, v = e.image_features(z), e.text_features(h)  # (B, D)
        with torch.no_grad():
            slow_u, slow_v = c.image_features(slow_z), c.text_features(c.read(ids))
        images, texts = self.images.joined(slow_u), self.texts.joined(slow_v)  # (M, D), the own one at the row's number
        y = torch.eye(len(u), len(texts), dtype=u.dtype, device=u.device)
        with torch.no_grad():
            q_image, q_text = (slow_u @ texts.T / tau).softmax(dim=1), (slow_v @ images.T / tau).softmax(dim=1)
        self.images.push(slow_u)
        self.texts.push(slow_v)
        return {
            "image_logits": u @ texts.T / tau, "text_logits": v @ images.T / tau,  # (B, M)
            "image_targets": self.soften(y, q_image, alpha), "text_targets": self.soften(y, q_text, alpha),
        }  # fmt: skip

    def forward(self, patches: Tensor, ids: Tensor, masked: Tensor, labels: Tensor, alpha: float) -> dict[str, Tensor]:
        if self.training:
            follow(self.copy, self.encoder, self.momentum)
        e, c, B, soft = self.encoder, self.copy, len(ids), self.targets != "one-hot"
        asked = labels != IGNORED
        told = asked.any(dim=1).nonzero()[:, 0]  # (b,): texts in which no word is masked need no second pass
        z, h = e.see(patches), e.read(torch.cat([ids, masked[told]]))
        h, h_masked = h[:B], h[B:]
        with torch.no_grad():
            slow_z = c.see(patches) if self.contrast or soft else None
        out = self.align(z, h, slow_z, ids, alpha) if self.contrast else {}
        by_image, by_text = (out[k][:, :B] if out else h.new_zeros(B, B) for k in ("image_logits", "text_logits"))
        text, image = other(by_image, self.negatives == "hard"), other(by_text, self.negatives == "hard")  # (B,) each
        own = torch.arange(B, device=ids.device)
        fused = e.fuse(torch.cat([h, h, h[text]]), z, torch.cat([own, image, own]), tokens=1)  # (3 B, 1, W): the class token
        words = e.word_head(e.fuse(h_masked, z, told)[asked[told]])  # (n, V)
        targets = F.one_hot(labels[asked], words.shape[1]).to(words.dtype)
        if soft:
            with torch.no_grad():
                q = c.word_head(c.fuse(c.read(masked[told]), slow_z, told)[asked[told]]).softmax(dim=1)
            targets = self.soften(targets, q, alpha)
        return out | {"match_logits": e.matches(fused), "word_logits": words, "word_targets": targets}
