"""The small language model: causal, the same in steps as at once, its likelihood a product over tokens."""

import pytest
import torch

from vlatlas.models.language import LanguageModel, load_language_model, log_likelihood, save_language_model


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LanguageModel(list("abcdefg"), context=12, width=16, depth=2, heads=2).double().eval()


def test_nothing_looks_ahead(model):
    ids = torch.randint(3, 10, (2, 9), generator=torch.Generator().manual_seed(1))
    changed = ids.clone()
    changed[:, 5] = 3 + (ids[:, 5] - 2) % 7
    a, b = model(ids), model(changed)
    assert torch.equal(a[:, :5], b[:, :5]) and not torch.allclose(a[:, 5:], b[:, 5:])


def test_steps_give_what_reading_at_once_gives(model):
    ids = torch.randint(3, 10, (3, 8), generator=torch.Generator().manual_seed(2))
    prefix = torch.randn(3, 4, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    whole = model.read(torch.cat([prefix, model.embed_tokens(ids)], dim=1))
    logits, state = model.start(prefix)
    torch.testing.assert_close(logits, whole[:, 3], atol=1e-12, rtol=1e-12)
    for t in range(8):
        logits, state = model.step(ids[:, t], state)
        torch.testing.assert_close(logits, whole[:, 4 + t], atol=1e-12, rtol=1e-12)
    with pytest.raises(ValueError, match="13 positions, room for 12"):
        model.step(ids[:, 0], state)


def test_likelihood_is_the_loop_over_tokens_and_stops_at_the_end():
    g = torch.Generator().manual_seed(4)
    logits = torch.randn(3, 5, 7, dtype=torch.float64, generator=g)
    ids = torch.tensor([[3, 4, 2, 0, 0], [5, 2, 0, 0, 0], [6, 5, 4, 3, 2]])
    for row, text in enumerate(ids.tolist()):
        total = 0.0
        for j, token in enumerate(text):
            p = logits[row, j].exp() / logits[row, j].exp().sum()
            total += p[token].log().item()
            if token == 2:
                break
        assert log_likelihood(logits, ids)[row].item() == pytest.approx(total, abs=1e-12)


def test_a_file_gives_back_the_model_and_refuses_another_kind(tmp_path, model):
    model = model.float()
    save_language_model(tmp_path / "m.safetensors", model, {"seed": 1})
    back, card = load_language_model(tmp_path / "m.safetensors")
    assert card == {"seed": 1} and back.tokenizer.words == list("abcdefg")
    ids = torch.tensor([[3, 4, 5]])
    torch.testing.assert_close(back(ids), model(ids), atol=2e-2, rtol=2e-2)  # half precision
    from vlatlas.models.zoo import CHECKPOINTS

    with pytest.raises(ValueError, match="not a language model"):
        load_language_model(CHECKPOINTS / "scenes-clip.safetensors")
