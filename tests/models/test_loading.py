"""What is loaded at first use, perhaps under a seed, changes no random number that is drawn afterwards."""

import pytest
import torch

from vlatlas.models.attribute_cnn import AttributeCNN, load_attributes, save_attributes
from vlatlas.models.checkpoint import load_checkpoint, load_state, save_state
from vlatlas.models.language import LanguageModel, load_language_model, save_language_model
from vlatlas.models.zoo import CHECKPOINTS

LOADERS = {"clip": load_checkpoint, "attributes": load_attributes, "language": load_language_model}
FILES = sorted(CHECKPOINTS.glob("*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_seed_holds_over_a_load(path):
    loader = LOADERS[load_state(path)[1]["kind"]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = torch.rand(4)
        torch.manual_seed(3)
        model, _ = loader(path)
        assert torch.equal(torch.rand(4), expected)
    assert not model.training and all(p.dtype == torch.float32 for p in model.parameters())


def test_weights_of_another_size_are_refused_and_the_file_is_named(tmp_path):
    path = tmp_path / "other.safetensors"
    save_attributes(path, AttributeCNN({"colour": ("red", "blue")}), {})
    tensors, meta = load_state(path)
    save_state(path, tensors, meta | {"config": {**meta["config"], "classes": {"colour": ["red", "blue", "grey"]}}})
    with pytest.raises(ValueError, match=r"other.safetensors: weights and configuration disagree"):
        load_attributes(path)
    save_language_model(path, LanguageModel(["a", "b"], context=4, width=8, depth=1, heads=2), {})
    tensors, meta = load_state(path)
    save_state(path, tensors, meta | {"words": ["a"]})
    with pytest.raises(ValueError, match=r"other.safetensors: weights and configuration disagree"):
        load_language_model(path)
