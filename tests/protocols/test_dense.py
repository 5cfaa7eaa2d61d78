"""The dense protocol on a few scenes, with an untrained backbone where weights do not matter."""

import pytest
import torch

from vlatlas.data.splits import dense as split
from vlatlas.methods.last_block import enter_many, plain_tokens
from vlatlas.models import load
from vlatlas.models.inside import look_inside
from vlatlas.protocols.dense import WORSE, Dense
from vlatlas.protocols.dense_clip import POOL_SEED, WORLD, Learner, frozen, resized, start

SMALL = Dense(test=12, labelled=24, unlabelled=8, worse=6, part="threshold")


@pytest.fixture(scope="module")
def model():
    return start(3).eval()


def test_perfect_maps_score_one_and_maps_of_nothing_score_chance():
    truth = SMALL.scenes.truth
    perfect = torch.stack([(truth == c).float() for c in range(24)], dim=1)
    scores = SMALL.score(perfect)
    assert {k: scores[k] for k in ("pixel", "shape", "colour", "present", "auroc")} == dict.fromkeys(
        ("pixel", "shape", "colour", "present", "auroc"), 1.0
    )
    assert scores["miou"] == 1.0 == SMALL.miou(perfect)
    flat = SMALL.score(torch.zeros_like(perfect))  # everything is name 0
    assert flat["auroc"] == 0.5 and flat["miou"] < 0.05


def test_shape_and_colour_accuracy_are_counted_pixel_by_pixel():
    maps = torch.randn(12, 24, 8, 8, generator=torch.Generator().manual_seed(0))
    got, truth = SMALL.score(maps), SMALL.scenes.truth
    full = torch.nn.functional.interpolate(maps, size=(64, 64), mode="bilinear", align_corners=False).argmax(dim=1)
    said = [(split.NAMES[p], split.NAMES[t]) for p, t in zip(full[truth >= 0].tolist(), truth[truth >= 0].tolist(), strict=True)]
    assert got["colour"] == pytest.approx(sum(p.split()[0] == t.split()[0] for p, t in said) / len(said))
    assert got["shape"] == pytest.approx(sum(p.split()[1] == t.split()[1] for p, t in said) / len(said))
    assert got["pixel"] == pytest.approx(sum(p == t for p, t in said) / len(said))


def test_a_patch_is_labelled_by_the_name_that_covers_half_of_it():
    labels, truth = SMALL.scenes.patches().view(-1, 8, 8), SMALL.scenes.truth
    for b in range(4):
        for i in range(8):
            for j in range(8):
                cell = truth[b, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8].flatten().tolist()
                most = max(set(cell) - {-1}, key=cell.count, default=-1)
                assert int(labels[b, i, j]) == (most if cell.count(most) >= 32 and most >= 0 else -1)
    assert (labels >= 0).any()


def test_names_words_and_wrong_words_agree(model):
    w = SMALL.words(model)
    assert w.shape == (24, model.config.embed_dim)
    wrong = SMALL.wrong_words(w)
    for i, given in enumerate(split.NAMES):
        j = next(k for k in range(24) if torch.equal(wrong[i], w[k]))
        assert split.NAMES[j].split()[0] != given.split()[0] and split.NAMES[j].split()[1] != given.split()[1]
    assert {split.NAMES[i].split()[1] for i in SMALL.novel} == {"star", "heart"}
    assert sorted(SMALL.novel + SMALL.base) == list(range(24)) and len(SMALL.novel) == 8


def test_training_scenes_are_neither_tested_nor_shared():
    images = [*(SMALL.images(which) for which in ("test", "labelled", "unlabelled")), Dense(test=12).scenes.images]
    seen = [image.numpy().tobytes() for part in images for image in part]
    assert len(set(seen)) == len(seen) == 12 + 24 + 8 + 12
    with pytest.raises(KeyError, match="cubist"):
        SMALL.images("cubist")


def test_the_floor_is_the_unmodified_tower(model):
    expected = look_inside(model, SMALL.scenes.images).dense
    torch.testing.assert_close(plain_tokens(SMALL.enter(model, "test")), expected, atol=1e-4, rtol=1e-3)


