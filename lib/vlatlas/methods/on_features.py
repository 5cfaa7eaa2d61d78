"""Training a small module on a handful of features that were computed once."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..train import NonFiniteLoss, TrainConfig, learning_rate, make_optimizer


def fit_on_features(
    classifier: nn.Module,
    features: Tensor,
    labels: Tensor,
    epochs: int,
    lr: float,
    seed: int = 0,
    batch_size: int = 128,
    weight_decay: float = 0.0,
) -> list[float]:
    """Train `classifier`, features (B, D) -> logits (B, C), in place by cross-entropy; its loss at each step.

    Optimiser and schedule are those of `vlatlas.train`. Its loop is not used: what that does around a step (random state,
    logging, checkpoints) takes longer than a step of such a module. Every epoch visits each feature once, in a new random
    order that depends on the seed and the epoch alone.

    Raises:
        ValueError: no feature, or not one label for each.
        NonFiniteLoss: the loss is NaN or infinite; names the step and what to try.
    """
    n = len(features)
    if n == 0 or len(labels) != n:
        raise ValueError(f"{n} features and {len(labels)} labels; give one label to each of at least one feature")
    size = min(batch_size, n)
    per_epoch = -(-n // size)
    plan = TrainConfig(epochs * per_epoch, size, lr, weight_decay=weight_decay)
    optimizer, losses = make_optimizer(classifier, plan), []
    classifier.train()
    for epoch in range(epochs):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(1_000_003 * seed + epoch))
        for rows in order.split(size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(len(losses), plan)
            loss = F.cross_entropy(classifier(features[rows]), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise NonFiniteLoss(f"loss {losses[-1]} at step {len(losses)} of {plan.steps}: lower lr (now {lr})")
    classifier.eval()
    return losses
