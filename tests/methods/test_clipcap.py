"""ClipCap: the likelihood against a loop over tokens, what is trained, and that the image comes in by the prefix alone."""

import copy

import pytest
import torch

from vlatlas.methods.clipcap import ClipCap, LinearMapper, MLPMapper, TransformerMapper, trained_parameters
from vlatlas.models.language import LanguageModel

D, K, W = 6, 3, 16
IDS = torch.tensor([[3, 4, 5, 2, 0], [6, 2, 0, 0, 0], [3, 3, 7, 4, 2]])
MAPPERS = [MLPMapper, LinearMapper, TransformerMapper]


def language_model():
    torch.manual_seed(1)
    return LanguageModel(list("abcdefg"), context=16, width=W, depth=2, heads=2).double()


def captioner(mapper, frozen=True):
    torch.manual_seed(2)
    return ClipCap(mapper(D, K, W).double(), language_model(), frozen)


def images():
    return torch.randn(3, D, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("mapper", MAPPERS)
def test_likelihood_is_the_loop_over_tokens(mapper):
    model, u = captioner(mapper), images()
    got = model(u, IDS)["log_p"]
    for row in range(3):
        x, total = model.mapper(u[row : row + 1]), 0.0
        assert x.shape == (1, K, W)
        for token in IDS[row].tolist():
            scores = model.model.read(x)[0, -1]
            total += (scores[token] - scores.exp().sum().log()).item()
            x = torch.cat([x, model.model.embed_tokens(torch.tensor([[token]]))], dim=1)
            if token == 2:
                break
        assert got[row].item() == pytest.approx(total, abs=1e-10)


@pytest.mark.parametrize("mapper", MAPPERS)
def test_gradients_reach_the_image_through_the_prefix(mapper):
    model = captioner(mapper)
    u = images()[:1].requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: model(x, IDS[:1])["log_p"], (u,))


def test_frozen_means_that_only_the_mapper_moves():
    model, before = captioner(TransformerMapper), copy.deepcopy(language_model().state_dict())
    assert trained_parameters(model) == sum(p.numel() for p in model.mapper.parameters())
    step = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    start = copy.deepcopy(model.mapper.state_dict())
    (-model(images(), IDS)["log_p"].mean()).backward()
    step.step()
    assert all(torch.equal(v, before[k]) for k, v in model.model.state_dict().items())
    assert all(not torch.equal(v, start[k]) for k, v in model.mapper.state_dict().items() if "qkv.bias" not in k)
    tuned = captioner(MLPMapper, frozen=False)
    assert trained_parameters(tuned) == sum(p.numel() for p in tuned.parameters())


def test_the_public_code_sizes_of_the_mlp():
    mapper = MLPMapper(64, 8, 64)
    assert sum(p.numel() for p in mapper.parameters()) == 64 * 256 + 256 + 256 * 512 + 512
    assert sum(p.numel() for p in LinearMapper(64, 8, 64).parameters()) == 64 * 512 + 512


def test_constants_are_seen_only_where_the_prefix_is_read():
    mapper = captioner(TransformerMapper).mapper
    u = images()
    out = mapper(u)
    with torch.no_grad():
        mapper.constants[0] += 1
    assert not torch.allclose(out, mapper(u)) and out.shape == (3, K, W)
    one = captioner(TransformerMapper).mapper(u[1:2])
    torch.testing.assert_close(one, out[1:2], atol=1e-12, rtol=1e-12)  # images of a batch do not meet


def test_a_prefix_of_word_embeddings_reads_as_those_words():
    model = captioner(LinearMapper)
    with torch.no_grad():
        model.mapper.net.weight.zero_()
        model.mapper.net.bias.copy_(2 * model.model.embed_tokens.weight[[5, 3, 9]].flatten())
    assert model.nearest_words(images()[:1]) == [["c", "a", "g"]]


def test_steps_follow_the_likelihood():
    model, u = captioner(MLPMapper), images()
    logits, state = model.start(u)
    total = torch.zeros(3, dtype=torch.float64)
    ids = torch.tensor([[3, 4, 2], [5, 5, 2], [7, 6, 2]])
    for t in range(3):
        total += logits.log_softmax(dim=-1).gather(1, ids[:, t : t + 1])[:, 0]
        logits, state = model.step(ids[:, t], state)
    torch.testing.assert_close(total, model(u, ids)["log_p"], atol=1e-10, rtol=1e-10)