def test_what_is_kept_of_the_frozen_blocks_serves_every_seed_and_no_other_tower(model):
    protocol = Dense(test=4, labelled=4, unlabelled=4, worse=2)
    first = protocol.enter(model, "test")
    assert protocol.enter(model, "test").x is first.x
    shipped = [protocol.clip(seed) for seed in (0, 1, 2)]
    streams = [protocol.enter(m, "test") for m in shipped]
    assert all(s.x is streams[0].x for s in streams) and not torch.equal(streams[0].v, streams[1].v)
    other = protocol.untrained(0)
    for m in (*shipped, other):
        kept, anew = protocol.enter(m, "test"), enter_many(m, protocol.scenes.images)
        torch.testing.assert_close(kept.x, anew.x)
        torch.testing.assert_close(kept.branch(), anew.branch())
    with torch.no_grad():
        other.visual.blocks[0].mlp[0].weight.add_(1e-6)  # whatever lies before the last block counts
    assert protocol.enter(other, "test").x is not protocol.enter(protocol.untrained(0), "test").x


def test_chance_is_one_over_the_names_present_weighted_by_pixels():
    right = total = 0.0
    for t in SMALL.scenes.truth:
        names = set(t.flatten().tolist()) - {-1}
        if len(names) > 1:
            pixels = int((t >= 0).sum())
            right, total = right + pixels / len(names), total + pixels
    assert SMALL.chance == pytest.approx(right / total) and 0.25 <= SMALL.chance <= 0.5


def test_degraded_images_are_the_first_test_images_made_worse():
    clean = SMALL.scenes.images[:6]
    for kind in ("blur", "noise", "contrast"):
        mild, strong = ((SMALL.images(f"{kind} {severity}") - clean).abs().mean() for severity in (0.15, 0.4))
        assert 0 < mild < strong, kind
    assert len(WORSE) == 6 and torch.equal(SMALL.images("noise 0.4"), SMALL.images("noise 0.4"))


def test_a_seed_without_backbone_names_the_command():
    with pytest.raises(ValueError, match="dense_clip 987"):
        SMALL.clip(987)


def test_before_its_last_block_every_seed_is_scenes_clip_with_interpolated_positions():
    old, a, b = load("scenes-clip").state_dict(), start(1).state_dict(), start(2).state_dict()
    drawn = [k for k in a if not torch.equal(a[k], b[k])]
    assert all(k.startswith(("visual.blocks.3.", "visual.project", "text.position")) for k in drawn) and len(drawn) > 4
    changed = ("visual.position", "visual.class_token", "text.position", "visual.blocks.3.", "visual.norm.", "visual.project.")
    assert all(torch.equal(a[k], old[k]) for k in a if not k.startswith(changed))
    assert torch.equal(a["text.position"][:, :24], old["text.position"])
    assert a["visual.position"].shape == (1, 64, 128)
    ramp = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 4, 1).reshape(1, 16, 1)  # the row's number
    got = resized(ramp, 8).view(8, 8)
    assert torch.allclose(got, got[:, :1].expand(8, 8)) and bool((got[1:, 0] > got[:-1, 0]).all())


def test_the_learner_is_the_model_from_its_last_blocks_on():
    data, model = frozen(20), start(4)
    learner, batch = Learner(model, data), WORLD.batch(POOL_SEED, range(20))
    with torch.no_grad():
        images, texts = model.encode_image(batch.images), model.encode_text(model.tokenizer(batch.captions))
        torch.testing.assert_close(learner.encode_image(data.tokens.float()), images, atol=5e-3, rtol=1e-2)  # half precision
        torch.testing.assert_close(learner.encode_text(data.words.float(), data.end), texts, atol=5e-3, rtol=1e-2)
        out = learner(torch.arange(20), torch.arange(20))
    torch.testing.assert_close(out["image_features"].norm(dim=1), torch.ones(20))
    for i in range(20):
        assert [bool(g == data.group[i]) for g in data.group] == [c == batch.captions[i] for c in batch.captions]
