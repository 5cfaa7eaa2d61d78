import pytest
import torch

from vlatlas.evals import recall_at_k


def test_by_hand_on_three_pairs():
    # similarity of image i (rows) and text j (columns), made of one-hot images
    S = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.5, 0.6], [0.1, 0.2, 0.3]])
    out = recall_at_k(torch.eye(3), S.T, ks=(1, 2, 3))
    # image 0: right text first; image 1: 0.5 behind 0.8 and 0.6, third; image 2: first
    assert [out[f"image_to_text@{k}"] for k in (1, 2, 3)] == pytest.approx([2 / 3, 2 / 3, 1])
    # text 0: 0.9 first; text 1: 0.5 first; text 2: 0.3 behind 0.6, second
    assert [out[f"text_to_image@{k}"] for k in (1, 2, 3)] == pytest.approx([2 / 3, 1, 1])


def test_equals_a_loop_over_pairs():
    torch.manual_seed(0)
    u, v = torch.randn(40, 6), torch.randn(40, 6)
    out = recall_at_k(u, v, ks=(1, 5))
    for k in (1, 5):
        hits = sum(sum(float(u[i] @ v[j]) > float(u[i] @ v[i]) for j in range(40)) < k for i in range(40))
        assert out[f"image_to_text@{k}"] == hits / 40
        hits = sum(sum(float(u[j] @ v[i]) > float(u[i] @ v[i]) for j in range(40)) < k for i in range(40))
        assert out[f"text_to_image@{k}"] == hits / 40


def test_a_collapsed_model_gets_nothing():
    u = torch.ones(10, 4)
    assert recall_at_k(u, u, ks=(1, 5)) == {
        "image_to_text@1": 0.0, "image_to_text@5": 0.0, "text_to_image@1": 0.0, "text_to_image@5": 0.0
    }  # fmt: skip


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(4, 2\)"):
        recall_at_k(torch.ones(3, 2), torch.ones(4, 2))
    with pytest.raises(ValueError, match="non-zero"):
        recall_at_k(torch.ones(0, 2), torch.ones(0, 2))
