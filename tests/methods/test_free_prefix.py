"""Free prefixes: the cost against a loop over tokens, rows that do not meet, a model that stays as it was, and the gain."""

import copy

import pytest
import torch

from vlatlas.methods.free_prefix import free_prefixes
from vlatlas.models.language import LanguageModel

IDS = torch.tensor([[3, 4, 5, 2, 0], [6, 2, 0, 0, 0], [3, 3, 7, 4, 2]])


@pytest.fixture
def model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return LanguageModel(list("abcdefg"), context=16, width=16, depth=2, heads=2).double()


def cost(model, prefix, row):
    """Nats of one sentence, one token at a time."""
    x, total = prefix[None], 0.0
    for token in row.tolist():
        scores = model.read(x)[0, -1]
        total += (scores.exp().sum().log() - scores[token]).item()
        x = torch.cat([x, model.embed_tokens(torch.tensor([[token]]))], dim=1)
        if token == 2:
            return total
    raise AssertionError("no END")


@pytest.mark.parametrize("k", [1, 3])
def test_the_cost_is_the_loop_over_tokens_of_the_prefix_that_is_returned(model, k):
    prefix, nats = free_prefixes(model, IDS, k, steps=5)
    assert prefix.shape == (3, k, 16)
    for row in range(3):
        assert nats[row].item() == pytest.approx(cost(model, prefix[row], IDS[row]), abs=1e-10)


def test_descent_pays_and_a_longer_prefix_pays_more(model):
    begun = free_prefixes(model, IDS, 2, steps=1, lr=1e-9)[1]
    short, long = (free_prefixes(model, IDS, k, steps=60)[1] for k in (2, 8))
    assert (short < 0.8 * begun).all()
    assert long.mean() < short.mean()


def test_the_model_stays_as_it_was_and_has_no_gradients(model):
    before = copy.deepcopy(model.state_dict())
    free_prefixes(model, IDS, 2, steps=3)
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_each_sentence_has_a_prefix_of_its_own(model):
    together = free_prefixes(model, IDS, 2, steps=20)[0]
    changed = IDS.clone()
    changed[2] = torch.tensor([9, 8, 2, 0, 0])
    other = free_prefixes(model, changed, 2, steps=20)[0]
    torch.testing.assert_close(other[:2], together[:2], atol=1e-9, rtol=1e-9)
    assert not torch.allclose(other[2], together[2])


def test_the_same_seed_gives_the_same_prefixes(model):
    one, two = (free_prefixes(model, IDS, 2, steps=3, seed=4)[0] for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.allclose(one, free_prefixes(model, IDS, 2, steps=3, seed=5)[0])


@pytest.mark.parametrize(("k", "steps"), [(0, 3), (2, 0)])
def test_nothing_to_find_is_an_error(model, k, steps):
    with pytest.raises(ValueError, match="at least one of each"):
        free_prefixes(model, IDS, k, steps=steps)
