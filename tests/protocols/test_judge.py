"""The judge of generated pictures: its data, its training in small, and what the shipped one can read."""

import json

import pytest
import torch

from vlatlas.data.scenes.rng import Draw
from vlatlas.data.splits import guidance
from vlatlas.models.attribute_cnn import load_attributes
from vlatlas.models.zoo import shipped
from vlatlas.protocols import judge


def test_redrawn_scenes_keep_their_colour_and_place():
    batch = guidance.WORLD(styles=("flat",), backgrounds=1, textures=1).batch(3, range(12))
    images = judge.redrawn(batch, strokes=80, seed=0, canvas=0.5)
    assert images.shape == (12, 3, 32, 32) and torch.equal(images, judge.redrawn(batch, 80, 0, 0.5))
    mask = batch.masks[:, 0]
    for image, true, m in zip(images, batch.images, mask, strict=True):
        away = (image - 0.5).abs().amax(dim=0)
        assert away[m].mean() > 3 * away[~m].mean()  # the paint is on the object
        painted = away > 0.3
        if (painted & m).any():
            assert (image[:, painted & m].mean(dim=1) - true[:, m].mean(dim=1)).abs().max() < 0.25


def test_the_pool_is_a_third_redrawn_and_labelled_as_the_scenes():
    images, labels = judge.pool(30, 5)
    batch = guidance.WORLD.batch(5, range(30))
    same = (images == batch.images).flatten(1).all(dim=1)
    assert not same[:9].any() and same[10:].all()
    assert torch.equal(labels["colour"], batch.labels["colour"][:, 0])


def test_half_of_the_images_stay_as_they_are_in_one_way_or_the_other():
    images = torch.full((200, 3, 16, 16), 0.6)
    worn = judge.worn(images, 3)
    still = torch.isclose(worn, images, atol=1e-4).flatten(1).all(dim=1).float().mean().item()
    assert 0.35 < still < 0.65 and worn.min() >= 0 and worn.max() <= 1
    assert torch.equal(worn, judge.worn(images, 3)) and not torch.equal(worn, judge.worn(images, 4))


def test_the_command_trains_writes_and_measures(tmp_path, capsys, monkeypatch):
    whole = judge.measure
    monkeypatch.setattr(judge, "measure", lambda model: whole(model, 60))
    judge.main(["--out", str(tmp_path / "j.safetensors"), "--steps", "3", "--pool", "90"])
    model, card = load_attributes(tmp_path / "j.safetensors")
    assert card == json.loads(capsys.readouterr().out) and card["steps"] == 3
    assert set(card["metrics"]) == {*guidance.WORLD.styles, "redrawn"} and model.classes["shape"] == guidance.WORLD.shapes


def test_the_shipped_judge_reads_what_it_should_and_is_no_clip():
    model, card = load_attributes(judge.FILE)
    assert judge.NAME not in shipped()
    batch = guidance.WORLD.batch(guidance.JUDGE_SEED + 9, range(150))
    named = model.name(batch.images)
    right = torch.stack([named[a] == batch.labels[a][:, 0] for a in judge.ATTRIBUTES]).all(dim=0).float().mean()
    assert right > 0.85 and min(card["metrics"].values()) > 0.5
    noise = model.name(torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    wanted = torch.from_numpy(Draw(0, range(64)).integers("x", 8)[:, 0])
    assert (noise["shape"] == wanted).float().mean() < 0.4


def test_true_pictures_of_the_sentences_are_read():
    """What a perfect painter would give: the ceiling of every arm."""
    prompts, drawings = guidance.prompts(), guidance.drawings(4)
    named = judge.load_judge().name(drawings.flatten(0, 1))
    for a in judge.ATTRIBUTES:
        wanted = torch.tensor([guidance.WORLD.values[a].index(s.objects[0][a]) for s, _, _ in prompts]).repeat_interleave(4)
        assert (named[a] == wanted).float().mean() > 0.85, a


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        load_attributes(tmp_path / "nothing.safetensors")
