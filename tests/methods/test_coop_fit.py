"""CoOp's training: alone as torch's AdamW would do it, together as alone, and the vectors move, nothing else."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from vlatlas.evals import encode_texts
from vlatlas.methods.coop import Context, random_vectors
from vlatlas.methods.coop_fit import Coop
from vlatlas.models import load
from vlatlas.protocols.few_shot import GRIDS, FewShot
from vlatlas.protocols.few_shot_memo import Remembered
from vlatlas.train import NonFiniteLoss, TrainConfig, learning_rate

TASK = SimpleNamespace(names=("red star", "blue ring", "a red ring"), scale=5.0)


def images(n, seed):
    u = torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(u, dim=1), torch.arange(n) % 3


@pytest.mark.parametrize("specific", [False, True])
def test_a_fit_is_what_adam_makes_of_the_context(small, specific):
    u, y = images(7, 0)
    fitted = Coop(small, 2, specific, steps=9)(TASK, u, y, seed=3, lr=0.2)
    model = Context(small, TASK.names, TASK.scale, random_vectors(small, (3, 2) if specific else (2,), 3)).train()
    plan = TrainConfig(9, lr=0.2)
    optimizer = torch.optim.AdamW([model.vectors], betas=(0.9, 0.98), eps=1e-8 / 0.2, weight_decay=0.0)  # gradients times 0.2
    for step in range(9):
        optimizer.param_groups[0]["lr"] = learning_rate(step, plan)
        optimizer.zero_grad()
        F.cross_entropy(model(u), y).backward()
        optimizer.step()
    torch.testing.assert_close(fitted.vectors, model.vectors, rtol=0, atol=1e-6)
    assert not torch.allclose(fitted.vectors, random_vectors(small, fitted.vectors.shape[:-1], 3), atol=0.05)


@pytest.mark.parametrize("specific", [False, True])
def test_together_is_as_alone_whatever_the_images_rates_and_starts_of_the_others(small, specific):
    fit = Coop(small, 2, specific, steps=6)
    jobs = [(TASK, *images(n, n), seed, {"lr": lr}) for n, seed, lr in ((3, 0, 0.1), (8, 0, 0.1), (5, 1, 1.0), (8, 0, 0.3))]
    for (task, u, y, seed, settings), fitted in zip(jobs, fit.together(jobs), strict=True):
        torch.testing.assert_close(fitted.vectors, fit(task, u, y, seed=seed, **settings).vectors, rtol=0, atol=1e-6)
        assert not fitted.training and not any(p.requires_grad for p in fitted.parameters())


def test_training_moves_the_vectors_alone_and_lowers_the_loss():
    clip = load("scenes-clip").requires_grad_(False)
    names = ("red striped star", "blue cross", "a large green dotted ring")
    before = {k: v.clone() for k, v in clip.state_dict().items()}
    u = encode_texts(clip, [f"there is a {name}." for name in names]).roll(1, dims=0)  # a name goes with another's feature
    task, y = SimpleNamespace(names=names, scale=5.0), torch.arange(3)
    start, end = (Coop(clip, 4, steps=n)(task, u, y, seed=0, lr=0.03) for n in (0, 25))
    assert torch.equal(start.vectors, random_vectors(clip, (4,), 0))
    assert F.cross_entropy(end(u), y) < 0.9 * F.cross_entropy(start(u), y)
    assert all(torch.equal(v, before[k]) for k, v in clip.state_dict().items())
    assert [name for name, _ in end.named_parameters()] == ["vectors"]
    assert Coop(clip, 4, specific=True, steps=0)(task, u, y).vectors.shape == (3, 4, clip.text.position.shape[2])


def test_jobs_of_other_classes_and_a_loss_that_is_lost_are_refused(small):
    other = SimpleNamespace(names=("red star", "blue ring", "ring"), scale=5.0)
    for jobs in ([], [(TASK, *images(3, 0), 0, {"lr": 0.1}), (other, *images(3, 0), 0, {"lr": 0.1})]):
        with pytest.raises(ValueError, match=f"{len(jobs)} jobs"):
            Coop(small, 2).together(jobs)
    u, y = images(3, 0)
    with pytest.raises(NonFiniteLoss, match="step 1 of 2: lower lr"):
        Coop(small, 2, steps=2)(TASK, u * torch.nan, y)


def test_prepared_ahead_the_protocol_measures_the_same():
    protocol = FewShot(test=64, shots=(1, 2), validation=2)
    fit = Coop(protocol.clip, 2, steps=3)
    memory = Remembered(fit)
    memory.ahead(protocol, GRIDS["CoOp"], seeds=[10, 11], shots=protocol.shots)
    ready = len(memory.made)
    assert ready == 2 * (2 * 3 + 1)  # two seeds: two numbers of shots, three rates each, and the smaller one on all classes
    ours, alone = (protocol.measure(f, GRIDS["CoOp"], 11) for f in (memory, fit))
    assert {k: pytest.approx(v) for k, v in ours.items() if k != "seconds"} == {k: v for k, v in alone.items() if k != "seconds"}
    assert len(memory.made) == ready + 1  # the largest fit was made when it was timed
    assert ours["seconds"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1, 16])
def test_as_a_rival_it_is_hardly_worse_than_with_a_finer_search_and_twice_the_steps(shots):
    """On a seed of no record, and with hindsight on the test images."""
    protocol = FewShot(test=512)
    every, (u, y) = protocol.task("all", 10), protocol.support(10, shots)
    ours = Remembered(Coop(protocol.clip, 16))
    ours.ahead(protocol, GRIDS["CoOp"], [10], [shots])
    reached = protocol.accuracy(protocol.run(ours, GRIDS["CoOp"], 10, shots)[0], every)
    jobs = [(every, u, y, 10, {"lr": lr}) for lr in (0.03, 0.06, 0.1, 0.2, 0.3, 0.6, 1.0, 2.0)]
    assert reached >= max(protocol.accuracy(f, every) for f in Coop(protocol.clip, 16, steps=600).together(jobs)) - 0.03
