"""Losses once more, as plain loops over Python floats: they owe nothing to the vectorised code."""

import math

import torch


def pairs(n: int, d: int = 6, seed: int = 0, dtype=torch.float64, spread: float = 1.0):
    """Unit-length features of n pairs; a small spread makes the pairs nearly equal."""
    g = torch.Generator().manual_seed(seed)
    u = torch.randn(n, d, generator=g, dtype=torch.float64)
    v = u + spread * torch.randn(n, d, generator=g, dtype=torch.float64)
    return (torch.nn.functional.normalize(x, dim=1).to(dtype) for x in (u, v))


def _cosines(u, v):
    return [[sum(a * b for a, b in zip(x, y, strict=True)) for y in v.tolist()] for x in u.tolist()]


def clip(u, v, s: float) -> float:
    C, n = _cosines(u, v), len(u)
    total = 0.0
    for i in range(n):
        total -= math.log(math.exp(s * C[i][i]) / sum(math.exp(s * C[i][j]) for j in range(n)))
        total -= math.log(math.exp(s * C[i][i]) / sum(math.exp(s * C[j][i]) for j in range(n)))
    return total / (2 * n)


def sigmoid(u, v, s: float, b: float) -> float:
    C, n = _cosines(u, v), len(u)
    total = 0.0
    for i in range(n):
        for j in range(n):
            z = 1 if i == j else -1
            total += math.log(1 + math.exp(-z * (s * C[i][j] + b)))
    return total / n


def multi_positive(u, v, s: float, group: list[int]) -> float:
    C, n = _cosines(u, v), len(u)
    total = 0.0
    for i in range(n):
        mates = [j for j in range(n) if group[j] == group[i]]
        for j in mates:
            total -= math.log(math.exp(s * C[i][j]) / sum(math.exp(s * C[i][k]) for k in range(n))) / len(mates)
            total -= math.log(math.exp(s * C[j][i]) / sum(math.exp(s * C[k][i]) for k in range(n))) / len(mates)
    return total / (2 * n)
