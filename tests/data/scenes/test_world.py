"""The world: the same scene in every batch, labels that fit the pixels, splits that keep their promise."""

import hashlib
import re

import numpy as np
import pytest
import torch

from vlatlas.data.scenes import World, parse
from vlatlas.data.scenes.vocabulary import STYLES

MANY = World(
    objects=(1, 4), shapes=16, colours=12, textures=6, sizes=3, backgrounds=8, styles=STYLES, detail="rich",
    poses=("upright", "tilted"), resolution=48, spread=1.0,
)  # fmt: skip
FIRST_THOUSAND = {  # sha256 of images in 8 bits, masks and captions; changes only together with DATA_VERSION
    "default": "38e7a7841ae6941e00919e321463eab3d4f2bc759c6ee4c918c203893ff5d2ef",
    "many": "a3d8412654ddfca478742668758c44541150635e516dca2489df2ca8518359f2",
}


def fingerprint(batch) -> str:
    h = hashlib.sha256((batch.images.numpy() * 255 + 0.5).astype(np.uint8).tobytes())
    h.update(np.packbits(batch.masks.numpy()).tobytes())
    h.update("\n".join(batch.captions).encode())
    return h.hexdigest()


@pytest.mark.parametrize("name, world", [("default", World()), ("many", MANY)])
def test_first_thousand_scenes_are_the_committed_ones(name, world):
    assert fingerprint(world.batch(0, range(1000))) == FIRST_THOUSAND[name]


@pytest.mark.parametrize("world", [World(), MANY, MANY(overlap=0.4)])
def test_a_scene_does_not_depend_on_its_batch(world):
    whole = world.batch(7, range(150))
    index = [149, 3, 77]
    part = world.batch(7, index)
    assert torch.equal(part.images, whole.images[index])
    assert torch.equal(part.masks, whole.masks[index])
    assert part.captions == [whole.captions[i] for i in index]
    assert part.scenes == [whole.scenes[i] for i in index]
    assert world.batch(8, range(150)).captions != whole.captions


def test_a_scene_is_the_same_at_every_resolution():
    small, large = World().batch(0, range(50)), World(resolution=96).batch(0, range(50))
    assert small.captions == large.captions
    assert (small.boxes[:, 0] * 3 - large.boxes[:, 0]).abs().max() <= 5


def test_images_are_in_range_and_flat_objects_have_their_colour():
    world = World(textures=1, tint=0.0)
    batch = world.batch(0, range(100))
    assert batch.images.dtype == torch.float32 and 0 <= batch.images.min() and batch.images.max() <= 1
    for image, mask, colour in zip(batch.images, batch.masks[:, 0], batch.labels["colour"][:, 0], strict=True):
        median = image[:, mask].median(dim=1).values
        assert torch.allclose(median, torch.from_numpy(world.palette[colour]), atol=1e-6)


def test_labels_are_minus_one_where_there_is_nothing_to_see():
    batch = MANY.batch(0, range(400))
    for b, scene in enumerate(batch.scenes):
        n = len(scene.objects)
        assert batch.labels["count"][b] == n
        assert (batch.labels["shape"][b, n:] == -1).all() and (batch.labels["shape"][b, :n] >= 0).all()
        dark = scene.style in ("silhouette", "blueprint")
        assert (batch.labels["colour"][b, :n] == -1).all() == dark
        for k, thing in enumerate(scene.objects):
            assert (batch.labels["pose"][b, k] == -1) == (thing.pose is None)
            assert MANY.classes("shape")[batch.labels["shape"][b, k]] == thing.shape


@pytest.mark.parametrize("held_out", ["combinations", "triples", "shapes"])
def test_held_out_combinations_are_neither_drawn_nor_named_in_training(held_out):
    train = World(held_out=held_out, objects=(1, 2), resolution=32)
    attributes = {
        "combinations": ("shape", "colour"),
        "triples": ("shape", "colour", "texture"),
        "shapes": ("shape",),
    }
    keys = attributes[held_out]

    def drawn(world, seed):
        batch = world.batch(seed, range(10_000))
        graph = {tuple(o.get(a) for a in keys) for s in batch.graphs for o in s.objects}
        named = {tuple(o[a] for a in keys) for c in batch.captions for o in parse(c).objects}
        return graph, named

    seen, said = drawn(train, 0)
    novel, novel_said = drawn(train(split="novel"), 0)
    assert seen == said and novel == novel_said
    assert not seen & novel
    grid = np.prod([len(train.classes(a)) for a in keys])
    assert len(seen) + len(novel) == grid and len(novel) == grid // 4
    if held_out != "shapes":  # each value still occurs in training
        assert all({c[i] for c in seen} == set(train.classes(a)) for i, a in enumerate(keys))


def test_captions_of_a_batch_are_nearly_unique():
    for detail, least in (("full", 61), ("rich", 63)):
        world = World(detail=detail, poses=("upright", "tilted"), spread=1.0)
        distinct = [len(set(world.batch(s, range(64)).captions)) for s in range(20)]
        assert np.mean(distinct) >= least


def test_every_word_is_in_the_vocabulary_and_no_prompt_is_a_caption():
    words, captions = set(World.vocabulary()), set()
    for detail in ("short", "full", "rich", "varied"):
        captions |= set(MANY(detail=detail).batch(1, range(1500)).captions)
    prompts = {p for a in ("shape", "colour", "texture", "size", "pose", "position") for c in MANY.class_prompts(a) for p in c}
    prompts |= {p for c in MANY.class_prompts("background", "shape") for p in c}
    assert {w for text in captions | prompts for w in re.findall(r"\w+|[^\w\s]", text)} <= words
    assert not prompts & captions
    assert len(World.vocabulary()) == len(words)


def test_prompts_name_the_class():
    world = World()
    assert world.prompts(0, shape="star", colour="orange") == ["in this picture is an orange star."]
    assert world.prompts(1, texture="striped") == ["this is a striped object."]
    joint = world.class_prompts("shape", "colour")
    assert len(joint) == 64 and "green circle" in joint[1][0]  # the last attribute varies fastest
    with pytest.raises(ValueError, match="'hexagon' does not occur here"):
        world.prompts(shape="hexagon")


def test_digest_tells_worlds_apart():
    assert World().digest() == World().digest() != World(rotation=6.0).digest()


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"resolution": 16}, "resolution 16"),
        ({"objects": (0, 1)}, "objects"),
        ({"shapes": 17}, "within 1..16"),
        ({"shapes": ("circle", "blob")}, "blob"),
        ({"styles": ("etching",)}, "etching"),
        ({"sizes": 4}, "1, 2 or 3"),
        ({"split": "test"}, "split 'test'"),
        ({"split": "novel"}, "empty"),
        ({"held_out": "pairs"}, "held_out 'pairs'"),
        ({"detail": "long"}, "detail 'long'"),
        ({"fill": (0.9, 0.5)}, "fill"),
        ({"objects": (1, 4), "colours": 3}, "distinct"),
    ],
)
def test_a_wrong_setting_is_named(bad, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        World(**bad)


def test_an_empty_or_negative_index_is_refused():
    for index in ([], [-1], np.zeros((2, 2), int)):
        with pytest.raises(ValueError, match="index"):
            World().batch(0, index)
