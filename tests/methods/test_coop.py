"""CoOp: written-out contexts give the text tower's own features; gradients reach the vectors alone."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from vlatlas.evals import encode_texts
from vlatlas.methods.coop import Context, coop, nearest_words, random_vectors, words_as_vectors
from vlatlas.models import CLIP, ClipConfig, load

NAMES = ("red striped star", "blue cross", "a large green dotted ring")  # of different lengths


@pytest.fixture(scope="module")
def clip():
    return load("scenes-clip").requires_grad_(False)


@pytest.fixture(scope="module")
def small():
    """A float64 text tower, small enough for finite differences."""
    words = ("this", "is", "a", "red", "blue", "star", "ring", ".")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = dict(width=16, depth=1, heads=2, text_width=8, text_depth=2, text_heads=2, context=10, embed_dim=6)
        return CLIP(ClipConfig(words=words, image_size=8, **sizes)).double().eval().requires_grad_(False)


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


def test_the_shared_context_is_passed_once_with_the_values_and_gradients_of_passing_it_for_every_class(small):
    names = ("red star", "blue ring", "a red ring")
    once = Context(small, names, 5.0, random_vectors(small, (4,), 2).double())
    each = Context(small, names, 5.0, once.vectors.detach().expand(3, -1, -1))  # the same vectors, written out per class
    torch.testing.assert_close(once.class_embeddings(), each.class_embeddings())
    weight = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for model in (once, each):
        (model.class_embeddings() * weight).sum().backward()
    torch.testing.assert_close(once.vectors.grad, each.vectors.grad.sum(dim=0))


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_gradients_are_those_of_finite_differences(small, shape):
    model = Context(small, ("red star", "blue ring"), 5.0, random_vectors(small, shape, 1).double()).train()
    u = F.normalize(torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1)

    def loss(vectors):
        logits = torch.func.functional_call(model, {"vectors": vectors}, (u,))
        return F.cross_entropy(logits, torch.tensor([0, 1, 1]))

    assert torch.autograd.gradcheck(loss, (model.vectors.detach().clone().requires_grad_(True),))


def test_the_gradient_is_the_papers_formula(small):
    model = Context(small, ("red star", "blue ring"), 5.0, random_vectors(small, (3,), 1).double()).train()
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


def test_training_moves_the_vectors_alone_and_lowers_the_loss(clip):
    before = {k: v.clone() for k, v in clip.state_dict().items()}
    u = encode_texts(clip, [f"there is a {name}." for name in NAMES]).roll(1, dims=0)  # a name goes with another's feature
    task, y = SimpleNamespace(names=NAMES, scale=5.0), torch.arange(3)
    start, end = (coop(clip, 4, epochs=e)(task, u, y, seed=0, lr=0.03) for e in (0, 25))
    assert F.cross_entropy(end(u), y) < 0.9 * F.cross_entropy(start(u), y)
    assert all(torch.equal(v, before[k]) for k, v in clip.state_dict().items())
    assert [name for name, _ in end.named_parameters()] == ["vectors"]
    assert coop(clip, 4, specific=True, epochs=0)(task, u, y).vectors.shape == (3, 4, clip.text.position.shape[2])


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
