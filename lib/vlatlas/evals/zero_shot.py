"""Zero-shot classification: sentences as the weights of a linear classifier."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .features import encode_texts


def class_embeddings(model, prompts: list[list[str]], tokenizer=None) -> Tensor:
    r"""One unit vector per class, $w_c = \bar v_c / \lVert\bar v_c\rVert$ with $\bar v_c$ the mean of the unit-length
    features of the class's prompts (Radford et al. 2021, Sec. 3.1.4, prompt ensembling).

    Args:
        prompts: for each of C classes, one or more sentences. Returns (C, D).

    Raises:
        ValueError: no class, or a class without a sentence.
    """
    if not prompts or any(len(p) == 0 or isinstance(p, str) for p in prompts):
        raise ValueError("prompts must be a list of classes, each a non-empty list of sentences")
    v = encode_texts(model, [t for p in prompts for t in p], tokenizer)
    means = torch.stack([part.mean(dim=0) for part in v.split([len(p) for p in prompts])])
    return F.normalize(means, dim=-1)


def predict(image_features: Tensor, classes: Tensor) -> Tensor:
    """argmax_c u . w_c for image features (B, D) and class embeddings (C, D). Returns (B,) long."""
    return (image_features @ classes.T).argmax(dim=1)


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Share of predictions (B,) that equal the labels (B,). Raises ValueError on an empty or mismatched pair."""
    _check(predictions, labels)
    return (predictions == labels).double().mean().item()


def balanced_accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Mean over the classes that occur in `labels` of the accuracy within the class: each class counts once."""
    _check(predictions, labels)
    per_class = [(predictions[labels == c] == c).double().mean() for c in labels.unique()]
    return torch.stack(per_class).mean().item()


def _check(predictions: Tensor, labels: Tensor) -> None:
    if len(labels) == 0 or predictions.shape != labels.shape:
        raise ValueError(
            f"predictions {tuple(predictions.shape)} and labels {tuple(labels.shape)} must be of one, non-zero length"
        )
