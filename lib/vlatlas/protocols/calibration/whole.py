"""Measures on whole images: classification, shifts, counts. Each takes the split's module and scenes-clip, and returns
what was measured, its value and the floor."""

import torch

from ...evals import accuracy, encode_images, predict
from .figure import classified, probed, small

SHAPE = "zero-shot accuracy of shape"


def _shapes(world) -> list[list[str]]:
    return world.class_prompts("shape")


def unseen(split, model):
    batch = split.NOVEL.batch(split.TEST_SEED, range(1000))
    value = classified(model, batch.images, _shapes(split.NOVEL), batch.labels["shape"][:, 0])
    return f"{SHAPE}, novel combinations", value, 1 / 8


def distillation(split, model):
    batch = split.test(novel=True)
    value = classified(model, batch.images, _shapes(split.NOVEL), batch.labels["shape"][:, 0])
    return f"the teacher's {SHAPE}, novel combinations", value, 1 / 8


def shifted(split, model):
    values = []
    for kind in split.KINDS:
        images, labels = split.test(kind, 3, 500)
        values.append(classified(model, images, _shapes(split.WORLD), labels["shape"][:, 0]))
    return f"{SHAPE}, mean of six shifts at severity 3", sum(values) / len(values), 1 / 8


def tokens(split, model):
    train, test = split.WORLD.batch(0, range(2000)), split.test()
    y = [b.labels["shape"][:, 0] for b in (train, test)]
    return "linear probe of shape on pixels, 2,000 labels", probed(small(train.images), y[0], small(test.images), y[1]), 1 / 6


def domains(split, model):
    train, test = split.leave_out("sketch")
    a, b = train.batch(0, range(2000)), test.batch(split.TEST_SEED, range(1000))
    u = [encode_images(model, x.images) for x in (a, b)]
    value = probed(u[0], a.labels["shape"][:, 0], u[1], b.labels["shape"][:, 0])
    return "linear probe of shape on scenes-clip, three styles to the fourth (sketch)", value, 1 / 12


def noisy(split, model):
    batch, y, _ = split.train(0, 0.4, size=2000)
    test, y_test = split.test()
    value = probed(batch.images, y, test.images, y_test)
    return "linear probe on pixels, 2,000 labels of which 40 % are wrong", value, 1 / 12


def biased(split, model):
    train, test = split.train(0, range(2000)), split.test()
    u, u_test = encode_images(model, train.images), encode_images(model, test.images)
    value = probed(u, train.labels["shape"][:, 0], u_test, test.labels["shape"][:, 0])
    return "linear probe of shape on scenes-clip, biased training to unbiased test", value, 1 / 4


def openworld(split, model):
    images, y = split.test(1000)
    prompts = [split.WORLD.prompts(**c) for c in split.CLASSES]
    return "zero-shot accuracy of the known classes", classified(model, images, prompts, y), 1 / 16


def painted(split, model):
    images, _, _, batch = split.scenes("misleading", split.TEST_SEED, range(1000))
    return f"{SHAPE} under a misleading word", classified(model, images, _shapes(split.WORLD), batch.labels["shape"][:, 0]), 1 / 8


def anomaly(split, model):
    (x, _, k), (x_test, _, k_test) = (split.scenes(w, split.TEST_SEED, range(2000)) for w in (split.AUXILIARY, split.TARGET))
    u, u_test = (encode_images(model, small(i)) for i in (x, x_test))
    value = probed(u, (k >= 0).long(), u_test, (k_test >= 0).long())
    return "linear probe of defect on scenes-clip, other objects than in training", value, 0.5


def counting(split, model):
    def features(seed):
        batch, _, counts = split.scenes(seed, range(2000))
        return encode_images(model, small(batch.images)), counts.sum(dim=1)

    (u, n), (u_test, n_test) = features(0), features(split.TEST_SEED)
    common = n.mode().values
    return "linear probe of the total on scenes-clip", probed(u, n, u_test, n_test), (n_test == common).double().mean()


def fusion(split, model):
    def features(seed):
        images, _, labels, *_ = split.listings(seed, range(2000))
        return encode_images(model, images), labels["shape"]

    (u, y), (u_test, y_test) = features(0), features(split.TEST_SEED)
    return "linear probe of shape on the picture alone", probed(u, y, u_test, y_test), 1 / 6


def subjects(split, model):
    references = split.references()[:, 0]
    images, y = split.test()
    u, w = encode_images(model, small(images)), encode_images(model, small(references))
    return "which subject: the nearest of one reference each, by scenes-clip", accuracy(predict(u, w), y), 1 / 8


def guidance(split, model):
    images, sentences = split.drawings(), [[s] for _, s, _ in split.prompts()]
    y = torch.arange(len(sentences)).repeat_interleave(images.shape[1])
    value = classified(model, images.flatten(0, 1), sentences, y)
    return "zero-shot accuracy among the 48 sentences, on true drawings", value, 1 / 48


def video(split, model):
    def features(seed):
        clip, y = split.time(seed, range(1200))
        return torch.cat([encode_images(model, clip.frames[:, t]) for t in (0, -1)], dim=1), y

    (u, y), (u_test, y_test) = features(0), features(split.TEST_SEED)
    return "linear probe of motion on the first and last frame by scenes-clip", probed(u, y, u_test, y_test), 1 / 4
