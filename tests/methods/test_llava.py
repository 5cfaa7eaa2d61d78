"""LLaVA: the loss against a loop over answers alone, gradients, what each stage moves, and that the image comes in by W."""

import copy
import math

import pytest
import torch

from vlatlas.methods.decoding import greedy
from vlatlas.methods.llava import Llava, answer_loss, collate, encode, with_words
from vlatlas.models.language import LanguageModel
from vlatlas.models.tokenizer import END, PAD

D, P = 6, 4
TURNS = [(("what is a ?", "a b c"), ("b ?", "d")), (("c d ?", "a"),)]


def language_model():
    torch.manual_seed(1)
    return LanguageModel([*"abcd?", "what", "is"], context=24, width=16, depth=2, heads=2).double()


def student():
    torch.manual_seed(2)
    return Llava(D, language_model()).double()


def images(n=2):
    return torch.randn(n, P, D, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def batch(model):
    return collate([encode(turns, model.model) for turns in TURNS])


def by_hand(model, z, turns):
    """-log p of each answer's tokens, one prefix at a time."""
    x, out, words = model.projector(z)[None], [], model.model.tokenizer
    for question, answer in turns:
        for token in words.encode(question):
            x = torch.cat([x, model.model.embed_tokens(torch.tensor([[token]]))], dim=1)
        for token in words.encode(answer):
            scores = model.model.read(x)[0, -1]
            out.append((scores.exp().sum().log() - scores[token]).item())
            x = torch.cat([x, model.model.embed_tokens(torch.tensor([[token]]))], dim=1)
    return out


def test_loss_is_the_loop_over_the_tokens_of_answers():
    model, z = student(), images()
    got = answer_loss(**model(z, *batch(model))).item()
    terms = [t for row, turns in zip(z, TURNS, strict=True) for t in by_hand(model, row, turns)]
    assert len(terms) == 4 + 2 + 2  # a b c END, d END; a END
    assert got == pytest.approx(sum(terms) / len(terms), abs=1e-12)


def test_only_answers_and_the_end_after_them_are_marked():
    model = language_model()
    ids, answers = encode(TURNS[0], model)
    asked = [i for i, a in zip(ids, answers, strict=True) if not a]
    told = [i for i, a in zip(ids, answers, strict=True) if a]
    assert asked == [*model.tokenizer.encode("what is a ?"), *model.tokenizer.encode("b ?")]
    assert told == [*model.tokenizer.encode("a b c"), *model.tokenizer.encode("d")] and told.count(END) == 2
    padded, marked = collate([encode(turns, model) for turns in TURNS])
    assert padded.shape == marked.shape == (2, len(ids)) and not marked[padded == PAD].any()


def test_what_is_no_answer_has_no_part_in_the_loss_as_a_target():
    logits = torch.randn(2, 5, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(4), requires_grad=True)
    ids = torch.randint(9, (2, 5), generator=torch.Generator().manual_seed(5))
    answers = torch.tensor([[0, 1, 0, 0, 1], [0, 0, 0, 1, 0]], dtype=torch.bool)
    loss = answer_loss(logits, ids, answers)
    other = torch.where(answers, ids, (ids + 1) % 9)
    assert torch.equal(loss, answer_loss(logits, other, answers))
    terms = []
    for b, t in answers.nonzero().tolist():
        row = [math.exp(v) for v in logits[b, t].tolist()]
        terms.append(-math.log(row[ids[b, t]] / sum(row)))
    assert loss.item() == pytest.approx(sum(terms) / 3, abs=1e-12)
    (grad,) = torch.autograd.grad(loss, logits)
    assert (grad[~answers] == 0).all() and (grad[answers] != 0).all()
    with pytest.raises(ValueError, match="mark at least one"):
        answer_loss(logits, ids, torch.zeros_like(answers))


def test_questions_are_read_though_they_are_not_learnt():
    model, z = student(), images(1)
    ids, answers = collate([encode((("a ?", "b"),), model.model)])
    changed = ids.clone()
    changed[0, 0] += 1
    assert not torch.isclose(answer_loss(**model(z, ids, answers)), answer_loss(**model(z, changed, answers)))


def test_gradients_of_projector_and_image():
    model, z = student(), images()
    ids, answers = batch(model)

    def loss(z, weight, bias):
        held = {"projector.weight": weight, "projector.bias": bias}
        return answer_loss(**torch.func.functional_call(model, held, (z, ids, answers)))

    inputs = (z.requires_grad_(True), *(p.detach().clone().requires_grad_(True) for p in model.projector.parameters()))
    assert torch.autograd.gradcheck(loss, inputs)


def test_the_gradient_of_W_is_the_outer_product_sum():
    """dL/dW = sum over images and places of dL/dh z^T."""
    model, z = student(), images()
    ids, answers = batch(model)
    h = model.projector(z).detach().requires_grad_(True)
    x = torch.cat([h, model.model.embed_tokens(ids[:, :-1])], dim=1)
    answer_loss(model.model.read(x)[:, P - 1 :], ids, answers).backward()
    answer_loss(**model(z, ids, answers)).backward()
    expected = sum(torch.outer(h.grad[b, p], z[b, p]) for b in range(2) for p in range(P))
    torch.testing.assert_close(model.projector.weight.grad, expected, atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(model.projector.bias.grad, h.grad.sum(dim=(0, 1)), atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("number", [1, 2])
def test_a_stage_moves_what_it_names_and_no_other_bit(number):
    model = student().stage(number)
    before = copy.deepcopy(model.state_dict())
    step = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01, weight_decay=0.1)
    for _ in range(3):
        step.zero_grad()
        answer_loss(**model(images(), *batch(model))).backward()
        step.step()
    same = {k: torch.equal(v, before[k]) for k, v in model.state_dict().items()}
    assert not same["projector.weight"] and not same["projector.bias"]
    language = {k: v for k, v in same.items() if k.startswith("model.")}
    assert (
        all(language.values()) if number == 1 else not any(v for k, v in language.items() if "norm" not in k and "bias" not in k)
    )
    with pytest.raises(ValueError, match="stage 3"):
        model.stage(3)


def test_stages_can_be_gone_through_in_turn():
    model = student()
    learns = [sum(p.numel() for p in model.stage(n).parameters() if p.requires_grad) for n in (1, 2, 1)]
    assert learns[0] == learns[2] == 16 * D + 16
    assert learns[1] == sum(p.numel() for p in model.parameters())


def test_an_image_made_of_word_embeddings_reads_as_those_words():
    lm = language_model()
    model = Llava(lm.width, lm).double()
    with torch.no_grad():
        model.projector.weight.copy_(torch.eye(lm.width))
        model.projector.bias.zero_()
    words = torch.tensor([[3, 5, 6, 4]])
    ids, answers = torch.tensor([[7, 3, 2]]), torch.ones(1, 3, dtype=torch.bool)
    logits = model(lm.embed_tokens(words), ids, answers)["logits"]
    torch.testing.assert_close(logits, lm(torch.cat([words, ids], dim=1))[:, 3:-1])


def test_answers_are_written_token_by_token_as_the_whole_is_read():
    model, z = student(), images()
    ids = torch.tensor([[3, 4, 7], [5, 3, 7]])
    logits, state = model.start(z, ids)
    written = greedy(logits, state, model.step, 5)
    x = torch.cat([model.projector(z), model.model.embed_tokens(ids)], dim=1)
    for t in range(written.shape[1]):
        best = model.model.read(x)[:, -1].argmax(dim=-1)
        going = (written[:, :t] != END).all(dim=1)
        assert torch.equal(best[going], written[going, t])
        x = torch.cat([x, model.model.embed_tokens(written[:, t : t + 1])], dim=1)


def test_new_words_begin_as_the_mean_and_change_no_old_score():
    model = language_model()
    wider = with_words(model, ["where", "then"])
    assert len(wider.tokenizer) == len(model.tokenizer) + 2 and wider.tokenizer.ids["then"] == len(model.tokenizer) + 1
    mean = sum(model.embed_tokens.weight) / len(model.tokenizer)
    torch.testing.assert_close(wider.embed_tokens.weight[-2:], torch.stack([mean, mean]))
    ids = torch.tensor([[3, 6, 4, 8]])
    torch.testing.assert_close(wider(ids)[..., :-2], model(ids), atol=1e-12, rtol=1e-12)
    assert wider.embed_tokens.weight.dtype == torch.float64
    with pytest.raises(ValueError, match="words given twice: a"):
        with_words(model, ["a"])


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="add it by `with_words`"):
        encode((("where ?", "a"),), language_model())


def test_the_projector_starts_with_columns_as_large_as_embeddings():
    model = Llava(64, LanguageModel([*"abcd"], context=24, width=64, depth=2, heads=2))
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(0.3)
    model = Llava(64, model.model)
    z = torch.randn(400, P, 64, generator=torch.Generator().manual_seed(4))
    got, like = model.projector(z).std().item(), model.model.embed_tokens.weight.std().item()
    assert got == pytest.approx(like, rel=0.1) and not model.projector.bias.any()
