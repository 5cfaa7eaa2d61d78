"""Noise at the stated rate, skew of the stated kind, strangers that are strange."""

from collections import Counter

import pytest
import torch

from vlatlas.data.scenes import World, parse
from vlatlas.data.scenes.shifts import (
    LOOKALIKES,
    drift,
    federated,
    label_noise,
    out_of_distribution,
    pair_noise,
    zipf,
)

N = 8000


@pytest.fixture(scope="module")
def batch():
    return World().batch(0, range(N))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("kind", ["symmetric", "lookalike", "instance"])
def test_label_noise_has_its_rate_and_kind(batch, rate, kind):
    clean, classes = batch.labels["shape"][:, 0], World().classes("shape")
    doubt = torch.arange(N).float() if kind == "instance" else None
    noisy, wrong = label_noise(clean, classes, rate, batch.draw, kind, doubt)
    assert torch.equal(noisy != clean, wrong)
    assert abs(wrong.float().mean() - rate) < 0.015
    if kind == "lookalike":
        pairs = {(classes[a], classes[b]) for a, b in zip(clean[wrong].tolist(), noisy[wrong].tolist(), strict=True)}
        assert len(pairs) == 8 * (rate > 0)
        assert all(LOOKALIKES.get(a, b) == b for a, b in pairs if LOOKALIKES.get(a) in classes)
    if kind == "instance" and rate:
        assert wrong[-round(rate * N) :].all()
    if kind == "symmetric" and rate:
        assert len(set(zip(clean[wrong].tolist(), noisy[wrong].tolist(), strict=True))) == 56
    with pytest.raises(ValueError, match="1.5"):
        label_noise(clean, classes, 1.5, batch.draw)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_pair_noise_is_false_exactly_where_it_says(batch, rate):
    texts, wrong = pair_noise(batch, rate)
    assert abs(wrong.float().mean() - rate) < 0.02
    for text, scene, bad in zip(texts, batch.graphs, wrong.tolist(), strict=True):
        assert parse(text).true_of(scene) != bad
    near = [t for t, b in zip(texts, wrong.tolist(), strict=True) if b]
    words = sum(len(set(t.split()) ^ set(c.split())) <= 2 for t, c in zip(texts, batch.captions, strict=True))
    assert len(near) == int(wrong.sum()) and words >= N * (1 - rate)


def test_zipf_gives_a_long_tail(batch):
    count = Counter(zipf(batch).labels["shape"][:, 0].tolist())
    share = [count[k] / N for k in range(8)]
    expected = [1 / (k + 1) / sum(1 / j for j in range(1, 9)) for k in range(8)]
    assert max(abs(a - b) for a, b in zip(share, expected, strict=True)) < 0.02
    with pytest.raises(ValueError, match="held_out='combinations'"):
        zipf(World(held_out="combinations").batch(0, [0]))


def test_drift_introduces_shapes_in_turn():
    seen = [Counter(drift(World(), 0, p, 1000).labels["shape"][:, 0].tolist()) for p in range(4)]
    for p, count in enumerate(seen):
        assert set(count) == set(range(2 * p + 2))
        assert sum(count[k] for k in (2 * p, 2 * p + 1)) > 850
    with pytest.raises(ValueError, match="period 4"):
        drift(World(), 0, 4, 10)


def test_federated_parts_are_skewed_as_asked(batch):
    labels = batch.labels["colour"][:, 0]

    def skew(concentration):
        client = federated(labels, 5, batch.draw, concentration)
        assert set(client.tolist()) <= set(range(5))
        table = torch.zeros(5, 8).index_put_((client, labels), torch.ones(N), accumulate=True)
        return (table / table.sum(0)).max(dim=0).values.mean()

    assert skew(0.1) > 0.6 > 0.35 > skew(100.0)


def test_strangers_are_strange():
    world = World(held_out="combinations")
    own = {tuple(c[:2]) for c in world.combinations.tolist()}
    near = out_of_distribution(world, "near")
    assert not own & {tuple(c[:2]) for c in near.combinations.tolist()}
    far = out_of_distribution(world, "far")
    assert not set(far.shapes) & set(world.shapes)
    with pytest.raises(ValueError, match="every shape"):
        out_of_distribution(World(shapes=16), "far")
