"""Evidence for the refinements, against loops over pairs and names."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.protocols.dense_evidence import likeness, survivors


def test_likeness_is_the_mean_over_pairs_of_patches():
    generator = torch.Generator().manual_seed(0)
    keys = F.normalize(torch.randn(3, 9, 5, dtype=torch.float64, generator=generator), dim=-1)
    label = torch.randint(-1, 3, (3, 9), generator=generator)
    same, other, ground = [], [], []
    for b in range(3):
        for i in range(9):
            for j in range(9):
                if i != j and label[b, i] >= 0:
                    kind = ground if label[b, j] < 0 else same if label[b, i] == label[b, j] else other
                    kind.append(float(keys[b, i] @ keys[b, j]))
    assert likeness(keys, label) == pytest.approx([sum(kind) / len(kind) for kind in (same, other, ground)], abs=1e-12)
    for alone in (torch.zeros(1, 9, dtype=torch.long), torch.full((1, 9), -1), torch.arange(9)[None] // 5):
        with pytest.raises(ValueError, match="more scenes"):
            likeness(keys[:1], alone)


def test_survivors_are_counted_name_by_name():
    generator = torch.Generator().manual_seed(1)
    left = torch.rand(4, 6, 5, generator=generator) * (torch.rand(4, 1, 5, generator=generator) > 0.5)
    truth = torch.randint(-1, 5, (4, 2, 2), generator=generator)
    counts = {True: [0, 0], False: [0, 0]}
    for b in range(4):
        for c in range(5):
            found = counts[c in truth[b].flatten().tolist()]
            found[0] += bool((left[b, :, c] > 0).any())
            found[1] += 1
    expected = [counts[k][0] / counts[k][1] for k in (True, False)]
    assert survivors(left, truth) == pytest.approx(expected) and 0 < min(expected) and max(expected) < 1
