"""A small one-stage detector whose classifier is a prompt, after GLIP (Li et al. 2022), and its closed-vocabulary twin."""

import torch
from torch import Tensor, nn

from .glip import CrossModalAttention, alignment_logits, focal_loss, token_targets


def layer(d: int, heads: int = 4) -> nn.TransformerEncoderLayer:
    """One layer of either stream: the stand-in for a dynamic-head block, and for a layer of BERT."""
    return nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.0, batch_first=True, norm_first=True)


class GroundedDetector(nn.Module):
    """One region per cell of a grid: scores against the words of a prompt, and a box that contains the cell's centre.

    Args:
        patch_width, word_width: of the frozen features. grid: cells a side; frame: pixels a side. d: common width.
        layers: of each stream. fusion: cross-modal attention before each layer. classes: a number for the closed twin,
            whose "words" are that many learned vectors; it takes no prompt.

    Shapes: patches (B, grid^2, patch_width); words (B, M, word_width), valid (B, M) bool -> a dict of logits (B, R, M) and
    boxes (B, R, 4) in pixels, x0, y0, x1, y1.
    """

    def __init__(
        self, patch_width: int, word_width: int, grid: int = 8, frame: int = 64, d: int = 64, layers: int = 2,
        fusion: bool = True, classes: int | None = None,
    ):  # fmt: skip
        super().__init__()
        self.cell = frame / grid
        axis = (torch.arange(grid) + 0.5) * self.cell
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("centres", torch.stack([x.flatten(), y.flatten()], dim=1))  # (R, 2)
        self.place = nn.Parameter(torch.randn(1, grid * grid, d) * 0.02)
        self.patch_in = nn.Linear(patch_width, d)
        self.visual_layers = nn.ModuleList(layer(d) for _ in range(layers))
        self.box = nn.Linear(d, 4)
        self.norm_o = nn.LayerNorm(d)
        self.scale = nn.Parameter(torch.tensor(d**-0.5))
        self.bias = nn.Parameter(torch.tensor(-4.0))  # at first every entry is a rare positive (Lin et al. 2017, Sec. 4.1)
        self.classes = None if classes is None else nn.Parameter(torch.randn(classes, d))
        if classes is None:
            self.word_in = nn.Linear(word_width, d)
            self.text_layers = nn.ModuleList(layer(d) for _ in range(layers))
            self.fusions = nn.ModuleList(CrossModalAttention(d) for _ in range(layers if fusion else 0))
            self.norm_q = nn.LayerNorm(d)

    def forward(self, patches: Tensor, words: Tensor | None, valid: Tensor | None) -> dict[str, Tensor]:
        O = self.patch_in(patches) + self.place  # (B, R, d)
        if self.classes is not None:
            for block in self.visual_layers:
                O = block(O)
            Q = self.classes.expand(len(O), -1, -1)
        else:
            Q = self.word_in(words)  # (B, M, d)
            for i, (see, read) in enumerate(zip(self.visual_layers, self.text_layers, strict=True)):
                if self.fusions:
                    t2i, i2t = self.fusions[i](O, Q, valid)
                    O, Q = O + t2i, Q + i2t
                O, Q = see(O), read(Q, src_key_padding_mask=~valid)
            Q = self.norm_q(Q)
        O = self.norm_o(O)
        reach = nn.functional.softplus(self.box(O)) * 2 * self.cell  # (B, R, 4): left, top, right, bottom
        boxes = torch.cat([self.centres - reach[..., :2], self.centres + reach[..., 2:]], dim=2)
        return {"logits": alignment_logits(O, Q, self.scale, self.bias), "boxes": boxes}


def assign(boxes: Tensor, present: Tensor, centres: Tensor, inner: float = 0.5) -> Tensor:
    """Which object each region answers for: (B, R) long, -1 for none.

    A region belongs to an object if its centre lies in the middle part (`inner` of each side) of the box, or is the
    nearest to the box's centre; the smaller object wins. boxes (B, K, 4), present (B, K) bool, centres (R, 2).
    """
    middle, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2  # (B, K, 2)
    away = (centres[None, :, None] - middle[:, None]).abs()  # (B, R, K, 2)
    inside = (away <= inner * half[:, None]).all(dim=3)
    nearest = away.square().sum(dim=3).argmin(dim=1)  # (B, K)
    inside |= torch.arange(len(centres), device=boxes.device)[None, :, None] == nearest[:, None]
    inside &= present[:, None]
    area = half.prod(dim=2)[:, None].expand_as(inside).masked_fill(~inside, torch.inf)  # (B, R, K)
    best = area.min(dim=2)
    return torch.where(best.values.isfinite(), best.indices, -1)


def detection_loss(logits: Tensor, boxes: Tensor, truth: Tensor, region: Tensor, phrase: Tensor, owner: Tensor, valid: Tensor):
    r"""$L_{cls}+L_{loc}$: focal loss on token targets, and $1-\mathrm{IoU}$ averaged over regions that have an object.

    truth: (B, K, 4) boxes; region: (B, R) of `assign`; phrase: (B, K) long, the phrase of the prompt that describes an
    object, -1 for an object that no phrase describes (it is background). Returns ().
    """
    name = torch.where(region >= 0, phrase.gather(1, region.clamp(min=0)), -1)  # (B, R)
    target = truth.gather(1, region.clamp(min=0)[..., None].expand(-1, -1, 4)).to(boxes.dtype)
    low, high = torch.maximum(boxes[..., :2], target[..., :2]), torch.minimum(boxes[..., 2:], target[..., 2:])
    inter = (high - low).clamp(min=0).prod(dim=2)
    size = (boxes[..., 2:] - boxes[..., :2]).prod(dim=2) + (target[..., 2:] - target[..., :2]).prod(dim=2)
    iou = inter / (size - inter).clamp(min=1e-6)
    found = (name >= 0).to(boxes.dtype)
    located = ((1 - iou) * found).sum() / found.sum().clamp(min=1)
    return focal_loss(logits, token_targets(name, owner), valid) + located
