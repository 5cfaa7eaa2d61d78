"""Training on features: the optimum it must reach, and determinism."""

import pytest
import torch
from torch import nn

from vlatlas.methods.on_features import fit_on_features
from vlatlas.train import NonFiniteLoss


def data():
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(40, 6, generator=generator)
    y = (u[:, 0] + 0.8 * torch.randn(40, generator=generator) > 0).long()
    return u, y


def linear():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(6, 2, bias=False)


def test_a_linear_classifier_arrives_at_the_convex_optimum():
    from sklearn.linear_model import LogisticRegression

    u, y = data()
    model = linear()
    fit_on_features(model, u, y, epochs=1500, lr=0.05, batch_size=40)
    best = LogisticRegression(C=1e6, fit_intercept=False, tol=1e-8).fit(u.double().numpy(), y.numpy())
    ours = (model.weight[1] - model.weight[0]).detach()  # the softmax of two classes is the logistic of the difference
    torch.testing.assert_close(ours.double(), torch.from_numpy(best.coef_[0]), atol=0.02, rtol=0.02)


def test_each_epoch_visits_every_feature_once_in_an_order_of_its_own():
    class Recorder(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias, self.seen = nn.Parameter(torch.zeros(2)), []

        def forward(self, u):
            self.seen.append(u[:, 0].tolist())
            return self.bias.expand(len(u), 2)

    u = torch.arange(10.0)[:, None]
    model = Recorder()
    fit_on_features(model, u, torch.zeros(10, dtype=torch.long), epochs=2, lr=0.1, batch_size=4)
    assert [len(part) for part in model.seen] == [4, 4, 2, 4, 4, 2]
    epochs = [sum(model.seen[:3], []), sum(model.seen[3:], [])]
    assert all(sorted(order) == list(range(10)) for order in epochs) and epochs[0] != epochs[1]


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    u, y = data()
    weights = []
    for seed in (3, 3, 4):
        model = linear()
        fit_on_features(model, u, y, epochs=3, lr=0.05, seed=seed, batch_size=7)
        weights.append(model.weight.detach().clone())
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_returned_losses_are_those_of_the_batches_before_each_step():
    u, y = data()
    model = linear()
    first = nn.functional.cross_entropy(model(u), y).item()
    losses = fit_on_features(model, u, y, epochs=30, lr=0.05, batch_size=40)
    assert len(losses) == 30 and losses[0] == pytest.approx(first, rel=1e-5) and losses[-1] < losses[0]


def test_a_loss_that_is_not_a_number_stops_the_training():
    u, y = data()
    u[3, 2] = float("nan")
    with pytest.raises(NonFiniteLoss, match="step 1 of 2"):
        fit_on_features(linear(), u, y, epochs=2, lr=0.05, batch_size=40)


@pytest.mark.parametrize("n, m", [(0, 0), (3, 2)])
def test_features_without_labels_are_refused(n, m):
    with pytest.raises(ValueError, match="one label to each"):
        fit_on_features(linear(), torch.zeros(n, 6), torch.zeros(m, dtype=torch.long), 1, 0.1)
