"""The video protocol on few clips."""

import pytest
import torch

from vlatlas.data.narrated import TOPICS
from vlatlas.protocols.video import ARMS, BASE, MOTIONS, NEW, RATES, WORDS, Clips, Video, scatter

SMALL = Video(shots=2, test=2, validation=1, order_train=20, order_test=12, frames=2, steps=3, order_steps=3, batch_size=8)


def test_base_and_new_share_all_words_and_no_class():
    assert sorted(BASE + NEW) == list(range(len(TOPICS))) and len(BASE) == len(NEW)
    for part in (0, 1):
        assert {TOPICS[k][part] for k in BASE} == {TOPICS[k][part] for k in NEW}


def test_opposite_motions_are_neighbours_and_every_word_is_known():
    assert MOTIONS == ("moves left", "moves right", "grows", "shrinks") and len(WORDS) == 4
    for task in RATES:
        ids = SMALL.ids(task)
        assert (ids != 1).all() and len({tuple(r) for r in ids.tolist()}) == len(ids)
    assert set(RATES["appearance"]) == set(ARMS) > set(RATES["order"])


def test_training_shows_base_classes_alone_and_seeds_and_test_differ():
    data = SMALL.train_set("appearance", 0)
    assert set(data.labels.tolist()) == set(BASE) and len(data.labels) == 2 * len(BASE)
    other, test = SMALL.train_set("appearance", 1), SMALL.appearance(9_000, 2)
    assert not torch.equal(data.tokens, other.tokens)
    assert not torch.isclose(test.features[0], data.features[0]).all()


def test_features_are_what_the_untouched_arm_makes_of_the_tokens():
    data = SMALL.train_set("order", 0)
    with torch.no_grad():
        f = SMALL.model("both", 0).encode_frames(data.tokens)
    torch.testing.assert_close(f, data.features)


def test_a_reversed_clip_is_its_frames_backwards_under_the_opposite_name():
    data = SMALL.order(3, 6, reverse=True)
    assert torch.equal(data.tokens[:6], data.tokens[6:].flip(1))
    assert [MOTIONS[y] for y in data.labels[6:]] == [
        {"moves left": "moves right", "moves right": "moves left", "grows": "shrinks", "shrinks": "grows"}[MOTIONS[y]]
        for y in data.labels[:6]
    ]


def test_no_mean_over_frames_can_tell_a_direction_however_it_is_trained():
    model = SMALL.fit("order", "both", 0, lr=3e-3)
    assert SMALL.motions(model)["direction"] == pytest.approx(0.5, abs=1e-9)


def test_shuffled_clips_have_the_same_frames():
    data = SMALL.order(3, 6)
    again = data.shuffled(1)
    torch.testing.assert_close(again.features.sum(dim=1), data.features.sum(dim=1))
    moved = (again.tokens != data.tokens).flatten(1).any(dim=1)
    assert moved.any() and torch.equal(again.tokens[moved], data.tokens.flip(1)[moved]), "of two frames, there is one other order"
    assert torch.equal(again.labels, data.labels)


@pytest.mark.parametrize("arm", ["zero", *ARMS])
def test_every_arm_starts_as_clip_with_averaged_frames(arm):
    data = SMALL.train_set("appearance", 0)
    torch.testing.assert_close(
        SMALL.embed(SMALL.model(arm, 0), data), torch.nn.functional.normalize(data.features.mean(dim=1), dim=1)
    )


def test_clip_as_it_is_knows_some_of_the_classes_and_not_all():
    zero = SMALL.measure(SMALL.model("zero", 0))
    assert all(0.2 < zero[k] < 0.9 for k in ("base", "new", "hm")), zero


def test_names_dealt_anew_and_single_frames_train_too():
    assert SMALL.fit("appearance", "both", 0, renamed=True).image
    assert SMALL.fit("appearance", "frozen_temporal", 0, still=True).temporal is not None


def test_scatter_by_loops():
    u = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 0, 0, 1, 1, 4, 4, 4, 4])
    rows, total = u.tolist(), u.mean(dim=0).tolist()
    between = within = 0.0
    for c in (0, 1, 4):
        part = [r for r, k in zip(rows, y.tolist(), strict=True) if k == c]
        centre = [sum(r[d] for r in part) / len(part) for d in range(3)]
        between += len(part) * sum((a - b) ** 2 for a, b in zip(centre, total, strict=True))
        within += sum((a - b) ** 2 for r in part for a, b in zip(r, centre, strict=True))
    assert scatter(u, y) == pytest.approx(between / within, rel=1e-12)


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="'x-clip' is unknown; use one of|arm 'x-clip' is unknown"):
        SMALL.model("x-clip", 0)
    with pytest.raises(ValueError, match="task 'sound' is unknown"):
        SMALL.train_set("sound", 0)
    assert isinstance(SMALL.order(1, 2), Clips)
