"""The guidance protocol: who draws which sentences, equal starts and calls, and what reading a picture means."""

import pytest
import torch

from vlatlas.data.splits import guidance as split
from vlatlas.methods.clipdraw import Pixels
from vlatlas.protocols.guidance import CANVAS, Guidance, edge_length


@pytest.fixture(scope="module")
def small():
    return Guidance(prompts=3, strokes=3, steps=2, views=2, probe=300)


def test_three_seeds_draw_all_48_sentences_half_of_them_unseen():
    full, said = Guidance(), split.prompts()
    drawn = [full.numbers(k) for k in (0, 1, 2)]
    assert sorted(n for part in drawn for n in part) == list(range(48))
    for part in drawn:
        assert sum(said[n][2] for n in part) == 8
    assert full.sentences(1)[0] == said[1][1] and full.numbers(10) == full.numbers(1)


def test_wanted_labels_are_the_words_of_the_sentence():
    full = Guidance()
    for said, shape, colour in zip(full.sentences(2), *full.wanted(2).values(), strict=True):
        assert split.WORLD.shapes[shape] in said and split.WORLD.colours[colour] in said


def test_strokes_and_pixels_start_from_one_picture(small):
    strokes, pixels = small.strokes_at_random(10), small.pixels_at_random(10)
    assert torch.equal(strokes.render(32), pixels.values)
    empty = (pixels.values - CANVAS).abs().amax(dim=1) < 0.01
    assert empty.float().mean() > 0.5  # mostly canvas
    assert small.strokes_at_random(10, frozen_points=True).rates["points"] == 0
    assert not torch.equal(small.strokes_at_random(11).points, strokes.points)


@pytest.mark.parametrize("augment", [True, False])
def test_every_arm_calls_the_guide_equally_often(small, augment):
    calls = []
    hook = small.clip.visual.register_forward_hook(lambda m, given, out: calls.append(len(out)))
    try:
        small.paint(small.strokes_at_random(10), 10, augment=augment)
        small.paint(small.pixels_at_random(10), 10, augment=augment)
    finally:
        hook.remove()
    assert calls == [small.prompts * small.views] * 2 * small.steps


def test_true_pictures_are_read_right_and_others_sentences_are_not(small):
    full = Guidance(probe=600)
    true = split.drawings(1)[:, 0]
    found = full.read(Pixels(true[full.numbers(0)]), 0)
    assert found["judge"] > 0.8 and found["second"] > 0.4 and found["guide"] > 0.4
    other = full.read(Pixels(true[full.numbers(0)].roll(1, 0)), 0)
    assert other["judge"] < 0.2 and other["guide"] < found["guide"]


def test_painting_raises_the_score():
    p = Guidance(prompts=2, strokes=6, steps=25)
    for picture in (p.strokes_at_random(10), p.pixels_at_random(10)):
        cosines = p.paint(picture, 10)
        assert cosines[-1] > cosines[0] + 0.1


def test_edges_by_hand():
    square = torch.zeros(1, 3, 8, 8)
    square[:, 0, 2:6, 2:6] = 1
    assert edge_length(square).item() == 4 * 4 / 8  # four edges of four pixels, the frame being eight wide
    assert edge_length(torch.rand(1, 3, 8, 8) * 0.05).item() == 0
    assert edge_length(torch.cat([square, 1 - square])).tolist() == [2, 2]
