import pytest
import torch
from torch import nn

from vlatlas.evals import accuracy, balanced_accuracy, class_embeddings, encode_images, predict


class Fixed(nn.Module):
    """A stand-in whose text features are written down by hand."""

    table = {"a": [3.0, 0.0], "b": [0.0, 5.0], "c": [-2.0, 0.0]}

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.drop = nn.Dropout(0.5)

    def tokenizer(self, texts):
        return torch.tensor([self.table[t] for t in texts])

    def encode_text(self, ids):
        return ids

    def encode_image(self, images):
        return self.drop(images.flatten(1))


def test_prompt_ensembling_averages_unit_vectors():
    w = class_embeddings(Fixed(), [["a", "b"], ["c"]])
    # unit a = (1, 0), unit b = (0, 1): their mean points at 45 degrees, whatever their lengths were
    torch.testing.assert_close(w, torch.tensor([[0.5**0.5, 0.5**0.5], [-1.0, 0.0]]))
    assert predict(torch.tensor([[0.6, 0.8], [-1.0, 0.1]]), w).tolist() == [0, 1]


@pytest.mark.parametrize("prompts", [[], [["a"], []], ["a", "b"]])
def test_classes_without_sentences_are_refused(prompts):
    with pytest.raises(ValueError, match="non-empty list of sentences"):
        class_embeddings(Fixed(), prompts)


def test_features_are_taken_in_evaluation_mode_and_the_mode_comes_back():
    model = Fixed().train()
    x = torch.rand(5, 3, 2, 2)
    out = encode_images(model, x, batch_size=2)
    torch.testing.assert_close(out, nn.functional.normalize(x.flatten(1), dim=1))
    assert model.training


def test_accuracies_by_hand():
    guess, truth = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    assert accuracy(guess, truth) == 0.75
    guess, truth = torch.tensor([0, 0, 0, 0, 0]), torch.tensor([0, 0, 0, 0, 1])
    assert accuracy(guess, truth) == pytest.approx(0.8)
    assert balanced_accuracy(guess, truth) == 0.5
    for f in (accuracy, balanced_accuracy):
        with pytest.raises(ValueError, match="non-zero length"):
            f(torch.tensor([]), torch.tensor([]))
        with pytest.raises(ValueError, match="one, non-zero length"):
            f(torch.tensor([1]), torch.tensor([1, 2]))
