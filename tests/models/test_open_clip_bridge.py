"""The bridge on a small open_clip model that is saved and loaded as a real checkpoint."""

import json

import pytest
import torch

from vlatlas.models import load

open_clip = pytest.importorskip("open_clip")

SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture
def architecture(tmp_path):
    (tmp_path / "atlas-test-small.json").write_text(json.dumps(SMALL))
    open_clip.add_model_config(tmp_path / "atlas-test-small.json")
    return "atlas-test-small"


def test_a_local_checkpoint_gives_the_features_it_was_saved_with(architecture, tmp_path):
    torch.manual_seed(0)
    model = open_clip.create_model(architecture).eval()
    path = tmp_path / "weights.pt"
    torch.save(model.state_dict(), path)
    loaded = load(f"open_clip:{architecture}@{path}")
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(loaded.encode_image(x), model.encode_image(x))
    ids = loaded.tokenizer(["a red circle"])
    assert torch.equal(loaded.encode_text(ids), model.encode_text(ids))
    assert not loaded.training


def test_a_seed_holds_over_a_file_and_random_weights_are_drawn_from_it(architecture, tmp_path):
    path = tmp_path / "weights.pt"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        torch.save(open_clip.create_model(architecture).state_dict(), path)
        torch.manual_seed(3)
        expected = torch.rand(4)
        torch.manual_seed(3)
        load(f"open_clip:{architecture}@{path}")
        assert torch.equal(torch.rand(4), expected)
        first, second = (load(f"open_clip:{architecture}").text_projection for _ in range(2))
    assert not torch.equal(first, second)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="no architecture 'ViT-Z-99'"):
        load("open_clip:ViT-Z-99/openai")
    with pytest.raises(ValueError, match="no weights 'laion9b'"):
        load("open_clip:ViT-B-32/laion9b")
    with pytest.raises(FileNotFoundError, match="missing.pt"):
        load("open_clip:ViT-B-32@missing.pt")
    with pytest.raises(ValueError, match="QuickGELU.*ViT-B-32-quickgelu/openai"):
        load("open_clip:ViT-B-32/openai")


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("network is unreachable")

    monkeypatch.setattr(open_clip, "create_model_and_transforms", offline)
    with pytest.raises(FileNotFoundError, match="laion2b_s34b_b79k.*cache.*HF_HOME"):
        load("open_clip:ViT-B-32/laion2b_s34b_b79k")
