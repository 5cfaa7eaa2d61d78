"""Measures with sentences to choose from: captions against foils, questions, descriptions. As in `whole`."""

import torch

from ...data.scenes.english import phrase, realise
from ...data.scenes.negatives import foils
from ...evals import encode_images, encode_texts
from .figure import chosen, small


def _against(model, batch, truths, kind: str, *which) -> float:
    """Share of scenes whose truth beats one foil of a kind."""
    false = foils(batch, kind, *which)
    rows = [b for b, f in enumerate(false) if f is not None]
    return chosen(model, batch.images[rows], [truths[b] for b in rows], [[realise(false[b])] for b in rows])


def compositional(split, model):
    batch, truths, _ = split.test("attribute", 500)
    others = [[t for t in truths[:50] if t != truth] for truth in truths]
    return "the true caption among those of 50 scenes, scenes-clip", chosen(model, batch.images, truths, others), 1 / 50


def captioning(split, model):
    batch, references = split.test()
    value = _against(model, batch, [r[0] for r in references], "replace", "shape")
    return "a reference against one with a wrong shape, scenes-clip", value, 0.5


def text_to_image(split, model):
    values = []
    for kind in split.KINDS:
        batch = split.test(kind)
        values.append(_against(model, batch, batch.captions, "replace", "shape"))
    return "prompt against one with a wrong shape, true pictures, mean of three tests, scenes-clip", sum(values) / 3, 0.5


def longtext(split, model):
    values = []
    for k in (1, 2, 3):  # what scenes-clip's 23 words have room for
        batch, truths, false, rows = split.test(k, 300)
        values.append(chosen(model, batch.images[rows], truths, [[f] for f in false]))
    return "true description against false, mean of one to three sentences, scenes-clip", sum(values) / 3, 0.5


def questions(split, model):
    numbers, asked = split.balanced("colour", 4000)
    batch, colours = split.WORLD.batch(split.TEST_SEED, numbers[:600]), split.WORLD.colours
    shapes = [q.text.split()[-1].rstrip("?") for q in asked[:600]]
    u = encode_images(model, small(batch.images))
    said = {(c, s): f"a picture of {phrase({'colour': c, 'shape': s})}." for c in colours for s in split.WORLD.shapes}
    v = dict(zip(said, encode_texts(model, list(said.values())), strict=True))
    guess = [max(colours, key=lambda c: (u[b] @ v[c, s]).item()) for b, s in enumerate(shapes)]
    right = torch.tensor([g == q.answer for g, q in zip(guess, asked, strict=False)])
    return "questions for a colour, the likeliest of eight sentences by scenes-clip", right.double().mean(), 1 / len(colours)
