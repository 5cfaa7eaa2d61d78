"""Recall with several captions an image: counted by hand, against a loop over pairs, and against the plain measure."""

import pytest
import torch
from torch.nn.functional import normalize

from vlatlas.evals import recall_at_k
from vlatlas.evals.retrieval_many import recall_with_several

HAND = torch.tensor(  # similarity of 2 images and 3 captions; the first two captions belong to image 0
    [[0.9, 0.1, 0.5], [0.2, 0.6, 0.4]]
)


def test_a_table_counted_by_hand():
    # image 0: its best own caption (0.9) is first. image 1: its own caption (0.4) comes after 0.6.
    # caption 0: image 0 first. caption 1: image 1 (0.6) before image 0 (0.1). caption 2: image 0 (0.5) before image 1 (0.4).
    out = recall_with_several(HAND, torch.eye(3), torch.tensor([0, 0, 1]), (1, 2))
    assert out == {
        "image_to_text@1": 0.5,
        "image_to_text@2": 1.0,
        "text_to_image@1": pytest.approx(1 / 3),
        "text_to_image@2": 1.0,
    }


def test_it_is_a_loop_over_ranks():
    torch.manual_seed(0)
    u, v = (normalize(torch.randn(n, 6, dtype=torch.float64), dim=1) for n in (12, 30))
    owner = torch.cat([torch.arange(12), torch.randint(12, (18,))])
    out = recall_with_several(u, v, owner, (1, 3))
    s = (u @ v.T).tolist()
    for k in (1, 3):
        hits = 0
        for i in range(12):
            order = sorted(range(30), key=lambda j: -s[i][j])
            hits += any(owner[j] == i for j in order[:k])
        assert out[f"image_to_text@{k}"] == pytest.approx(hits / 12)
        hits = sum(owner[j].item() in sorted(range(12), key=lambda i: -s[i][j])[:k] for j in range(30))
        assert out[f"text_to_image@{k}"] == pytest.approx(hits / 30)


def test_one_caption_each_is_the_plain_measure_and_a_collapsed_model_gets_nothing():
    torch.manual_seed(1)
    u, v = (normalize(torch.randn(20, 5), dim=1) for _ in range(2))
    assert recall_with_several(u, v, torch.arange(20)) == recall_at_k(u, v)
    flat = torch.ones(4, 5)
    assert set(recall_with_several(flat, flat, torch.arange(4), (1, 3)).values()) == {0.0}


def test_captions_without_an_image_are_refused():
    for owner in ([0, 0, 2], [0, 0, 0], [-1, 0, 1]):
        with pytest.raises(ValueError, match="each of the 2 images"):
            recall_with_several(HAND, torch.eye(3), torch.tensor(owner))
    with pytest.raises(ValueError, match="2 owners do not fit"):
        recall_with_several(HAND, torch.eye(3), torch.tensor([0, 1]))
