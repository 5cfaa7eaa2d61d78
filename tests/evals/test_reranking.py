"""Two-step retrieval against loops."""

import pytest
import torch

from vlatlas.evals import recall_at_k
from vlatlas.evals.reranking import reranked_r1

N = 12


@pytest.fixture
def matrices():
    generator = torch.Generator().manual_seed(0)
    own = torch.eye(N)
    return (torch.randn(N, N, generator=generator) + 1.5 * own for _ in range(2))


@pytest.mark.parametrize("k", [1, 3, 5, N])
def test_it_is_the_loop(matrices, k):
    scores, similarity = matrices
    hits = 0
    for s, t in ((scores, similarity), (scores.T, similarity.T)):
        for i in range(N):
            listed = sorted(range(N), key=lambda j: -t[i, j].item())[:k]
            hits += max(listed, key=lambda j: s[i, j].item()) == i
    assert reranked_r1(scores, similarity, k) == pytest.approx(hits / 2 / N)


def test_a_list_of_one_is_the_similarity_and_a_list_of_all_is_the_score(matrices):
    scores, similarity = matrices
    for k, alone in ((1, similarity), (N, scores), (10 * N, scores)):
        found = recall_at_k(alone, torch.eye(N), ks=(1,))
        assert reranked_r1(scores, similarity, k) == pytest.approx(sum(found.values()) / 2)


def test_constant_scores_find_nothing_but_by_a_list_of_one(matrices):
    _, similarity = matrices
    assert reranked_r1(torch.zeros(N, N), similarity, 3) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="square"):
        reranked_r1(torch.zeros(3, 4), torch.zeros(3, 4), 2)
    with pytest.raises(ValueError, match="list of 0"):
        reranked_r1(torch.eye(3), torch.eye(3), 0)
