"""One measured figure of a split, and tools that several measures share."""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...evals import accuracy, class_embeddings, encode_images, encode_texts, predict

MARGIN = 0.05  # of the way from floor to 1: nearer to either end, a protocol could not tell methods apart


@dataclass(frozen=True)
class Figure:
    """what: was measured, in words; value: in [0, 1]; floor: what chance, or a rule without sight, gives; digest: of the
    split's data."""

    what: str
    value: float
    floor: float
    digest: str = ""

    @property
    def calibrated(self) -> bool:
        """Is the value away from both ends?"""
        room = 1 - self.floor
        return self.floor + MARGIN * room <= self.value <= 1 - MARGIN * room

    def as_dict(self) -> dict:
        """Plain data, rounded to what a repeated measurement gives."""
        return asdict(self) | {"value": round(self.value, 4), "floor": round(self.floor, 4)}


def small(images: Tensor, size: int = 32) -> Tensor:
    """Images (B, 3, H, W) at scenes-clip's resolution, by averages."""
    return images if images.shape[-1] == size else F.adaptive_avg_pool2d(images, size)


def crops(images: Tensor, scene: Tensor, box: Tensor, margin: float = 0.15, size: int = 32) -> Tensor:
    """(R, 3, size, size): the squares around boxes (R, 4) of the images that `scene` (R,) names, `margin` wider."""
    out = []
    for s, (x0, y0, x1, y1) in zip(scene.tolist(), box.tolist(), strict=True):
        half = max(x1 - x0, y1 - y0, 1) * (0.5 + margin)
        grid = torch.linspace(-1, 1, size) * half
        h, w = images.shape[-2:]
        gx, gy = (((c + grid) / n * 2 - 1) for c, n in (((x0 + x1) / 2, w), ((y0 + y1) / 2, h)))
        place = torch.stack([gx[None, :].expand(size, size), gy[:, None].expand(size, size)], dim=-1)
        out.append(F.grid_sample(images[s : s + 1], place[None], padding_mode="border", align_corners=False)[0])
    return torch.stack(out)


def classified(model, images: Tensor, prompts: list[list[str]], labels: Tensor) -> float:
    """Zero-shot accuracy among classes, each told by its prompts."""
    return accuracy(predict(encode_images(model, small(images)), class_embeddings(model, prompts)), labels)


def chosen(model, images: Tensor, truths: list[str], foils: list[list[str]]) -> float:
    """Share of images (B, 3, H, W) whose true sentence scores above every one of its foils; a tie counts as wrong."""
    u = encode_images(model, small(images))
    sentences = list(dict.fromkeys([*truths, *(f for row in foils for f in row)]))
    number, v = {t: k for k, t in enumerate(sentences)}, encode_texts(model, sentences)
    right = [
        (u[b] @ v[number[t]] > torch.stack([u[b] @ v[number[f]] for f in row])).all().item()
        for b, (t, row) in enumerate(zip(truths, foils, strict=True))
    ]
    return sum(right) / len(right)


def probed(x: Tensor, y: Tensor, x_test: Tensor, y_test: Tensor, ridge: float = 1e-3) -> float:
    """Accuracy of a linear probe on features, or pixels, of any shape (B, ...): ridge regression on one-hot labels, ridge as
    a share of the features' mean variance."""
    x, x_test = x.flatten(1).double(), x_test.flatten(1).double()
    mean = x.mean(dim=0)
    x, x_test = x - mean, x_test - mean
    classes, number = y.unique(return_inverse=True)
    target = F.one_hot(number).double()
    kernel = x @ x.T  # (B, B)
    weight = torch.linalg.solve(kernel + ridge * kernel.trace() * torch.eye(len(x)), target - target.mean(dim=0))
    guess = (x_test @ x.T @ weight + target.mean(dim=0)).argmax(dim=1)
    return accuracy(classes[guess], y_test)


def ranked(queries: Tensor, gallery: Tensor) -> float:
    """Recall at 1: row i of the queries belongs to row i of the gallery, unit rows (N, D); a tie counts as wrong."""
    scores = queries @ gallery.T
    return ((scores >= scores.diagonal()[:, None]).sum(dim=1) == 1).double().mean().item()


def separated(inside: Tensor, outside: Tensor) -> float:
    """Area under the ROC curve: how often a score of one kind (n,) exceeds one of the other (m,); ties count half."""
    gap = inside[:, None] - outside[None, :]
    return ((gap > 0).double() + 0.5 * (gap == 0).double()).mean().item()
