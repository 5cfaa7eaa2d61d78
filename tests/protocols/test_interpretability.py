"""The interpretability protocol: groups, pool and biased sentences are what they say."""

import pytest
import torch

from vlatlas.protocols.interpretability import GROUNDS, Interpretability
from vlatlas.protocols.shipped import WORLD


@pytest.fixture(scope="module")
def small():
    return Interpretability(statistics=40, test=40, groups=40, maps=20)


def test_the_model_is_deep_and_has_a_class_token(small):
    assert small.depth >= 8 and small.clip.config.pool == "cls" and small.late < small.depth / 2
    assert list(small.late_layers()) == list(range(small.depth - small.late, small.depth))


def test_parts_of_every_set_add_up(small):
    scenes = small.test_set(10)
    total = sum(scenes.layer(l) for l in range(small.depth)) + scenes.mlps.sum(dim=0) + scenes.start
    shift = (small.clip.visual.norm.bias @ small.clip.visual.project.weight.T).detach()
    assert torch.allclose(total + shift, scenes.features, atol=1e-4) and scenes.error < 1e-4
    u = small.clip.encode_image(scenes.images).detach()
    assert torch.allclose(u, scenes.features, atol=1e-5)
    whole = scenes.heads.sum(dim=(0, 2)) - scenes.tokens.sum(dim=1)  # what the class token takes from itself
    assert 0 < whole.norm() < scenes.heads.sum(dim=(0, 2)).norm()


def test_sets_of_different_seeds_and_purposes_share_no_scene(small):
    images = torch.cat([small.test_set(10).images, small.test_set(11).images, small.statistics_set(10).images])
    assert len(torch.unique(images.flatten(1), dim=0)) == len(images)


def test_groups_are_equal_in_number_and_what_they_say(small):
    scenes, group = small.group_set(10)
    assert group.bincount().tolist() == [10] * 4
    half = scenes.labels["shape"] >= 4
    assert torch.equal(group, 2 * half.long() + scenes.labels["background"])
    grey = scenes.images.mean(dim=1)[:, :3, :3].mean(dim=(1, 2))  # a corner
    assert grey[scenes.labels["background"] == GROUNDS.index("dark")].mean() < 0.3 < 0.6 < grey[group % 2 == 1].mean()


def test_pool_sentences_name_one_attribute(small):
    texts, family = small.pool
    assert len(texts) == len(family) == len(set(texts)) and {family.count(a) for a in ("shape", "colour")} == {64}
    for text, a in zip(texts, family, strict=True):
        words = set(text.rstrip(".").replace(",", " ").split())
        for other in ("shape", "colour", "texture", "size", "background"):
            assert bool(words & set(WORLD.classes(other))) == (other == a), text
        assert bool(words & {"rendering", "photo"}) == (a == "style"), text


def test_shuffled_pool_has_the_same_words_elsewhere(small):
    texts, mixed = small.pool[0], small.shuffled_pool(0)
    assert sorted(" ".join(texts).replace(".", "").split()) == sorted(" ".join(mixed).replace(".", "").split())
    assert [len(t.split()) for t in texts] == [len(t.split()) for t in mixed]
    assert sum(a == b for a, b in zip(texts, mixed, strict=True)) < 3 and mixed != small.shuffled_pool(1)


def test_biased_classes_lean_to_the_usual_ground(small):
    ground = {g: small.texts([f"a picture of an object on a {g} background."])[0] for g in GROUNDS}
    lean = small.biased @ (ground["light"] - ground["dark"])
    fair = Interpretability(bias=0.5).biased @ (ground["light"] - ground["dark"])
    assert (lean[:4] < fair[:4]).all() and (lean[4:] > fair[4:]).all()
