"""Retrieval in two steps: a cheap similarity makes a short list, a dear score ranks it."""

import torch
from torch import Tensor

from .retrieval import recall_at_k


def reranked_r1(scores: Tensor, similarity: Tensor, shortlist: int) -> float:
    """R@1, mean of both directions, if each query ranks only its `shortlist` most similar candidates by their scores.

    What is not on the list is ranked behind it. As in `recall_at_k`, a candidate that ties with the right one is before it.

    Args:
        scores, similarity: (N, N), images by texts, row i belonging to column i. shortlist: at least 1; N or more ranks all.

    Raises:
        ValueError: matrices that are not square and of one shape, or a short list of nothing.
    """
    n = len(scores)
    if scores.shape != (n, n) or similarity.shape != (n, n) or shortlist < 1:
        raise ValueError(
            f"scores {tuple(scores.shape)} and similarity {tuple(similarity.shape)} must be square and alike, "
            f"and a short list of {shortlist} must hold at least 1"
        )
    both = (_first(s, t, min(shortlist, n)) for s, t in ((scores, similarity), (scores.T, similarity.T)))
    return sum(both) / 2


def _first(scores: Tensor, similarity: Tensor, k: int) -> float:
    """Share of rows whose own column is the first of the k that `similarity` puts on the list."""
    listed = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, similarity.topk(k, dim=1).indices, True)
    behind = scores.min() - 1
    return recall_at_k(torch.where(listed, scores, behind), torch.eye(len(scores)), ks=(1,))["image_to_text@1"]
