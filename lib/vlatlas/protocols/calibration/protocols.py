"""Measures of protocols whose data are defined beside them, and not in `data.splits`. Each takes scenes-clip, and returns what
was measured, its value, the floor, and the digest of the test data."""

import random

import torch

from ...data import grounded
from ...data.referring import KINDS, expressions
from ...data.splits._digest import digest_of
from ...data.splits._tensors import fingerprint
from ...evals import accuracy, class_embeddings, encode_images, encode_texts, predict
from .figure import classified, crops


def adaptation(model):
    from ..adaptation import Adaptation

    protocol = Adaptation(test=1000)
    images, y = protocol.test_set(0)
    shifted, y_shifted = protocol.test_set(0, shifted=True)
    prompts = [protocol.world.prompts(shape=s, colour=c) for s, c in protocol.classes]
    what = "zero-shot accuracy of 16 classes, in styles that scenes-clip never saw"
    return what, classified(model, shifted, prompts, y_shifted), 1 / 16, fingerprint(images[:100], y, shifted[:100], y_shifted)


def few_shot(model):
    from ..few_shot import TEST, FewShot

    protocol = FewShot()
    images, y = (f(protocol.source, TEST, range(1000)) for f in (protocol.images, protocol.labels))
    value = accuracy(predict(encode_images(model, images), class_embeddings(model, protocol.prompts)), y)
    n = len(protocol.classes)
    return f"zero-shot accuracy of {n} classes, ensemble of prompts", value, 1 / n, fingerprint(images[:100], y)


def region(model):
    from ..region import TEST_SEED, Region

    batch = Region().world(split="novel").batch(TEST_SEED, range(200))
    scene, slot = (batch.masks.sum(dim=(2, 3)) >= 12).nonzero(as_tuple=True)
    seen = crops(batch.images, scene, batch.boxes[scene, slot].float())
    prompts = [batch.world.prompts(shape=s) for s in batch.world.shapes]
    value = classified(model, seen, prompts, batch.labels["shape"][scene, slot])
    return "zero-shot accuracy of shape on object crops, novel combinations", value, 1 / 8, fingerprint(batch.images, batch.masks)


def detection(model):
    values, shown = [], []
    for name in ("shapes", "pairs", "sizes"):
        world, things = grounded.TASKS[name]
        batch = world.batch(grounded.TEST_SEED, range(300))
        found = [
            (b, k, c)
            for b, scene in enumerate(batch.graphs)
            for k, o in enumerate(scene.objects)
            for c, thing in enumerate(things)
            if grounded.fits(o, thing)
        ]
        scene, slot, y = torch.tensor(found).T
        seen = crops(batch.images, scene, batch.boxes[scene, slot].float(), margin=0.3)
        values.append(classified(model, seen, [[f"a picture of a {grounded.words_of(t)}."] for t in things], y))
        shown += [batch.images[:50], y]
    return (
        "zero-shot accuracy of the classes on crops of true boxes, mean of three tasks",
        sum(values) / 3,
        1 / 4,
        fingerprint(*shown),
    )


def referring(model):
    from ..referring import TEST_SEED, WORLD

    batch = WORLD.batch(TEST_SEED, range(250))
    said = {k: expressions(batch.graphs, k, random.Random(f"{TEST_SEED}.{k}")) for k in KINDS}
    asked = [e for found in said.values() for e in found[:100]]
    counts = [len(batch.graphs[e.scene].objects) for e in asked]
    scene = torch.tensor([e.scene for e in asked]).repeat_interleave(torch.tensor(counts))
    box = torch.cat([batch.boxes[e.scene, :n] for e, n in zip(asked, counts, strict=True)]).float()
    proposals = encode_images(model, crops(batch.images, scene, box)).split(counts)
    v = encode_texts(model, [f"a picture of {e.text}" for e in asked])
    right = [int((u @ v[k]).argmax()) == asked[k].target for k, u in enumerate(proposals)]
    chance = [1 / n for n in counts]
    texts = [f"{e.scene} {e.target} {e.text}" for found in said.values() for e in found]
    what = "the crop that fits an expression best, four kinds alike, scenes-clip"
    return what, sum(right) / len(right), sum(chance) / len(chance), digest_of(WORLD, seed=TEST_SEED, texts=texts)


PROTOCOLS = {f.__name__: f for f in (adaptation, few_shot, region, detection, referring)}
