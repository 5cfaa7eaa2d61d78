"""Every other sense: the committed digest, what it carries, and what it must not carry."""

import hashlib

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from vlatlas.data.scenes import World
from vlatlas.data.scenes import senses as S
from vlatlas.data.scenes.dense import depth
from vlatlas.data.scenes.video import VERBS, clips, shuffled

WORLD = World(objects=(1, 2))
DIGESTS = {  # sha256 over the first 1,000 samples, rounded to 1/64 of the unit
    "waveform": "cae584de78727cc5ecfac61757499263b6ec022aa40a36d946e5247eca79d701",
    "thermal": "1b28e05b8d11c2d0b55e8971bec5143d07af45d3c4612f22a43942c1f8d7126d",
    "imu": "8ac34c7b4c25fa07ce6d2590e246973d006819b1fb7b06e04e84a129803af87b",
    "point_cloud": "31f22260df8441de26c1c218b4571ec6129e76b5ad2759d2a715ab999e3a0aff",
    "map_position": "efc5979b55670231a3a6c07d565b4b1a64e56671d4a5a1e32fa4756aa0d0509f",
    "stick_figure": "aa6ec12d76adc783fa7e8febaca9372fed2e9c9e7767d81b56623cd58464d454",
    "depth": "469b0c96f5b2dea8e57494a1b1ff6246f4327e5fa981cefea0865537144589b5",
    "video": "0689a1cd118aa34b46c8ead10853cfd3e743a521f0be012f18c2c412558dd60a",
}


def sample(name, index=range(1000)):
    batch = WORLD.batch(0, index)
    if name == "video":
        return clips(batch, 4).frames
    out = depth(batch) if name == "depth" else getattr(S, name)(batch)
    return out[0] if isinstance(out, tuple) else out


def fingerprint(values: torch.Tensor) -> str:
    return hashlib.sha256(np.floor(values.double().numpy() * 64 + 0.4999).astype(np.int32).tobytes()).hexdigest()


@pytest.mark.parametrize("name", DIGESTS)
def test_first_thousand_samples_are_the_committed_ones(name):
    assert fingerprint(sample(name)) == DIGESTS[name]


@pytest.mark.parametrize("name", DIGESTS)
def test_a_sample_does_not_depend_on_its_batch(name):
    assert torch.equal(sample(name, [17, 3]), sample(name, range(20))[[17, 3]])


def probe(features, labels) -> float:
    """Held-out accuracy of a linear classifier."""
    x = features.flatten(1).double().numpy()
    x = (x - x.mean(0)) / (x.std(0) + 1e-6)
    half = len(x) * 3 // 4
    return LogisticRegression(C=0.05, max_iter=500).fit(x[:half], labels[:half]).score(x[half:], labels[half:])


def test_senses_carry_what_they_should_and_nothing_else():
    batch = World(shapes=4, colours=4).batch(0, range(1200))
    label = {a: batch.labels[a][:, 0].numpy() for a in ("shape", "colour", "texture")}
    mel = S.log_mel(S.waveform(batch))
    assert probe(mel, label["shape"]) > 0.95 and probe(mel, label["colour"]) < 0.35
    heat = S.thermal(batch)
    assert probe(heat, label["colour"]) > 0.9 and probe(heat, label["texture"]) < 0.45
    trace = S.imu(batch)
    spectrum = torch.fft.rfft(trace[:, :3]).abs()
    assert probe(spectrum, label["shape"]) > 0.9 and probe(trace, label["colour"]) < 0.35
    where = S.map_position(batch)
    zone = ((where[:, 1] + 180) / 360 * 4).long().numpy()
    assert (zone == label["colour"]).all() and probe(where, label["shape"]) < 0.35
    assert (where[:, 0].abs() <= 90).all() and (where[:, 1].abs() <= 180).all()


def test_log_mel_of_a_pure_tone_peaks_in_its_band():
    t = torch.arange(4000) / S.RATE
    mel = S.log_mel(torch.sin(2 * torch.pi * torch.tensor([[300.0], [1500.0]]) * t))
    assert mel.shape == (2, 32, 30)
    top = 2595 * np.log10(1 + 4000 / 700)
    for hertz, rows in zip((300, 1500), mel, strict=True):
        centre = 2595 * np.log10(1 + hertz / 700) / top * 33 - 1
        assert abs(rows.mean(dim=1).argmax().item() - centre) <= 1


