"""Other senses of the same scene: sound, heat, motion sensor, points in space, place on a map, gesture.

Each is a function of the scene's first objects and of (seed, index); what a sense does not carry is stated,
so that an experiment can check that it stays at chance.
"""

import numpy as np
import torch
from torch import Tensor

from .dense import depth
from .render import coordinates
from .textures import tri
from .vocabulary import COLOURS, SHAPES, TEXTURES

RATE, SECONDS = 8000, 0.5  # of the sound: hertz, seconds
MEL_BANDS, WINDOW, HOP = 32, 256, 128
DEGREES = {c: 15.0 + 5.0 * k for k, c in enumerate(COLOURS)}  # of the thermal image: the colour's temperature
JOINTS = ("hip", "neck", "head", "left hand", "right hand", "left foot", "right foot")


def waveform(batch) -> Tensor:
    """(B, 4000) float32 in [-1, 1], half a second at 8 kHz: each object sounds in turn. The shape is the
    pitch (scale steps from 200 Hz), the texture the timbre and tremolo, the size the loudness. Colour is not
    heard."""
    place, world = batch.layout, batch.world
    n, k = place.shape.shape
    length = int(RATE * SECONDS)
    counts = place.present.sum(axis=1)
    time = np.arange(length, dtype=np.float64) / RATE
    turn = np.minimum((time[None, :] / SECONDS * counts[:, None]).astype(np.int64), k - 1)  # (B, T) who sounds
    rows = np.arange(n)[:, None]
    steps = np.array([SHAPES.index(s) for s in world.shapes])[place.shape]
    hertz = np.array([round(200 * 2 ** (s / 6)) for s in range(len(SHAPES))], np.float64)[steps][rows, turn]
    texture = np.array([TEXTURES.index(t) for t in world.textures])[place.texture][rows, turn]
    loud = (0.35 + 0.5 * (place.size + 1) / len(world.sizes))[rows, turn]
    phase = hertz * time
    tone = tri(phase + 0.25)
    buzz = 2 * (phase - np.floor(phase)) - 1
    wave = np.where(texture % 2 == 1, 0.5 * tone + 0.5 * buzz, tone)
    tremolo = 0.75 + 0.25 * tri(time[None, :] * 12.0 * (texture // 2))
    hiss = batch.draw.noise("hiss", 1, length)[:, 0] - 0.5
    return torch.from_numpy(np.clip(wave * loud * tremolo + 0.02 * hiss, -1, 1).astype(np.float32))


def log_mel(wave: Tensor) -> Tensor:
    """Log-mel spectrogram (B, 32, 30) of waveforms (B, 4000): Hann windows of 256 samples every 128, 32
    triangular bands to 4 kHz on the mel scale 2595 log10(1 + f / 700), natural logarithm of power + 1e-5."""
    frames = wave.unfold(1, WINDOW, HOP) * torch.hann_window(WINDOW)
    power = torch.fft.rfft(frames.double()).abs().square()  # (B, frames, bins)
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    up = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    bank = torch.from_numpy(np.maximum(np.minimum(up, down), 0))
    return torch.log(power @ bank.T + 1e-5).transpose(1, 2).float()


def thermal(batch) -> Tensor:
    """(B, H, W) float32, degrees Celsius: the background at 10, each object at its colour's temperature (15
    to 70), cooler at the rim. Texture is not seen."""
    place, world = batch.layout, batch.world
    size = world.resolution
    out = np.full((len(batch), size, size), 10.0, np.float32)
    out += batch.draw.noise("thermal", size, size) - 0.5
    warm = np.array([DEGREES[c] for c in world.colours], np.float32)
    masks = batch.masks.numpy()
    for slot in range(masks.shape[1]):
        rows = np.flatnonzero(place.present[:, slot])
        if len(rows):
            x, y = coordinates(place, rows, slot, size)
            heat = warm[place.colour[rows, slot]][:, None, None] - 2 * (x * x + y * y)
            out[rows] = np.where(masks[rows, slot], heat, out[rows])
    return torch.from_numpy(out)


def imu(batch, steps: int = 64) -> Tensor:
    """(B, 6, steps) float32: accelerometer (m/s^2) and gyroscope (rad/s) of a hand that traces the first
    object: as many jerks as the shape's number, wider for a larger size, shaking for a texture. Colour is not
    felt."""
    place, world = batch.layout, batch.world
    t = (np.arange(steps, dtype=np.float64) / steps)[None, :]
    turns = np.array([SHAPES.index(s) + 1 for s in world.shapes])[place.shape[:, 0]][:, None]
    reach = (1.0 + place.size[:, 0])[:, None]
    shake = np.array([TEXTURES.index(x) for x in world.textures])[place.texture[:, 0]][:, None]
    start = batch.draw.uniform("imu.phase")
    a, b = tri(turns * t + start), tri(turns * t + start + 0.25)
    rattle = 0.4 * shake * tri(31 * t)
    noise = batch.draw.noise("imu.noise", 6, steps) - 0.5
    trace = np.stack([reach * a, reach * b, 9.81 + rattle, 0.5 * b, -0.5 * a, 0.3 * reach * a * b], axis=1)
    return torch.from_numpy((trace + 0.2 * noise).astype(np.float32))


def point_cloud(batch, points: int = 256) -> Tensor:
    """(B, points, 3) float32: x right, y up (shares of the frame), z away from the camera (m), of pixels on
    objects drawn with replacement. Colour and texture are not seen.

    Raises:
        ValueError: a scene without a visible pixel.
    """
    d, masks = depth(batch).numpy(), batch.masks.numpy().any(axis=1)
    u = batch.draw.uniform("points", points)
    size, out = batch.world.resolution, np.empty((len(batch), points, 3), np.float32)
    for b, mask in enumerate(masks):
        ys, xs = np.nonzero(mask)
        if len(ys) == 0:
            raise ValueError(f"scene {batch.draw.index[b]} shows no object; use a world with larger ones")
        pick = (u[b] * len(ys)).astype(np.int64)
        x, y = (xs[pick] + 0.5) / size, 1 - (ys[pick] + 0.5) / size
        out[b] = np.stack([x, y, d[b, ys[pick], xs[pick]]], axis=1)
    return torch.from_numpy(out)


def map_position(batch) -> Tensor:
    """(B, 2) float64: latitude and longitude in degrees. The background's kind fixes the band of latitude,
    the first object's colour the zone of longitude; within them the place is random. Shape and texture can't
    be told."""
    place, world = batch.layout, batch.world
    u = batch.draw.uniform("map", 2)
    band = (place.background + 0.1 + 0.8 * u[:, 0]) / len(world.backgrounds)
    zone = (place.colour[:, 0] + 0.1 + 0.8 * u[:, 1]) / len(world.colours)
    return torch.from_numpy(np.stack([140 * band - 60, 360 * zone - 180], axis=1))


def stick_figure(batch, steps: int = 16) -> tuple[Tensor, list[str]]:
    """A figure that gestures: (B, steps, 7, 2) float32 joint positions (x right, y up; see `JOINTS`) and
    captions. The motion is one of "waves", "jumps", "walks", "bows", fast or slow, independent of the
    picture."""
    kinds = ("waves", "jumps", "walks", "bows")
    kind = batch.draw.integers("stick.kind", 4)[:, 0]
    fast = batch.draw.integers("stick.fast", 2)[:, 0]
    t = (np.arange(steps) / steps)[None, :] * (1 + fast)[:, None] + batch.draw.uniform("stick.phase")
    swing, zero = tri(t), np.zeros(t.shape)
    k = kind[:, None]
    lift = np.where(k == 1, 0.3 * np.maximum(swing, 0), 0)
    drift = np.where(k == 2, 0.5 * ((t - t[:, :1]) / (1 + fast)[:, None]), 0)
    bend = np.where(k == 3, 0.35 * (1 + swing) / 2, 0)
    hand = np.where(k == 0, 0.3 * swing, 0)
    step = np.where(k == 2, 0.25 * swing, 0)
    raised = np.where(k == 0, 0.9, 0.0)
    joints = [
        (zero, zero), (bend, 0.6 - 0.5 * bend), (1.4 * bend, 0.8 - bend),
        (-0.3 + bend + zero, 0.1 + zero), (0.3 + bend + hand, 0.1 + raised),
        (-0.15 + step, -0.7 + zero), (0.15 - step, -0.7 + zero),
    ]  # fmt: skip
    out = np.stack([np.stack([x + drift, y + lift], axis=-1) for x, y in joints], axis=2)
    speed = ("slowly", "quickly")
    words = [f"a figure {kinds[m]} {speed[f]}." for m, f in zip(kind.tolist(), fast.tolist(), strict=True)]
    return torch.from_numpy(out.astype(np.float32)), words
