"""Pairs from COCO files and from Hugging Face data sets: what is read, in which order, what is lost, what is refused."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from PIL import Image

from vlatlas.data.images import square
from vlatlas.data.manifest import Manifest
from vlatlas.data.scenes import World
from vlatlas.evals import class_embeddings
from vlatlas.models import load
from vlatlas.protocols.full.features import encode, paired_recall, retrieval
from vlatlas.protocols.full.pairs import Pairs, one_pass

WORLD = World()
HAS_DATASETS = importlib.util.find_spec("datasets") is not None


def picture(image) -> Image.Image:
    return Image.fromarray((image.permute(1, 2, 0).numpy() * 255).astype(np.uint8))


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    """Twelve images with two captions each; one file missing, one image without a caption."""
    folder, batch = tmp_path_factory.mktemp("coco"), WORLD.batch(20, range(12))
    images, captions = [], []
    for k in range(12):
        if k != 4:
            picture(batch.images[k]).save(folder / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png"})
        if k != 7:
            captions += [{"image_id": k, "caption": t} for t in (batch.captions[k], f"number {k}")]
    (folder / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    return f"coco:{folder / 'captions.json'}:{folder}", batch


def lengths(texts):
    return torch.tensor([len(t) for t in texts])


def test_coco_pairs_are_the_files_and_take_another_caption_in_every_pass(coco):
    source, batch = coco
    kept = [k for k in range(12) if k not in (4, 7)]
    stream = Pairs(source, square(32), lambda texts: texts, 10)
    images, texts = stream(0)
    assert list(texts) == [batch.captions[k] for k in kept]
    assert (images - batch.images[kept]).abs().max() <= 1 / 255
    again, second = stream(1)
    assert torch.equal(again, images) and list(second) == [f"number {k}" for k in kept] and stream.epoch == 1
    assert list(stream(2)[1]) == list(texts)
    assert (stream.manifest.kept, stream.manifest.no_image, stream.manifest.no_text) == (10, 1, 1)
    with pytest.raises(ValueError, match="10 usable pairs, fewer than a batch of 11"):
        Pairs(source, square(32), lengths, 11)(0)


def test_recall_on_coco_is_what_a_loop_over_captions_counts(coco):
    source, _ = coco
    model, (annotations, folder) = load("scenes-clip"), source.removeprefix("coco:").split(":")
    out = retrieval(model, annotations, folder, "cpu")
    pairs = list(one_pass(source, Manifest("x")))
    u, captions = encode(model, pairs, "cpu")
    texts = [(t, i) for i, c in enumerate(captions) for t in c]
    s = u.double() @ class_embeddings(model, [[t] for t, _ in texts]).double().T  # in float32 a product's order moves near-ties
    for k in (1, 5):
        own = [max(float(s[i, j]) for j, (_, o) in enumerate(texts) if o == i) for i in range(10)]
        ahead = [sum(float(s[i, j]) >= own[i] for j, (_, o) in enumerate(texts) if o != i) for i in range(10)]
        assert out[f"image_to_text@{k}"] == pytest.approx(np.mean([a < k for a in ahead]), abs=0.101)  # one near-tie
        behind = [sum(float(s[o, j]) >= float(s[i, j]) for o in range(10) if o != i) for j, (_, i) in enumerate(texts)]
        assert out[f"text_to_image@{k}"] == pytest.approx(np.mean([b < k for b in behind]))
    assert "kept 10 of 12" in out["data"] and out["image_to_text@5"] > 0.8
    assert paired_recall(source, "cpu", limit=6)(model) in [n / 6 for n in range(7)]


@pytest.mark.parametrize("source", ["coco:captions.json", "coco::folder", "hf:", "hf:name:train:jpg", "coco:a:b:c"])
def test_a_source_with_parts_missing_says_how_to_write_it(source):
    with pytest.raises(ValueError, match=f"is not of the form {source.split(':')[0]}:"):
        next(iter(Pairs(source, square(8), lengths, 1)._once()))


@pytest.mark.skipif(not HAS_DATASETS, reason="needs the package datasets")
def test_a_saved_hugging_face_data_set_is_read_by_its_folder(tmp_path):
    import datasets

    batch = WORLD.batch(3, range(9))
    rows = {"jpg": [picture(x) for x in batch.images], "txt": ["" if k == 3 else t for k, t in enumerate(batch.captions)]}
    table = datasets.Dataset.from_dict(rows).cast_column("jpg", datasets.Image())
    datasets.DatasetDict({"validation": table}).save_to_disk(tmp_path / "set")
    source = f"hf:{tmp_path / 'set'}:validation:jpg:txt"
    stream = Pairs(source, square(32), lambda texts: texts, 8)
    images, texts = stream(0)
    kept = [k for k in range(9) if k != 3]
    assert list(texts) == [batch.captions[k] for k in kept] and (images - batch.images[kept]).abs().max() <= 1 / 255
    assert (stream.manifest.kept, stream.manifest.no_text) == (8, 1)
    with pytest.raises(KeyError, match="no split 'train' in .*there are validation"):
        Pairs(f"hf:{tmp_path / 'set'}", square(32), lengths, 2)(0)
    with pytest.raises(KeyError, match="the rows have jpg, txt"):
        Pairs(f"hf:{tmp_path / 'set'}:validation:image:txt", square(32), lengths, 2)(0)


@pytest.mark.skipif(not HAS_DATASETS, reason="needs the package datasets")
def test_a_folder_of_parquet_files_is_streamed_by_its_name(tmp_path):
    import datasets

    batch = WORLD.batch(4, range(6))
    rows = {"image": [picture(x) for x in batch.images], "caption": [[c, "a picture."] for c in batch.captions]}
    table = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    (tmp_path / "data").mkdir()
    table.to_parquet(tmp_path / "data" / "train-0.parquet")
    stream = Pairs(f"hf:{tmp_path / 'data'}", square(32), lambda texts: texts, 6)
    assert list(stream(0)[1]) == batch.captions and list(stream(1)[1]) == ["a picture."] * 6
