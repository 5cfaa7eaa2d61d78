"""Titles tell what the scene shows, and noise is of the stated rate and kind."""

import pytest
import torch

from vlatlas.data.titles import CONTENT, FACTS, facts, noisy_facts, titles
from vlatlas.protocols.shipped import WORLD

FULL = WORLD(detail="full")


@pytest.fixture(scope="module")
def batch():
    return FULL.batch(3, range(200))


def test_a_title_names_the_facts_of_the_scene_graph(batch):
    for title, scene in zip(titles(FULL, facts(batch)), batch.graphs, strict=True):
        o = scene.objects[0]
        assert title == f"{o.size} {o.colour} {o.texture} {o.shape} {scene.background}"


@pytest.mark.parametrize(("rate", "kind"), [(0.4, "both"), (0.4, "swapped"), (0.3, "attribute"), (1.0, "swapped"), (0.0, "both")])
def test_noise_has_its_rate_and_kind(batch, rate, kind):
    true = facts(batch)
    told, wrong = noisy_facts(FULL, true, rate, seed=1, kind=kind)
    assert int(wrong.sum()) == round(rate * len(true))
    assert torch.equal(wrong, (told != true).any(dim=1))
    changed = (told != true)[wrong]
    content = [FACTS.index(a) for a in CONTENT]
    single = (changed.sum(dim=1) == 1) & changed[:, content].any(dim=1)
    if kind == "attribute":
        assert single.all()
    if kind == "both":
        assert len(single) == 0 or 0.4 < single.float().mean() < 0.75  # the wrong attributes, and some near swaps
    for k, a in enumerate(FACTS):
        assert told[:, k].max() < len(FULL.classes(a))
    if kind == "swapped":
        known = {tuple(row) for row in true.tolist()}
        assert all(tuple(row) in known for row in told.tolist())


def test_noise_depends_on_the_seed_alone(batch):
    true = facts(batch)
    first, again, another = (noisy_facts(FULL, true, 0.4, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, another)


def test_what_cannot_be_done_is_refused(batch):
    true = facts(batch)
    with pytest.raises(ValueError, match="rate 1.5"):
        noisy_facts(FULL, true, 1.5, 0)
    with pytest.raises(ValueError, match="nothing to swap"):
        noisy_facts(FULL, true[:1].expand(4, -1), 0.5, 0)