def test_points_lie_on_the_objects():
    batch = WORLD.batch(0, range(50))
    cloud = S.point_cloud(batch, 64)
    col, row = (cloud[..., 0] * 32).long(), ((1 - cloud[..., 1]) * 32).long()
    mask = batch.masks.any(dim=1)
    assert mask[torch.arange(50)[:, None], row, col].all() and cloud[..., 2].max() <= 3


def test_gestures_are_told_as_they_are():
    joints, words = S.stick_figure(WORLD.batch(0, range(400)))
    hip = joints[:, :, 0]
    for path, arm, text in zip(hip, joints[:, :, 4], words, strict=True):
        kind = text.split()[2]
        assert (path[-1, 0] - path[0, 0] > 0.3) == (kind == "walks")
        assert (path[:, 1].max() - path[:, 1].min() > 0.1) == (kind == "jumps")
        assert (arm[:, 1].min() > 0.5) == (kind == "waves")


@pytest.fixture(scope="module")
def moving():
    return clips(World().batch(1, range(600)), 6)


def test_motion_is_what_the_verb_says(moving):
    masks = moving.masks[:, :, 0].float()
    grid = torch.arange(32).float()
    mass = masks.sum(dim=(2, 3))
    x = (masks.sum(dim=2) * grid).sum(-1) / mass.clamp(min=1)
    y = (masks.sum(dim=3) * grid).sum(-1) / mass.clamp(min=1)
    for b, (verb,) in enumerate(moving.verbs):
        dx, dy, dm = x[b, -1] - x[b, 0], y[b, -1] - y[b, 0], mass[b, -1] - mass[b, 0]
        if verb.startswith("moves"):
            assert (dx < -3) if verb == "moves left" else (dx > 3)
        elif verb in ("rises", "falls"):
            assert (dy < -3) if verb == "rises" else (dy > 3)
        elif verb in ("grows", "appears"):
            assert dm > 0
        elif verb in ("shrinks", "vanishes"):
            assert dm < 0
        else:
            assert dm.abs() < 0.15 * mass[b, 0] and (masks[b, 0] != masks[b, -1]).any()
        assert moving.captions[b].rstrip(".").endswith(verb)


def test_a_motion_and_its_reverse_have_the_same_frames():
    """The bag of frames does not tell the direction, only their order does."""
    batch = World().batch(1, range(40))
    for verb, back in VERBS.items():
        a, b = clips(batch, 4, (verb,)).frames, clips(batch, 4, (back,)).frames
        assert torch.allclose(a, b.flip(1), atol=2e-4), verb


def test_ordered_clips_narrate_who_moves_when():
    batch = World(objects=(2, 2)).batch(1, range(50))
    clip = clips(batch, 8, ("moves left", "moves right"), order=True)
    for b, told in enumerate(clip.narration):
        assert [(s, e) for s, e, _ in told] == [(0, 4), (4, 8)] and " and then " in clip.captions[b]
        first, second = clip.masks[b, :, 0], clip.masks[b, :, 1]
        assert not ((first[5] ^ first[7]) & ~(second[5] | second[7])).any()  # it rests, though it may be hidden
        assert (second[0] == second[2]).all()
        assert (first[0] != first[3]).any() and (second[5] != second[7]).any()
    still = clips(batch, 4, share=0.0)
    assert torch.equal(still.frames[:, 0], still.frames[:, 3]) and set(sum(still.verbs, [])) == {"stands still"}


def test_shuffled_clips_hold_the_same_frames(moving):
    mixed = shuffled(moving, World().batch(1, range(600)).draw)
    sums = [f.frames.sum(dim=(2, 3, 4)).sort(dim=1).values for f in (moving, mixed)]
    assert torch.equal(*sums) and not torch.equal(moving.frames, mixed.frames)
    with pytest.raises(ValueError, match="'flies'"):
        clips(World().batch(0, [0]), 4, ("flies",))
