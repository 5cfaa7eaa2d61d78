"""Show and Tell: the LSTM's equations by hand, the likelihood token by token, and that the image is shown once."""

import pytest
import torch

from vlatlas.methods.show_and_tell import ShowAndTell
from vlatlas.models.tokenizer import END, WordTokenizer

IDS = torch.tensor([[3, 4, 2, 0], [5, 6, 3, 2]])


def captioner(blind=False, every=False):
    torch.manual_seed(0)
    return ShowAndTell(WordTokenizer(list("abcde"), 8), 5, width=6, blind=blind, every=every).double()


def by_hand(model, u, ids):
    """log p of one caption with the gates written out."""
    w_x, w_h, b = model.lstm.weight_ih_l0, model.lstm.weight_hh_l0, model.lstm.bias_ih_l0 + model.lstm.bias_hh_l0
    h = c = torch.zeros(6, dtype=torch.float64)

    def cell(x, h, c):
        i, f, g, o = (w_x @ x + w_h @ h + b).split(6)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    h, c = cell(model.show(u), h, c)
    total, previous = 0.0, END
    for token in ids:
        x = model.words.weight[previous]
        h, c = cell(x + model.show(u) if model.every else x, h, c)
        total = total + model.out(h).log_softmax(dim=0)[token]
        previous = token
        if token == END:
            return total


@pytest.mark.parametrize("every", [False, True])
def test_likelihood_is_the_lstm_by_hand(every):
    model, u = captioner(every=every), torch.randn(2, 5, dtype=torch.float64)
    got = model(u, IDS)["log_p"]
    for row in range(2):
        torch.testing.assert_close(got[row], by_hand(model, u[row], IDS[row].tolist()), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("every", [False, True])
def test_steps_follow_the_likelihood(every):
    model, u = captioner(every=every), torch.randn(2, 5, dtype=torch.float64)
    ids = torch.tensor([[3, 4, 2], [5, 6, 2]])
    logits, state = model.start(u)
    total = torch.zeros(2, dtype=torch.float64)
    for t in range(3):
        total += logits.log_softmax(dim=-1).gather(1, ids[:, t : t + 1])[:, 0]
        logits, state = model.step(ids[:, t], state)
    torch.testing.assert_close(total, model(u, ids)["log_p"], atol=1e-12, rtol=1e-12)


def test_blind_sees_nothing():
    u = torch.randn(2, 5, dtype=torch.float64)
    seeing, blind = captioner(), captioner(blind=True)
    assert torch.equal(blind(u, IDS)["log_p"], blind(-u, IDS)["log_p"])
    assert not torch.allclose(seeing(u, IDS)["log_p"], seeing(-u, IDS)["log_p"])


def test_the_image_is_shown_once_or_with_every_word():
    u, times = torch.randn(2, 5, dtype=torch.float64), {}
    for every in (False, True):
        model, inputs = captioner(every=every), []
        model.lstm.register_forward_pre_hook(lambda _, x, inputs=inputs: inputs.append(x[0]))
        model(u, IDS), model(-u, IDS)
        times[every] = (inputs[0] != inputs[1]).any(dim=2).sum(dim=1).tolist()
    assert times == {False: [1, 1], True: [5, 5]}  # of the image's own place and four words


def test_forget_gates_start_open_and_no_other_gate_does():
    model = captioner()
    assert model.lstm.bias_ih_l0[6:12].tolist() == [1.0] * 6
    assert model.lstm.bias_ih_l0[:6].abs().max() < 0.5 > model.lstm.bias_ih_l0[12:].abs().max()
