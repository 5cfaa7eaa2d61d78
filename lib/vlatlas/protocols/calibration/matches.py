"""Measures of matching: which text, photo or edited scene belongs to an image. As in `whole`."""

import torch

from ...evals import accuracy, encode_images, encode_texts
from .figure import ranked, separated


def web(split, model):
    images, texts, kinds, _ = split.pool(0, range(3000))
    score = (encode_images(model, images) * encode_texts(model, texts)).sum(dim=1)
    useful, useless = (torch.tensor([k == kind for k in kinds]) for kind in ("partial", "unrelated"))
    what = "useful against unrelated pairs by scenes-clip's similarity, area under the ROC curve"
    return what, separated(score[useful], score[useless]), 0.5


def sketches(split, model):
    values = [ranked(*(encode_images(model, x) for x in pair)) for pair in split.galleries()]
    return "photo from sketch, recall at 1 of 21 by scenes-clip, unseen categories", sum(values) / len(values), 1 / split.GALLERY


def edits(split, model):
    reference, texts, candidates = split.gallery(200)
    query = encode_images(model, reference) + encode_texts(model, texts)  # (200, D)
    u = encode_images(model, candidates.flatten(0, 1)).view(200, -1, query.shape[1])
    scores = (u @ query[:, :, None])[..., 0]
    scores[:, 1] = -torch.inf  # the reference itself is never the answer
    value = accuracy(scores.argmax(dim=1), torch.zeros(200).long())
    return "recall at 1 of 11, reference plus instruction by scenes-clip", value, 1 / 11


def clips(split, model):
    clip, captions = split.gallery("static")
    u = encode_images(model, clip.frames[:, 4])
    return "text from clip, recall at 1 of 500 by one frame, scenes-clip", ranked(u, encode_texts(model, captions)), 1 / 500


def binding(split, model):
    senses = split.test(300)
    u, v = encode_images(model, senses["image"]), encode_texts(model, senses["text"])
    return "text from image, recall at 1 of 300 by scenes-clip", ranked(u, v), 1 / 300


def multilingual(split, model):
    batch = split.WORLD.batch(split.TEST_SEED, range(1000))
    rows = list({t: b for b, t in enumerate(batch.captions)}.values())[:500]
    u, v = encode_images(model, batch.images[rows]), encode_texts(model, [batch.captions[b] for b in rows])
    return "English text from image, recall at 1 of 500 by scenes-clip", ranked(u, v), 1 / 500
