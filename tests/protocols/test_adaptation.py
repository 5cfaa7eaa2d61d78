"""The adaptation protocol: what it promises about leaks and draws."""

import pytest
import torch

from vlatlas.protocols.adaptation import Adaptation
from vlatlas.protocols.shipped import WORLD

PROTOCOL = Adaptation(test=64)


def test_the_classes_are_exactly_what_pre_training_leaves_out():
    seen = WORLD.batch(0, range(5000)).labels
    pairs = set(zip(seen["shape"][:, 0].tolist(), seen["colour"][:, 0].tolist(), strict=True))
    novel = {(WORLD.shapes.index(s), WORLD.colours.index(c)) for s, c in PROTOCOL.classes}
    assert len(novel) == 16 and not pairs & novel
    assert len(pairs) == 48 and len({s for s, _ in pairs}) == len({c for _, c in pairs}) == 8


def test_no_caption_of_pre_training_names_a_novel_combination():
    for text in WORLD.batch(3, range(3000)).captions:
        words = text.replace(".", " ").replace(",", " ").split()
        assert not any(s in words and c in words for s, c in PROTOCOL.classes)


@pytest.mark.parametrize("shots", [1, 4, 16])
def test_support_has_the_stated_shots_of_each_class(shots):
    images, labels = PROTOCOL.support(0, 0, shots)
    assert images.shape == (16 * shots, 3, 32, 32)
    assert labels.bincount().tolist() == [shots] * 16


def test_a_larger_support_contains_the_smaller_and_draws_differ():
    one, y1 = PROTOCOL.support(0, 0, 1)
    four, y4 = PROTOCOL.support(0, 0, 4)
    for c in range(16):
        assert any(torch.equal(one[y1 == c][0], x) for x in four[y4 == c])
    assert not torch.equal(PROTOCOL.support(0, 1, 1)[0], one)
    assert not torch.equal(PROTOCOL.support(1, 0, 1)[0], one)


def test_labels_say_what_the_image_shows():
    world = PROTOCOL.world
    _, labels = PROTOCOL.test_set(7)
    truth = world.batch(2_000_007, range(64)).labels
    for label, s, c in zip(labels.tolist(), truth["shape"][:, 0], truth["colour"][:, 0], strict=True):
        assert PROTOCOL.classes[label] == (world.shapes[s], world.colours[c])


def test_shifted_images_are_in_other_styles():
    assert not set(PROTOCOL.shift) & set(WORLD.styles)
    assert not torch.equal(PROTOCOL.test_set(0)[0], PROTOCOL.test_set(0, shifted=True)[0])


def test_zero_shots_are_refused():
    with pytest.raises(ValueError, match="shots 0"):
        PROTOCOL.support(0, 0, 0)
