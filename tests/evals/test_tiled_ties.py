"""Top-k by blocks when scores tie across the few keys that come first and the blocks after them."""

import pytest
import torch

from vlatlas.evals import tiled_topk


@pytest.mark.parametrize("n", [3, 63, 64, 65, 130, 200])
@pytest.mark.parametrize("columns", [1, 50, 64, 512])
def test_ties_across_blocks_give_the_earlier_key(n, columns):
    g = torch.Generator().manual_seed(n)
    keys = torch.randint(0, 3, (n, 2), generator=g).double()  # few distinct scores, many ties
    queries = torch.randint(0, 3, (5, 2), generator=g).double()
    for k in (1, 3, n):
        scores, indices = tiled_topk(queries, keys, k, rows=2, columns=columns)
        expected = (queries @ keys.T).sort(dim=1, descending=True, stable=True)
        assert torch.equal(indices, expected.indices[:, :k]) and torch.equal(scores, expected.values[:, :k])
