"""Image folders, COCO files and Hugging Face rows: the right content, and every loss counted."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from vlatlas.data.adapters import coco, hugging_face, image_folder
from vlatlas.data.manifest import Manifest
from vlatlas.data.scenes import World

WORLD = World(objects=(1, 3), resolution=48)


@pytest.fixture(scope="module")
def batch():
    return WORLD.batch(0, range(12))


def picture(batch, k) -> Image.Image:
    return Image.fromarray((batch.images[k].permute(1, 2, 0).numpy() * 255).astype(np.uint8))


def test_image_folder(batch, tmp_path):
    for k in range(12):
        folder = tmp_path / ("even" if k % 2 == 0 else "odd")
        folder.mkdir(exist_ok=True)
        picture(batch, k).save(folder / f"{k}.png")
    whole = (tmp_path / "odd/3.png").read_bytes()
    (tmp_path / "odd/3.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "odd/notes.txt").write_text("hello")
    m = Manifest("folder")
    found = list(image_folder(tmp_path, m))
    assert [(e.key, e.label) for e in found[:2]] == [("even/0.png", 0), ("even/10.png", 0)]
    assert (m.seen, m.kept, m.broken_image, m.no_image) == (13, 11, 1, 1) and len(found) == 11
    assert (np.asarray(found[0].image) == np.asarray(picture(batch, 0))).all()
    with pytest.raises(FileNotFoundError, match="no sub-folders"):
        list(image_folder(tmp_path / "odd", Manifest("x")))


@pytest.fixture
def annotated(batch, tmp_path):
    names = WORLD.classes("shape")
    images, captions, instances = [], [], []
    for k, scene in enumerate(batch.scenes):
        images.append({"id": 100 + k, "file_name": f"{k}.png"})
        if k != 4:
            picture(batch, k).save(tmp_path / f"{k}.png")
        if k != 5:
            captions += [{"image_id": 100 + k, "caption": t} for t in (batch.captions[k], "a picture. ")]
        for o in scene.objects:
            x0, y0, x1, y1 = o.box
            shape = names.index(o.shape) + 1
            box = [x0, y0, x1 - x0, y1 - y0]
            instances.append({"image_id": 100 + k, "category_id": shape, "bbox": box, "segmentation": [[x0, y0, x1, y1]]})
    instances.append({"image_id": 100, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1})
    categories = [{"id": i + 1, "name": n} for i, n in enumerate(names)]
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    (tmp_path / "instances.json").write_text(json.dumps({"images": images, "annotations": instances, "categories": categories}))
    return tmp_path


def test_coco_captions_and_boxes(annotated, batch):
    m = Manifest("coco")
    found = {e.key: e for e in coco(annotated / "captions.json", annotated, m)}
    assert (m.seen, m.kept, m.no_image, m.no_text) == (12, 10, 1, 1)
    assert found["3.png"].captions == (batch.captions[3], "a picture.")
    m = Manifest("coco")
    found = {e.key: e for e in coco(annotated / "instances.json", annotated, m, need="boxes")}
    assert (m.seen, m.kept, m.no_image) == (12, 11, 1)
    for k in (0, 7):
        objects = batch.scenes[k].objects
        assert found[f"{k}.png"].boxes == tuple(o.box for o in objects)
        assert found[f"{k}.png"].categories == tuple(o.shape for o in objects)
        assert len(found[f"{k}.png"].polygons) == len(objects)
    (annotated / "other.json").write_text("[]")
    with pytest.raises(ValueError, match="no 'images' and 'annotations'"):
        list(coco(annotated / "other.json", annotated, m))


def test_hugging_face_rows(batch):
    rows = [{"image": picture(batch, k), "caption": [batch.captions[k], " "]} for k in range(6)]
    rows[2]["image"], rows[3]["caption"], rows[4]["image"] = None, [], {"bytes": b"no image", "path": None}
    m = Manifest("rows")
    found = list(hugging_face(rows, m))
    assert (m.seen, m.kept, m.no_image, m.no_text, m.broken_image) == (6, 3, 1, 1, 1)
    assert found[1].captions == (batch.captions[1],)
    labelled = [{"img": picture(batch, k), "label": k} for k in range(3)]
    assert [e.label for e in hugging_face(labelled, Manifest("x"), image="img", text="label")] == [0, 1, 2]
    with pytest.raises(KeyError, match="the rows have img, label"):
        list(hugging_face(labelled, Manifest("x")))


@pytest.mark.skipif(importlib.util.find_spec("datasets") is not None, reason="the package datasets is installed")
def test_a_name_without_the_package_says_what_to_install():
    with pytest.raises(ModuleNotFoundError, match="pip install datasets"):
        list(hugging_face("nlphuji/flickr30k", Manifest("x")))
