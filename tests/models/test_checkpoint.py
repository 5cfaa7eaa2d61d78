import json

import pytest
import torch

from vlatlas.models import CLIP, ClipConfig, load, load_checkpoint, save_checkpoint, shipped
from vlatlas.models.checkpoint import load_state, save_state, sha256
from vlatlas.models.zoo import CHECKPOINTS

TINY = ClipConfig(("a", "b"), image_size=8, width=12, depth=1, heads=2, text_width=8, text_depth=1, embed_dim=4)


def test_round_trip_is_exact(tmp_path):
    torch.manual_seed(0)
    model = CLIP(TINY).eval()
    digest = save_checkpoint(tmp_path / "m.safetensors", model, {"seed": 0})
    again, card = load_checkpoint(tmp_path / "m.safetensors")
    assert card == {"seed": 0} and again.config == TINY and not again.training
    assert digest == sha256(tmp_path / "m.safetensors")
    x, ids = torch.rand(2, 3, 8, 8), model.tokenizer(["a", "b a"])
    assert torch.equal(model(x, ids)["image_features"], again(x, ids)["image_features"])
    assert torch.equal(load(str(tmp_path / "m.safetensors")).encode_text(ids), model.encode_text(ids))


def test_a_damaged_file_is_refused_and_says_so(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, CLIP(TINY), {})
    data = path.read_bytes()
    for broken in (data[:100], data[:-7], b"", b"\x80\x04pickle", data[:8] + b"{" * 50 + data[58:]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="m.safetensors.*damaged"):
            load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_checkpoint(tmp_path / "nowhere")


def test_wrong_kind_newer_settings_and_misfit_are_named(tmp_path):
    path = tmp_path / "m.safetensors"
    save_state(path, {"x": torch.zeros(1)}, {"step": 3})
    with pytest.raises(ValueError, match="not a model"):
        load_checkpoint(path)
    model = CLIP(TINY)
    save_state(path, model.state_dict(), {"kind": "clip", "config": TINY.as_dict() | {"new": 1}, "card": {}})
    with pytest.raises(ValueError, match=r"newer version.*\['new'\]"):
        load_checkpoint(path)
    save_state(path, model.state_dict(), {"kind": "clip", "config": TINY.as_dict() | {"width": 24}, "card": {}})
    with pytest.raises(ValueError, match="disagree"):
        load_checkpoint(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    save_state(path, {"x": torch.ones(1)}, {"step": 1})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_state(path, {"x": torch.zeros(1)}, {"step": 2})
    assert load_state(path)[1] == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_unknown_names_are_answered_with_known_ones():
    with pytest.raises(ValueError, match="'scenes-clap'.*shipped are"):
        load("scenes-clap")


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_models_match_their_cards(name):
    card = json.loads((CHECKPOINTS / f"{name}.json").read_text())
    assert sha256(CHECKPOINTS / f"{name}.safetensors") == card["sha256"]
    assert {"data", "seed", "steps", "metrics", "command"} <= set(card)
    model = load(name)
    assert model.encode_text(model.tokenizer(["a"])).shape == (1, model.config.embed_dim)
