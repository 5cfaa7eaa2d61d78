"""MetaCLIP's curation: texts are matched to a list of entries, and every entry is capped (Xu et al. 2024, Algorithm 1)."""

from collections.abc import Sequence

import torch
from torch import Tensor

WRAPPED = ",.;:?!`"  # marks that become words of their own before matching, as in the released code


def spaced(text: str) -> list[str]:
    """The words of a text, punctuation marks split off."""
    return "".join(f" {c} " if c in WRAPPED else c for c in text).split()


def match(texts: Sequence[str], entries: Sequence[str]) -> list[list[int]]:
    """For each text the numbers of the entries that it contains as whole words, ascending; an entry may have several words.

    Case counts. Words are looked up, one run of words after another: the cost does not depend on the number of entries.

    Raises:
        ValueError: an entry without a word, or one that occurs twice.
    """
    table = {tuple(spaced(entry)): k for k, entry in enumerate(entries)}
    if () in table or len(table) < len(entries):
        raise ValueError("entries must be different and have at least one word each; clean the list first")
    longest = max(map(len, table), default=0)
    out = []
    for text in texts:
        words = spaced(text)
        runs = (tuple(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1))
        out.append(sorted({table[run] for run in runs if run in table}))
    return out


def count(matched: Sequence[Sequence[int]], entries: int) -> Tensor:
    """$n_e$: how many texts match each entry, (E,) long."""
    return torch.bincount(_flat(matched)[1], minlength=entries)


def _flat(matched: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The number of the text and of the entry of every match, (M,) long each."""
    row = torch.tensor([i for i, found in enumerate(matched) for _ in found], dtype=torch.long)
    return row, torch.tensor([e for found in matched for e in found], dtype=torch.long)


def entry_probability(counts: Tensor, t: float) -> Tensor:
    r"""$p_e=\min(1,t/n_e)$, (E,) float64; 1 for an entry that nothing matches. t may be infinite.

    Raises:
        ValueError: a threshold that is not positive.
    """
    if not t > 0:
        raise ValueError(f"threshold {t} must be positive; no pair survives a cap of nothing")
    return (t / counts.clamp(min=1).double()).clamp(max=1)


def keep_probability(matched: Sequence[Sequence[int]], counts: Tensor, t: float) -> Tensor:
    r"""$1-\prod_{e\in M(y)}(1-p_e)$ for each text, (N,) float64; 0 for a text without a match."""
    row, entry = _flat(matched)
    lost = torch.zeros(len(matched), dtype=torch.float64).index_add(0, row, torch.log1p(-entry_probability(counts, t)[entry]))
    return -torch.expm1(lost)  # a sure entry adds minus infinity


def balance(matched: Sequence[Sequence[int]], counts: Tensor, t: float, seed: int) -> Tensor:
    """Rows (n,) long of the texts that survive: each of a text's entries is drawn by itself, and one success is enough."""
    p = entry_probability(counts, t)
    row, entry = _flat(matched)
    drawn = torch.rand(len(row), generator=torch.Generator().manual_seed(seed), dtype=torch.float64) < p[entry]
    return row[drawn].unique()


def threshold(matched: Sequence[Sequence[int]], counts: Tensor, size: float) -> float:
    """The t at which `size` texts are expected to survive, found by bisection.

    Raises:
        ValueError: a size that is not between 0 and the number of matched texts.
    """
    low, high = 0.0, float(counts.max())
    if not 0 < size <= sum(1 for found in matched if found):
        raise ValueError(f"{size} texts of {sum(1 for found in matched if found)} matched ones: ask for fewer, but for some")
    while high - low > 1e-6 * high:
        t = (low + high) / 2
        low, high = (t, high) if keep_probability(matched, counts, t).sum() < size else (low, t)
    return high
