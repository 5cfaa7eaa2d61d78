"""CoOp: written-out contexts give the text tower's own features; gradients reach the vectors alone."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.evals import encode_texts
from vlatlas.methods.coop import Context, nearest_words, random_vectors, words_as_vectors
from vlatlas.models import load

NAMES = ("red striped star", "blue cross", "a large green dotted ring")  # of different lengths


@pytest.fixture(scope="module")
def clip():
    return load("scenes-clip").requires_grad_(False)


def test_vectors_of_words_give_the_features_of_the_sentence(clip):
    context = Context(clip, NAMES, 30.0, words_as_vectors(clip, "this picture shows a"))
    expected = encode_texts(clip, [f"this picture shows a {name}." for name in NAMES])
    torch.testing.assert_close(context.class_embeddings(), expected, atol=1e-5, rtol=0)
    u = F.normalize(torch.randn(4, expected.shape[1], generator=torch.Generator().manual_seed(0)), dim=1)
    torch.testing.assert_close(context.eval()(u), 30.0 * u @ expected.T, atol=1e-3, rtol=0)
    assert nearest_words(clip, context.vectors) == ["this", "picture", "shows", "a"]


def test_class_specific_vectors_are_read_by_their_class_alone(clip):
    vectors = random_vectors(clip, (3, 4), seed=0)
    own = Context(clip, NAMES, 30.0, vectors).class_embeddings()
    for c in range(3):
        torch.testing.assert_close(Context(clip, NAMES, 30.0, vectors[c]).class_embeddings()[c], own[c])
    vectors[0] += random_vectors(clip, (4,), seed=1)
    moved = Context(clip, NAMES, 30.0, vectors).class_embeddings()
    assert not torch.allclose(moved[0], own[0]) and torch.equal(moved[1:], own[1:])


def whole(text, vectors, words, length):
    """A sentence through the tower as it stands, every position in every block: the context, then `length` words."""
    x = torch.cat([vectors, words[:length]])[None]
    x = x + text.position[:, : x.shape[1]]
    for block in text.blocks:
        x = block(x)
    return F.normalize(text.project(text.norm(x[0, -1])), dim=-1)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_values_and_gradients_are_those_of_whole_sentences_passed_one_by_one(small, shape):
    context = Context(small, ("red star", "blue ring", "a red ring"), 5.0, random_vectors(small, shape, 2))
    vectors = context.vectors.detach().clone().requires_grad_(True)
    own = vectors if len(shape) == 2 else vectors.expand(3, -1, -1)
    lengths = [4, 4, 5]  # words, full stop, end
    expected = torch.stack([whole(small.text, own[c], context.words[c], lengths[c]) for c in range(3)])
    torch.testing.assert_close(context.class_embeddings(), expected)
    weight = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for embeddings in (expected, context.class_embeddings()):
        (embeddings * weight).sum().backward()
    torch.testing.assert_close(context.vectors.grad, vectors.grad)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_gradients_are_those_of_finite_differences(small, shape):
    model = Context(small, ("red star", "blue ring"), 5.0, random_vectors(small, shape, 1)).train()
    u = F.normalize(torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1)

    def loss(vectors):
        logits = torch.func.functional_call(model, {"vectors": vectors}, (u,))
        return F.cross_entropy(logits, torch.tensor([0, 1, 1]))

    assert torch.autograd.gradcheck(loss, (model.vectors.detach().clone().requires_grad_(True),))


def test_the_gradient_is_the_papers_formula(small):
    model = Context(small, ("red star", "blue ring"), 5.0, random_vectors(small, (3,), 1)).train()
    u = F.normalize(torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1)
    y = torch.tensor([0, 1, 1, 0])
    F.cross_entropy(model(u), y).backward()
    w = model.class_embeddings()
    p = (5.0 * u @ w.T).softmax(dim=1).detach()
    by_hand = torch.zeros_like(model.vectors)
    for i in range(4):
        for c in range(2):  # (s / N) (p_ic - [c = y_i]) (dw_c / dV)^T u_i
            (jacobian,) = torch.autograd.grad(w[c] @ u[i], model.vectors, retain_graph=True)
            by_hand += 5.0 / 4 * (p[i, c] - float(c == int(y[i]))) * jacobian
    torch.testing.assert_close(model.vectors.grad, by_hand)


def test_a_unified_context_carries_over_and_a_specific_one_does_not(clip):
    model = Context(clip, NAMES, 30.0, words_as_vectors(clip, "this is a"))
    moved = model.transferred(clip, ("pink heart",))
    torch.testing.assert_close(moved.class_embeddings(), encode_texts(clip, ["this is a pink heart."]), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="class-specific"):
        Context(clip, NAMES, 30.0, random_vectors(clip, (3, 2), 0)).transferred(clip, ("pink heart",))


def test_what_does_not_fit_is_refused(clip):
    with pytest.raises(ValueError, match="'teal star' has a word"):
        Context(clip, ("teal star",), 30.0, random_vectors(clip, (4,), 0))
    with pytest.raises(ValueError, match="room for 24"):
        Context(clip, NAMES, 30.0, random_vectors(clip, (20,), 0))
    with pytest.raises(ValueError, match="for 3 classes"):
        Context(clip, NAMES, 30.0, random_vectors(clip, (2, 4), 0))
