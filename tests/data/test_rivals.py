"""Rivals: exactly one sentence becomes false, and pixels change where they must."""

import pytest
import torch

from vlatlas.data.rivals import FACTS, rival, tellable
from vlatlas.data.scenes.wording import long
from vlatlas.data.splits.longtext import WORLD, descriptions

TWO = WORLD(objects=(2, 2), shapes=5, colours=5)


@pytest.fixture(scope="module")
def scenes():
    batch = TWO.batch(3, range(120))
    return TWO.batch(3, batch.draw.index[tellable(batch)])


def test_one_sentence_is_false_of_a_rival_and_it_is_the_kth(scenes):
    told = descriptions(scenes)
    assert len(scenes) > 30 and len(FACTS) == 8
    for k in range(1, 9):
        everything = long(rival(scenes, k), 99)  # all that is true of the rival, relations among it
        for sentences, true in zip(told, everything, strict=True):
            assert [s for s in sentences if s not in true] == [sentences[k - 1]]


def test_a_rival_looks_different_and_is_the_same_however_it_is_batched(scenes):
    for k in range(1, 9):
        other = rival(scenes, k)
        assert (other.images != scenes.images).flatten(1).any(dim=1).all()
        alone = rival(TWO.batch(3, scenes.draw.index[[5]]), k)
        assert torch.equal(alone.images[0], other.images[5])


def test_objects_stay_inside_the_frame_and_of_a_size_that_the_world_draws(scenes):
    low, high = (f / 2 / TWO.grid for f in TWO.fill)
    for k in (4, 6, 7, 8):
        place = rival(scenes, k).layout
        assert (place.radius >= low - 1e-9).all() and (place.radius <= high + 1e-9).all()
        assert (place.x - place.radius >= -1e-9).all() and (place.x + place.radius <= 1 + 1e-9).all()
        assert (place.y - place.radius >= -1e-9).all() and (place.y + place.radius <= 1 + 1e-9).all()


def test_a_sentence_that_follows_from_others_is_refused(scenes):
    batch = TWO.batch(3, range(40))
    assert 0 < len(tellable(batch)) < 40
    with pytest.raises(ValueError, match="tellable"):
        rival(batch, 1)
    with pytest.raises(ValueError, match="within 1..8"):
        rival(scenes, 9)
