"""Greedy and beam search against a search over all sentences."""

import itertools

import pytest
import torch

from vlatlas.methods.decoding import beam, greedy
from vlatlas.models.language import LanguageModel
from vlatlas.models.tokenizer import END

LONGEST = 3


@pytest.fixture
def toy():
    torch.manual_seed(5)
    model = LanguageModel(list("ab"), context=8, width=8, depth=1, heads=2).double()
    with torch.no_grad():
        model.embed_tokens.weight.mul_(3)
    return model, torch.randn(4, 2, 8, dtype=torch.float64)


def value(model, prefix, ids) -> float:
    """log p of one sentence, one token at a time, reading everything anew."""
    total, x = 0.0, prefix[None]
    for token in ids:
        total += model.read(x)[0, -1].log_softmax(dim=-1)[token].item()
        x = torch.cat([x, model.embed_tokens(torch.tensor([[token]]))], dim=1)
    return total


def sentences(vocabulary):
    """All sentences: ended within LONGEST tokens, or cut there. PAD may be written, as any token; it ends a sentence too."""
    for n in range(1, LONGEST + 1):
        for ids in itertools.product(range(vocabulary), repeat=n):
            ended = ids[-1] in (END, 0)
            if not any(i in (END, 0) for i in ids[:-1]) and (ended or n == LONGEST):
                yield ids


@torch.no_grad()
def test_a_wide_beam_is_an_exhaustive_search(toy):
    model, prefix = toy
    V = len(model.tokenizer)
    ids, log_p = beam(*model.start(prefix), model.step, LONGEST, V ** (LONGEST - 1))
    for row in range(len(prefix)):
        best = max(sentences(V), key=lambda s: value(model, prefix[row], s))
        assert log_p[row].item() == pytest.approx(value(model, prefix[row], best), abs=1e-10)
        assert tuple(ids[row].tolist())[: len(best)] == best


@torch.no_grad()
def test_width_one_is_greedy_and_wider_is_no_less_likely_here(toy):
    model, prefix = toy
    words = greedy(*model.start(prefix), model.step, 6)
    ids, one = beam(*model.start(prefix), model.step, 6, 1)
    for a, b in zip(words.tolist(), ids.tolist(), strict=True):
        end = a.index(END) + 1 if END in a else len(a)
        assert a[:end] == b[:end] and not any(a[end:])
    _, many = beam(*model.start(prefix), model.step, 6, 125)
    assert (many >= one - 1e-12).all()


def test_a_beam_holds_something(toy):
    with pytest.raises(ValueError, match="width 0"):
        beam(*toy[0].start(toy[1]), toy[0].step, 3, 0)
