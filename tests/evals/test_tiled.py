"""Retrieval by blocks against the whole matrix, with ties wherever small integers make them."""

import pytest
import torch

from vlatlas.evals import recall_at_k, tiled_recall_at_k, tiled_topk


def integers(n, d, seed, top=2):
    """Small whole numbers: every inner product is exact, and many are equal."""
    return torch.randint(-top, top + 1, (n, d), generator=torch.Generator().manual_seed(seed)).float()


def brute(queries, keys, k):
    scores, indices = (queries @ keys.T).sort(dim=1, descending=True, stable=True)
    return scores[:, :k], indices[:, :k]


@pytest.mark.parametrize("k", [1, 3, 57])
@pytest.mark.parametrize("rows, columns", [(1, 1), (7, 5), (100, 100), (16, 3)])
def test_topk_equals_the_whole_matrix_and_breaks_ties_by_position(k, rows, columns):
    q, keys = integers(23, 4, 0), integers(57, 4, 1)
    scores, indices = tiled_topk(q, keys, k, rows, columns)
    expected_scores, expected = brute(q, keys, k)
    assert torch.equal(scores, expected_scores) and torch.equal(indices, expected)


def test_topk_by_hand():
    keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    scores, indices = tiled_topk(torch.tensor([[1.0, 0.0]]), keys, 3, columns=2)
    assert indices.tolist() == [[3, 0, 2]] and scores.tolist() == [[2.0, 1.0, 1.0]]


def test_topk_of_unit_features_equals_torch():
    g = torch.Generator().manual_seed(2)
    q, keys = (torch.nn.functional.normalize(torch.randn(n, 32, generator=g).double(), dim=1) for n in (300, 5000))
    scores, indices = tiled_topk(q, keys, 10)
    expected = (q @ keys.T).topk(10, dim=1)
    torch.testing.assert_close(scores, expected.values, atol=1e-14, rtol=0)
    assert torch.equal(indices, expected.indices)


@pytest.mark.parametrize("side", [1, 4, 64])
def test_recall_equals_the_whole_matrix(side):
    u, v = integers(50, 6, 3, top=1), integers(50, 6, 4, top=1)
    v[:20] = u[:20]
    assert tiled_recall_at_k(u, v, (1, 2, 10), side) == recall_at_k(u, v, (1, 2, 10))


def test_a_collapsed_model_gets_nothing():
    assert set(tiled_recall_at_k(torch.ones(30, 4), torch.ones(30, 4), side=7).values()) == {0.0}


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="k = 4 of 3 keys"):
        tiled_topk(torch.ones(2, 4), torch.ones(3, 4), 4)
    with pytest.raises(ValueError, match=r"\(2, 4\).*\(3, 5\)"):
        tiled_topk(torch.ones(2, 4), torch.ones(3, 5), 1)
    with pytest.raises(ValueError, match="not a number"):
        tiled_topk(torch.full((2, 4), torch.nan), torch.ones(3, 4), 1)
    with pytest.raises(ValueError, match="as many images as texts"):
        tiled_recall_at_k(torch.ones(2, 4), torch.ones(3, 4))
    with pytest.raises(ValueError, match="nan or inf"):
        tiled_recall_at_k(torch.full((2, 4), torch.nan), torch.ones(2, 4))


def test_no_tensor_is_as_large_as_the_matrix():
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        entries = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            for x in out if isinstance(out, tuple | list) else [out]:
                if isinstance(x, torch.Tensor):
                    Largest.entries = max(Largest.entries, x.numel())
            return out

    q, keys = integers(512, 4, 6), integers(4096, 4, 5)
    with Largest():
        tiled_topk(q, keys, 5, rows=64, columns=256)
        tiled_recall_at_k(keys[:512], q, side=64)
    assert 64 * 256 <= Largest.entries <= 4096 * 4 + 64 * 256 < 512 * 4096
