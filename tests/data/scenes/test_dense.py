"""Dense annotations agree with the masks; degradations get worse with severity; painted words can be read."""

import numpy as np
import pytest
import torch

from vlatlas.data.scenes import World
from vlatlas.data.scenes.degrade import DEFECTS, DEGRADATIONS, anomalies, degrade, forge, paint_words
from vlatlas.data.scenes.dense import PARTS, alpha, depth, parts, semantic
from vlatlas.data.scenes.glyphs import FONT, stamp

WORLD = World(objects=(1, 4), shapes=16, colours=12, resolution=64, overlap=0.3)


@pytest.fixture(scope="module")
def batch():
    return WORLD.batch(2, range(300))


def test_semantic_masks_carry_the_visible_objects_label(batch):
    for attribute in ("shape", "colour"):
        label = semantic(batch, attribute)
        for b in range(100):
            expected = torch.full_like(label[b], -1)
            for k, mask in enumerate(batch.masks[b]):
                expected[mask] = batch.labels[attribute][b, k]
            assert torch.equal(label[b], expected)
    with pytest.raises(ValueError, match="'style'"):
        semantic(batch, "style")


def test_parts_tile_each_object(batch):
    part = parts(batch)
    assert torch.equal(part >= 0, batch.masks)
    whole = World(shapes=16, resolution=64, rotation=0.0).batch(0, range(400))
    part = parts(whole)
    for b, scene in enumerate(whole.graphs):
        number = len(PARTS.get(scene.objects[0].shape, ("body",)))
        assert part[b].max() + 1 == number  # every part of an unhidden object is seen
    arrows = [b for b, s in enumerate(whole.graphs) if s.objects[0].shape == "arrow"]
    for b in arrows:
        head, shaft = (torch.nonzero(part[b, 0] == k)[:, 0].float().mean() for k in (1, 0))
        assert head < shaft  # the head is above


def test_alpha_is_the_mask_with_soft_edges_and_without_occlusion(batch):
    a, masks = alpha(batch), batch.masks
    assert (a[masks] >= 0.5 - 1e-6).all()
    for b, scene in enumerate(batch.graphs):  # the frontmost object hides nothing of itself
        last = len(scene.objects) - 1
        assert torch.equal(masks[b, last], masks[b, last] & (a[b, last] >= 0.5 - 1e-6))
        assert ((a[b, last] > 0.5 + 1e-6) <= masks[b, last]).all()


def test_later_objects_are_nearer_and_all_stand_before_the_wall(batch):
    d = depth(batch)
    wall = ~batch.masks.any(dim=1)
    assert d[wall].min() >= 4 and d[~wall].max() <= 3
    for b in range(100):
        seen = [d[b][m].mean() for m in batch.masks[b] if m.sum() > 20]
        assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_degradations_grow_with_severity(batch, kind):
    clean = batch.images
    errors = [(degrade(clean, kind, s, batch.draw) - clean).square().mean().item() for s in (0, 0.25, 0.5, 0.75, 1)]
    assert errors[0] == 0 and errors == sorted(errors) and errors[-1] > 0.002
    worst = degrade(clean, kind, 1, batch.draw)
    assert worst.shape == clean.shape and 0 <= worst.min() and worst.max() <= 1
    for bad in (("fog", 0.5), (kind, 1.5)):
        with pytest.raises(ValueError):
            degrade(clean, *bad, batch.draw)


def test_painted_words_are_legible_and_masked_exactly(batch):
    words = ["star", "red", "hexagon"] * 100
    images, masks = paint_words(batch.images, words, batch.draw)
    changed = (images != batch.images).any(dim=1)
    for image, mask, word, area in zip(images, masks, words, changed, strict=True):
        ys, xs = torch.nonzero(mask, as_tuple=True)
        box = mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].numpy()
        dots = stamp(word)[1:6, 1:-1]
        dots = dots[:, np.flatnonzero(dots.any(axis=0))[0] : np.flatnonzero(dots.any(axis=0))[-1] + 1]
        zoom = box.shape[0] // 5
        assert (box[::zoom, ::zoom] == dots).all()
        assert (image[:, mask] > 0.9).all() and area.sum() > mask.sum()
    with pytest.raises(ValueError, match="needs 65 pixels"):
        paint_words(batch.images[:1], ["x" * 16], batch.draw)
    with pytest.raises(ValueError, match="font"):
        stamp("é")
    assert len({stamp(c).tobytes() for c in "abcdefghijklmnopqrstuvwxyz"}) == 26 and set(FONT) > set("az09 -")


@pytest.mark.parametrize("kind", DEFECTS)
def test_anomalies_lie_on_the_object_and_change_nothing_else(kind):
    batch = World(resolution=64).batch(4, range(200))
    images, masks = anomalies(batch, kind)
    assert ((images - batch.images).abs().amax(dim=1)[~masks] <= 2.01 / 255).all()
    assert not (masks & ~batch.masks[:, 0]).any()
    assert (masks.flatten(1).any(dim=1)).float().mean() > 0.85


def test_forgeries_are_found_by_their_grid_and_not_by_eye(batch):
    fake = forge(batch.images, batch.draw)
    assert (fake - batch.images).abs().mean() < 0.03
    even = (torch.arange(64) % 2 * 2 - 1).float()

    def grid(x):
        return (x.mean(dim=1) * even * even[:, None]).mean(dim=(1, 2)).abs()

    assert (grid(fake) > grid(batch.images) + 0.005).float().mean() > 0.9
