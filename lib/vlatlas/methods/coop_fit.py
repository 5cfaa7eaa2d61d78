"""Training CoOp's contexts, as many at once as one likes: they share the frozen text tower and nothing else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ..train import NonFiniteLoss, TrainConfig, learning_rate, make_optimizer
from .coop import Context, random_vectors, read_behind

NOBODY = -100  # the label of padding: `cross_entropy` passes it over


@dataclass(frozen=True)
class Coop:
    """A fit of contexts of `length` vectors, random at the start: fit(task, features, labels, seed, lr) -> Context.

    Attributes:
        clip: the frozen model. specific: one set of vectors for each class (CSC). steps: of Adam, each on all labelled
            features, since it is the text tower that costs; 0 leaves the vectors as they were drawn.
    """

    clip: nn.Module
    length: int = 4
    specific: bool = False
    steps: int = 300

    def __call__(self, task, features: Tensor, labels: Tensor, seed: int = 0, lr: float = 0.3) -> Context:
        return self.together([(task, features, labels, seed, {"lr": lr})])[0]

    def together(self, jobs: Sequence[tuple]) -> list[Context]:
        """One fit for each job (task, features, labels, seed, {"lr": ..}), as if made alone, in a fraction of the time.

        Raises:
            ValueError: no job, or jobs of different classes.
        """
        if len({(job[0].names, job[0].scale) for job in jobs}) != 1:
            raise ValueError(f"{len(jobs)} jobs: give at least one, all of the same classes and scale")
        task = jobs[0][0]
        shape = (len(task.names), self.length) if self.specific else (self.length,)
        start = torch.stack([random_vectors(self.clip, shape, seed) for *_, seed, _ in jobs])
        sample = Context(self.clip, task.names, task.scale, start[0])
        rates = torch.tensor([settings["lr"] for *_, settings in jobs]).to(start)
        end = learn(sample, start, rates, [job[1] for job in jobs], [job[2] for job in jobs], self.steps)
        return [Context(self.clip, task.names, task.scale, v).eval().requires_grad_(False) for v in end]


def learn(
    sample: Context, start: Tensor, rates: Tensor, features: Sequence[Tensor], labels: Sequence[Tensor], steps: int
) -> Tensor:
    """Vectors (G, ..) after `steps` of Adam from `start` (G, ..), each of the G on its own features (n_g, D) and labels (n_g,)
    with its own learning rate (G,), by cross-entropy.

    A step of Adam does not depend on the scale of a gradient: where moves_g learns with rate 1, start_g + rate_g moves_g
    learns with rate_g. sample: a context of the same classes.

    Raises:
        NonFiniteLoss: a loss is NaN or infinite; names the step and what to try.
    """
    G, rates = len(start), rates.view(-1, *[1] * (start.ndim - 1))
    u, y = pad_sequence(list(features), batch_first=True), pad_sequence(list(labels), batch_first=True, padding_value=NOBODY)
    share = (y != NOBODY) / (y != NOBODY).sum(dim=1, keepdim=True)  # (G, N): 1 / n_g
    words, last = sample.words.repeat(G, 1, 1), sample.last.repeat(G)
    moves = nn.ParameterList([torch.zeros_like(start)])
    plan = TrainConfig(max(steps, 1), len(y[0]), lr=1.0, weight_decay=0.0)
    optimizer = make_optimizer(moves, plan)
    for step in range(steps):
        contexts = (start + rates * moves[0]).flatten(0, -3)  # (G, M, width), or (G C, M, width)
        w = read_behind(sample.text, contexts, words, last).unflatten(0, (G, -1))  # (G, C, D)
        logits = sample.scale * u @ w.transpose(1, 2)  # (G, N, C)
        losses = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
        loss = (losses * share).sum()  # over the G mean losses
        if not math.isfinite(loss.item()):
            raise NonFiniteLoss(f"loss {loss.item()} at step {step + 1} of {steps}: lower lr (now up to {rates.max().item():g})")
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return (start + rates * moves[0]).detach()
