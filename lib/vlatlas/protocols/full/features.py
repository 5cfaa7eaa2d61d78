"""Features of real images, and what follows from them without training: zero-shot accuracy, retrieval."""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data.adapters import coco
from ...data.images import square
from ...data.manifest import Manifest
from ...evals import accuracy, class_embeddings, predict, recall_at_k
from ...evals.retrieval_many import recall_with_several
from .classes import Classes
from .pairs import one_pass


def preprocess_of(model) -> Callable:
    """The model's own preprocessing: open_clip's transform, or the plain square of our towers."""
    return getattr(model, "preprocess", None) or square(model.config.image_size)


@torch.no_grad()
def encode(model, samples, device, batch_size: int = 256) -> tuple[Tensor, list]:
    """Unit features (N, D) on the CPU, and the second members, of a stream of (PIL image, anything)."""
    transform, parts, others = preprocess_of(model), [], []
    model.to(device).eval()
    stream = iter(samples)
    while chunk := list(itertools.islice(stream, batch_size)):
        images = torch.stack([transform(image) for image, _ in chunk]).to(device)
        parts.append(F.normalize(model.encode_image(images).float(), dim=-1).cpu())
        others += [other for _, other in chunk]
    if not parts:
        raise ValueError("no usable sample; the manifest says what was lost")
    return torch.cat(parts), others


def zero_shot(model, data: Classes, device) -> dict:
    """Zero-shot accuracy on a labelled data set, and the features for later use."""
    u, labels = encode(model, data, device)
    y = torch.tensor(labels)
    return {"accuracy": accuracy(predict(u, class_embeddings(model, data.prompts)), y), "features": u, "labels": y}


def retrieval(model, annotations, images, device) -> dict:
    """Recall at 1 and 5 on COCO captions, as in `evals.retrieval_many`; and what was lost of the data."""
    manifest = Manifest(str(annotations))
    u, captions = encode(model, ((e.image, e.captions) for e in coco(annotations, images, manifest)), device)
    owner = torch.tensor([i for i, c in enumerate(captions) for _ in c])
    v = class_embeddings(model, [[t] for c in captions for t in c])
    return recall_with_several(u, v, owner, (1, 5)) | {"data": manifest.summary()}


def paired_recall(source: str, device, text: str = "txt", limit: int = 1000) -> Callable:
    """evaluate(model) -> recall@1, image to text, among the first `limit` pairs of a source with distinct captions."""

    def evaluate(model) -> float:
        chosen, seen = [], set()
        for image, captions in one_pass(source, Manifest(source), text):
            if captions[0] not in seen:
                seen.add(captions[0])
                chosen.append((image, captions[0]))
            if len(chosen) == limit:
                break
        u, captions = encode(model, chosen, device)
        return recall_at_k(u, class_embeddings(model, [[c] for c in captions]), (1,))["image_to_text@1"]

    return evaluate
