"""Soft targets and ALBEF's terms against loops in plain Python."""

import math

import pytest
import torch

from vlatlas.losses.soft_targets import AlbefLoss, distilled, smoothed, soft_cross_entropy

N, M = 3, 5


@pytest.fixture
def rows():
    """logits, one-hot targets at another place in each row, and a momentum model's distribution."""
    generator = torch.Generator().manual_seed(0)
    logits, q = (torch.randn(N, M, generator=generator, dtype=torch.float64) for _ in range(2))
    y = torch.nn.functional.one_hot(torch.tensor([4, 0, 2]), M).double()
    return logits.requires_grad_(), y, (3 * q).softmax(dim=1)


def log_softmax(row):
    total = math.log(sum(math.exp(x) for x in row))
    return [x - total for x in row]


def test_soft_cross_entropy_is_the_loop(rows):
    logits, _, q = rows
    expected = 0.0
    for x, t in zip(logits.tolist(), q.tolist(), strict=True):
        expected -= sum(a * b for a, b in zip(t, log_softmax(x), strict=True)) / N
    assert soft_cross_entropy(logits, q).item() == pytest.approx(expected)
    assert torch.autograd.gradcheck(lambda x: soft_cross_entropy(x, q), (logits,))
    assert soft_cross_entropy(logits[:0], q[:0]).item() == 0  # a batch without a masked word


def test_distillation_is_the_equation_of_the_paper_up_to_the_entropy_of_q(rows):
    """(1 - alpha) H(y, p) + alpha KL(q || p), whose gradient is that of the mixed target."""
    logits, y, q = rows
    alpha = 0.4
    loss = soft_cross_entropy(logits, distilled(y, q, alpha))
    expected, entropy = 0.0, 0.0
    for x, label, t in zip(logits.tolist(), y.argmax(dim=1).tolist(), q.tolist(), strict=True):
        p = log_softmax(x)
        expected += (1 - alpha) * -p[label] / N
        expected += alpha * sum(a * (math.log(a) - b) for a, b in zip(t, p, strict=True)) / N
        entropy -= alpha * sum(a * math.log(a) for a in t) / N
    assert loss.item() == pytest.approx(expected + entropy)


def test_no_gradient_reaches_the_momentum_model(rows):
    _, y, q = rows
    q = q.requires_grad_()
    assert not distilled(y, q, 0.4).requires_grad and not smoothed(y, q, 0.4).requires_grad


def test_targets_are_distributions_and_alpha_is_a_share(rows):
    _, y, q = rows
    for soften in (distilled, smoothed):
        torch.testing.assert_close(soften(y, q, 0.4).sum(dim=1), torch.ones(N, dtype=torch.float64))
        torch.testing.assert_close(soften(y, q, 0.0), y)
    with pytest.raises(ValueError, match="alpha 1.2"):
        distilled(y, q, 1.2)


def test_smoothing_takes_as_much_from_the_labels_and_is_blind(rows):
    _, y, q = rows
    soft, blind = distilled(y, q, 0.4), smoothed(y, q, 0.4)
    torch.testing.assert_close((blind * y).sum(), (soft * y).sum())  # the same strength, over all rows
    others = blind[y == 0].view(N, M - 1)
    assert others.std() < 1e-12  # every row and every entry alike
    assert (soft[y == 0].view(N, M - 1).std(dim=1) > 1e-3).all()  # where distillation has preferences
    assert smoothed(y[:0], q[:0], 0.4).shape == (0, M)


def test_the_loss_is_the_sum_of_its_terms():
    generator = torch.Generator().manual_seed(1)
    B, V = 2, 4
    match = torch.randn(3 * B, 2, generator=generator, dtype=torch.float64)
    words, image, text = (torch.randn(n, k, generator=generator, dtype=torch.float64) for n, k in ((3, V), (B, 6), (B, 6)))
    word_t, image_t, text_t = (
        torch.rand(x.shape, generator=generator, dtype=torch.float64).softmax(1) for x in (words, image, text)
    )
    itm = -sum(log_softmax(row)[1 if i < B else 0] for i, row in enumerate(match.tolist())) / (3 * B)

    def cross(logits, target):
        pairs = zip(logits.tolist(), target.tolist(), strict=True)
        return -sum(a * b for x, t in pairs for a, b in zip(t, log_softmax(x), strict=True)) / len(logits)

    expected = {"itm": itm, "mlm": cross(words, word_t), "itc": (cross(image, image_t) + cross(text, text_t)) / 2}
    given = AlbefLoss()(match, words, word_t, image, text, image_t, text_t, output_dict=True)
    assert {k: v.item() for k, v in given.items()} == pytest.approx(expected)
    assert AlbefLoss()(match, words, word_t, image, text, image_t, text_t).item() == pytest.approx(sum(expected.values()))
    assert AlbefLoss()(match, words, word_t).item() == pytest.approx(expected["itm"] + expected["mlm"])  # fusion alone
