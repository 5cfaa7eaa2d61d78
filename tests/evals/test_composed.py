"""Composed retrieval: recalls of cases made by hand."""

import pytest
import torch

from vlatlas.evals.composed import recalls

OWN = torch.tensor([
    [0.9, 0.5, 0.8, 0.1],  # the target is first everywhere
    [0.7, 0.8, 0.6, 0.1],  # behind the reference, but first of the edits
    [0.5, 0.1, 0.6, 0.2],  # behind another edit
    [0.5, 0.4, 0.5, 0.1],  # ties with another edit
])  # fmt: skip
STRANGERS = torch.tensor([[0.2, 0.3], [0.2, 0.3], [0.9, 0.3], [0.1, 0.1]])


def test_by_hand():
    got = recalls(OWN, STRANGERS)
    assert got == {"r1": 0.25, "r10": 1.0, "subset": 0.5, "reference": 0.25}


def test_ties_are_lost_so_that_a_collapsed_model_has_nothing():
    got = recalls(torch.ones(3, 12), torch.ones(3, 20))
    assert got == {"r1": 0, "r10": 0, "subset": 0, "reference": 0}


def test_a_part_of_the_queries_and_none():
    got = recalls(OWN, STRANGERS, torch.tensor([True, False, False, False]))
    assert got["r1"] == got["subset"] == 1 and got["reference"] == 0
    with pytest.raises(ValueError, match="no query is left"):
        recalls(OWN, STRANGERS, torch.zeros(4, dtype=torch.bool))
