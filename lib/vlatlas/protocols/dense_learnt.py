"""What is trained in the `dense` protocol: the ceiling, MaskCLIP+'s student, the same student with masks, and a CLIP tuned with
masks of the base names. All of it reads a frozen backbone's tokens or starts from the backbone, and all of it goes through one
training loop; the learning rates are the best of `dense_rates`."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..data.splits import dense as split
from ..methods.maskclip import Segmenter, TunedClip, grid, pixel_loss, value_path
from ..models import CLIP
from ..train import TrainConfig, train
from .dense import Dense


class Linear(nn.Module):
    """One linear classifier for every patch: tokens (B, P, W) -> maps (B, C, sqrt P, sqrt P). Starts from zeros."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(width, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        return grid(self.linear(tokens))


class _Task(nn.Module):
    """A network that makes maps, in the form that `train` takes."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"logits": self.network(inputs), "labels": labels}


@contextlib.contextmanager
def flushed() -> Iterator[None]:
    """Numbers below 1e-38 count as zero. The gradients of a confident network are full of them, and a processor takes many
    times longer over each: the students train six times as fast, and their weights are the same to the last bit."""
    before = (torch.full((1,), 1e-39) * 2).item() == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def fit(network: nn.Module, inputs: Tensor, labels: Tensor, seed: int, steps: int, lr: float, batch: int) -> nn.Module:
    """Train a network that makes maps (B, C, h, h) on labels (B, h, h) of patches or finer, -1 is no label; the same seed
    gives the same order of scenes. Returns it in evaluation mode."""

    def batches(step: int):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        rows = torch.randint(len(inputs), (batch,), generator=generator)
        return inputs[rows], labels[rows]

    config = TrainConfig(steps, batch, lr, weight_decay=0.01, seed=seed)
    with flushed(), torch.enable_grad():  # also where the caller reads without gradients
        train(_Task(network), batches, pixel_loss, config, device="cpu", progress=False)
    return network.eval()


def _with_masks(protocol: Dense, model: CLIP) -> tuple[Tensor, Tensor]:
    """Tokens (B, P, W) and labels (B, h, h) of the scenes with masks."""
    truth = protocol.with_masks.patches()
    side = round(truth.shape[1] ** 0.5)
    return protocol.tokens(protocol.enter(model, "labelled")), truth.unflatten(1, (side, side))


def linear(protocol: Dense, model: CLIP, seed: int, lr: float | None = None) -> Linear:
    """The ceiling: a linear classifier on the tokens that enter the last block, trained with masks of all names."""
    tokens, truth = _with_masks(protocol, model)
    head = Linear(tokens.shape[2], len(split.NAMES))
    return fit(head, tokens, truth, seed, protocol.linear_steps, lr or protocol.linear_lr, protocol.batch)


def _student(width: int, seed: int) -> Segmenter:
    """A fresh student; the same for every kind of label."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Segmenter(width, len(split.NAMES))


def supervised(protocol: Dense, model: CLIP, seed: int, lr: float | None = None) -> Segmenter:
    """The student's network, trained with masks of all names."""
    tokens, truth = _with_masks(protocol, model)
    head = _student(tokens.shape[2], seed)
    return fit(head, tokens, truth, seed, protocol.student_steps, lr or protocol.student_lr, protocol.batch)


def plus(protocol: Dense, model: CLIP, seed: int) -> Segmenter:
    """MaskCLIP+: the student learns the labels of the value path on scenes whose masks nobody sees, then its own."""
    block, steps, lr = protocol.enter(model, "unlabelled"), protocol.student_steps, protocol.student_lr
    tokens = protocol.tokens(block)
    with torch.no_grad():
        labels = protocol.maps(value_path(block), protocol.words(model)).argmax(dim=1)
    head = fit(_student(tokens.shape[2], seed), tokens, labels, seed, steps, lr, protocol.batch)
    with torch.no_grad():
        labels = head(tokens).argmax(dim=1)  # self-training
    return fit(head, tokens, labels, seed + 1000, steps // 2, lr / 3, protocol.batch)


def tuned(protocol: Dense, model: CLIP, seed: int, lr: float | None = None) -> CLIP:
    """A copy whose image tower was tuned through the value path, with masks of the base names alone."""
    _, truth = _with_masks(protocol, model)
    place = torch.full((len(split.NAMES) + 1,), -1)  # novel names and background, which is last, have no label
    place[protocol.base] = torch.arange(len(protocol.base))
    network = TunedClip(model, protocol.words(model)[protocol.base])
    images, steps = protocol.images("labelled"), protocol.tuning_steps
    return fit(network, images, place[truth], seed, steps, lr or protocol.tuning_lr, protocol.tuning_batch).model
