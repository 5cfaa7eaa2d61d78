"""The attribute CNN: what it returns, that it learns, and that a file brings it back."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.models.attribute_cnn import AttributeCNN, load_attributes, save_attributes
from vlatlas.models.checkpoint import save_state

CLASSES = {"shape": ("circle", "square", "star"), "colour": ("red", "blue")}


def test_it_learns_colours_and_comes_back_from_its_file(tmp_path):
    torch.manual_seed(0)
    model = AttributeCNN(CLASSES, widths=(4, 4, 4, 8))
    y = torch.arange(32) % 2
    images = torch.rand(32, 3, 16, 16) * 0.3
    images[torch.arange(32), 2 * y] += 0.6
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(25):
        loss = F.cross_entropy(model(images)["colour"], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with pytest.raises(ValueError, match="eval"):
        model.name(images)
    named = model.eval().name(images, batch_size=5)
    assert (named["colour"] == y).float().mean() > 0.9 and set(named) == set(CLASSES)
    save_attributes(tmp_path / "judge.safetensors", model, {"seed": 0})
    again, card = load_attributes(tmp_path / "judge.safetensors")
    assert card == {"seed": 0} and again.classes == CLASSES and not again.training
    assert torch.equal(again.name(images)["colour"], named["colour"])
    assert torch.allclose(again(images)["shape"], model(images)["shape"], atol=0.05)


def test_one_image_is_named_the_same_in_any_batch():
    torch.manual_seed(0)
    model, images = AttributeCNN(CLASSES).eval(), torch.rand(5, 3, 32, 32)
    whole = model(images)
    assert whole["shape"].shape == (5, 3) and whole["colour"].shape == (5, 2)
    assert torch.allclose(model(images[2:3])["shape"], whole["shape"][2:3], atol=1e-5)


def test_another_kind_of_file_is_refused(tmp_path):
    save_state(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {"kind": "clip"})
    with pytest.raises(ValueError, match="'clip', not a network"):
        load_attributes(tmp_path / "x.safetensors")
