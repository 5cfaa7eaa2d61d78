"""The variants' recipes: what is kept of scenes-clip, and that the command writes what can be loaded."""

import json

import pytest
import torch

from vlatlas.models import load
from vlatlas.protocols.shipped_variants import WORLDS, main, start


def test_the_deep_tower_keeps_the_text_tower_and_learns_the_image_tower():
    model, given = start("scenes-clip-deep"), load("scenes-clip")
    ids = given.tokenizer(["a red star."])
    assert torch.equal(model.encode_text(ids), given.encode_text(ids))
    assert model.config.depth == 8 and model.config.pool == "cls" and model.config.words == given.config.words
    assert not any(p.requires_grad for p in model.text.parameters()) and all(p.requires_grad for p in model.visual.parameters())
    assert torch.equal(start("scenes-clip-deep", 1).visual.position, model.visual.position)
    assert not torch.equal(start("scenes-clip-deep", 1).visual.project.weight, model.visual.project.weight)


def test_pairs_begin_as_scenes_clip_in_a_world_with_relations():
    model, given = start("scenes-clip-pairs"), load("scenes-clip")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), given.state_dict().values(), strict=True))
    captions = WORLDS["scenes-clip-pairs"].batch(0, range(200)).captions
    assert sum("left of" in c for c in captions) > 5 and max(len(c.split()) for c in captions) < model.config.context


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_the_command_writes_a_model_and_its_card(name, tmp_path, capsys):
    main([name, "--steps", "2", "--pool", "128", "--out", str(tmp_path), "--work", str(tmp_path / "work")])
    card = json.loads((tmp_path / f"{name}.json").read_text())
    model = load(str(tmp_path / f"{name}.safetensors"))
    assert card["pairs"] == 128 and set(card["metrics"]) and "zero_shot_shape" in capsys.readouterr().out
    begun = start(name)
    moved = [
        not torch.allclose(a, b, atol=1e-4) for a, b in zip(model.visual.parameters(), begun.visual.parameters(), strict=True)
    ]
    assert sum(moved) > len(moved) / 2
    same = torch.allclose(model.text.position, begun.text.position, atol=1e-3)
    assert same or name == "scenes-clip-pairs"
