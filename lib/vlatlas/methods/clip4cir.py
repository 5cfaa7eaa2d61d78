"""CLIP4Cir: composed image retrieval from the sum of CLIP's features, and from a Combiner (Baldrati et al. 2023)."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 100.0  # lambda, fixed in both stages (the authors' code)


def summed(image: Tensor, text: Tensor) -> Tensor:
    """The query of stage 1: the normalised sum of the towers' raw outputs, (B, D) each -> (B, D), unit rows."""
    return F.normalize(image + text, dim=-1)


def composed_loss(query: Tensor, target: Tensor, scale: float | Tensor = SCALE) -> Tensor:
    r"""$-\frac1N\sum_i\log\frac{e^{s\,q_i^\top u_i}}{\sum_j e^{s\,q_i^\top u_j}}$: queries choose among the targets of the batch.

    One direction only, and a query's own reference is not among the candidates. query, target: (N, D), unit rows. Returns ().
    """
    return F.cross_entropy(scale * query @ target.T, torch.arange(len(query), device=query.device))


class Combiner(nn.Module):
    r"""$C(a,b)=\mathrm{MLP}([a';b'])+\lambda b+(1-\lambda)a$, normalised; $\lambda=\sigma(\mathrm{MLP}_\lambda([a';b']))$ weighs
    the text. a: image, b: text, (B, D) raw features; primes: projected, with ReLU.

    Widths are the paper's in proportion: projections 4 D, hidden layers 8 D. fixed_gate: lambda held at one half;
    plain: no MLP. With both, C is half the sum of stage 1 before it is normalised.
    """

    def __init__(self, d: int, dropout: float = 0.5, fixed_gate: bool = False, plain: bool = False):
        super().__init__()
        self.fixed_gate, self.plain = fixed_gate, plain
        self.project_image, self.project_text = nn.Linear(d, 4 * d), nn.Linear(d, 4 * d)
        self.drop = nn.Dropout(dropout)
        self.mix = nn.Sequential(nn.Linear(8 * d, 8 * d), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8 * d, d))
        self.gate = nn.Sequential(nn.Linear(8 * d, 8 * d), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8 * d, 1), nn.Sigmoid())

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        a, b = self.drop(F.relu(self.project_image(image))), self.drop(F.relu(self.project_text(text)))  # (B, 4 D)
        both = torch.cat([a, b], dim=-1)  # (B, 8 D)
        weight = 0.5 if self.fixed_gate else self.gate(both)  # (B, 1)
        out = weight * text + (1 - weight) * image
        return F.normalize(out if self.plain else out + self.mix(both), dim=-1)


class CombinerStage(nn.Module):
    """Stage 2: the Combiner on cached features. forward: raw image, text and target features (B, D) each."""

    def __init__(self, combiner: Combiner):
        super().__init__()
        self.combiner = combiner

    def forward(self, image: Tensor, text: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"query": self.combiner(image, text), "target": F.normalize(target, dim=-1)}


class TaskTowers(nn.Module):
    """Stage 1: a copy of the towers whose text tower and last image block learn until the plain sum is the query.

    forward: what enters that block (B, T, W) for references, ids (B, C) of instructions, the same for targets; or image features
    (B, D), where those never change. tune: "both", "text" or "none" (the towers as they were, through the same code).

    Raises:
        ValueError: an unknown choice of towers.
    """

    def __init__(self, model: nn.Module, tune: str = "both"):
        super().__init__()
        if tune not in ("both", "text", "none"):
            raise ValueError(f"tune {tune!r} is unknown; use 'both', 'text' or 'none'")
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        if tune != "none":
            self.model.text.requires_grad_(True)
        if tune == "both":
            visual = self.model.visual
            for part in (visual.blocks[-1], visual.norm, visual.project):
                part.requires_grad_(True)

    def image(self, entered: Tensor) -> Tensor:
        """Raw image features (B, D): last block, norm, pooling and projection; what is (B, D) already passes."""
        if entered.ndim == 2:
            return entered
        visual = self.model.visual
        x = visual.norm(visual.blocks[-1](entered))
        return visual.project(x.mean(dim=1) if visual.class_token is None else x[:, 0])

    def text(self, ids: Tensor) -> Tensor:
        """Raw text features (B, D)."""
        return self.model.encode_text(ids)

    def forward(self, reference: Tensor, ids: Tensor, target: Tensor) -> dict[str, Tensor]:
        query = summed(self.image(reference), self.text(ids))
        return {"query": query, "target": F.normalize(self.image(target), dim=-1)}
