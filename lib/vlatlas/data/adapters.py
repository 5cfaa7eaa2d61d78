"""Real data in other formats: image folders, COCO annotations, Hugging Face data sets. Each yields samples
one by one and keeps the same account of losses as the shards do."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .images import SUFFIXES, BrokenImage, decode
from .manifest import Manifest


@dataclass(frozen=True)
class Example:
    """One image with what is known of it. image: PIL, RGB. boxes: (x0, y0, x1, y1) in pixels; categories:
    their names; polygons: per box a list of flat [x, y, x, y, ...] outlines (COCO's)."""

    key: str
    image: object
    captions: tuple[str, ...] = ()
    label: int = -1
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    categories: tuple[str, ...] = ()
    polygons: tuple = field(default=())


def image_folder(root: str | Path, manifest: Manifest) -> Iterator[Example]:
    """ROOT/CLASS/IMAGE: classes are the sub-folders in alphabetical order; captions holds the class's name.

    Raises:
        FileNotFoundError: no sub-folder.
    """
    root = Path(root)
    folders = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    if not folders:
        raise FileNotFoundError(f"{root} has no sub-folders; an image folder is ROOT/CLASS/IMAGE.jpg")
    for label, folder in enumerate(folders):
        for path in sorted(folder.iterdir()):
            key = f"{folder.name}/{path.name}"
            if path.suffix.lower().lstrip(".") not in SUFFIXES:
                manifest.lose("no_image", key, "not an image file")
                continue
            image = _decode(path, key, manifest)
            if image is not None:
                manifest.keep(key, folder.name)
                yield Example(key, image, (folder.name,), label)


def coco(annotations: str | Path, images: str | Path, manifest: Manifest, need: str = "captions") -> Iterator[Example]:
    """COCO: a captions_*.json or instances_*.json file and the folder of its images.

    need: "captions" or "boxes": an image without any is counted as no_text. Crowd regions are left out.

    Raises:
        ValueError: a file that is no COCO annotation file, or an unknown `need`.
    """
    if need not in ("captions", "boxes"):
        raise ValueError(f"need {need!r} is unknown; use 'captions' or 'boxes'")
    data = json.loads(Path(annotations).read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not {"images", "annotations"} <= set(data):
        raise ValueError(f"{annotations} has no 'images' and 'annotations'; give a COCO captions or instances file")
    names = {c["id"]: c["name"] for c in data.get("categories", [])}
    numbers = {c: k for k, c in enumerate(sorted(names))}
    by_image = defaultdict(list)
    for a in data["annotations"]:
        if not a.get("iscrowd"):
            by_image[a["image_id"]].append(a)
    for entry in data["images"]:
        key, found = entry["file_name"], by_image[entry["id"]]
        captions = tuple(a["caption"].strip() for a in found if a.get("caption", "").strip())
        boxed = [a for a in found if "bbox" in a]
        if not (captions if need == "captions" else boxed):
            manifest.lose("no_text", key)
            continue
        path = Path(images) / key
        if not path.is_file():
            manifest.lose("no_image", key)
            continue
        image = _decode(path, key, manifest)
        if image is None:
            continue
        manifest.keep(key, list(captions) or [names[a["category_id"]] for a in boxed])
        boxes = tuple((x, y, x + w, y + h) for x, y, w, h in (a["bbox"] for a in boxed))
        label = numbers[boxed[0]["category_id"]] if boxed else -1
        categories = tuple(names[a["category_id"]] for a in boxed)
        yield Example(key, image, captions, label, boxes, categories, tuple(a.get("segmentation") for a in boxed))


def hugging_face(
    source: str | Iterable[dict],
    manifest: Manifest,
    split: str = "train",
    image: str = "image",
    text: str = "caption",
) -> Iterator[Example]:
    """A Hugging Face data set by name (streamed), by the folder it was saved to, or one that is already
    loaded: rows with an image column and a column of captions (a string, a list of strings) or of labels (an
    integer).

    Raises:
        ModuleNotFoundError: a name is given and the package `datasets` is not installed; says how to install
        it. KeyError: a column or split that the data set does not have; names those there are.
    """
    rows = _load(source, split) if isinstance(source, str) else source
    for k, row in enumerate(rows):
        key = str(k)
        for column in (image, text):
            if column not in row:
                raise KeyError(f"no column {column!r}; the rows have {', '.join(row)}: set image= and text=")
        value = row[text]
        label = value if isinstance(value, int) else -1
        captions = () if value is None or label >= 0 else (value,) if isinstance(value, str) else tuple(value)
        captions = tuple(c.strip() for c in captions if c and c.strip())
        if label < 0 and not captions:
            manifest.lose("no_text", key)
            continue
        if row[image] is None:
            manifest.lose("no_image", key)
            continue
        data = row[image]
        picture = _decode(data.get("bytes") or data.get("path") if isinstance(data, dict) else data, key, manifest)
        if picture is not None:
            manifest.keep(key, list(captions) or label)
            yield Example(key, picture, captions, label)


def _load(name: str, split: str):
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{name!r} by name needs the package datasets: pip install datasets, or pass a loaded data set"
        ) from error
    if not any((Path(name) / f).is_file() for f in ("state.json", "dataset_dict.json")):
        return datasets.load_dataset(name, split=split, streaming=True)
    saved = datasets.load_from_disk(name)
    if not isinstance(saved, datasets.DatasetDict):
        return saved
    if split not in saved:
        raise KeyError(f"no split {split!r} in {name}; there are {', '.join(saved)}")
    return saved[split]


def _decode(data, key: str, manifest: Manifest):
    try:
        return decode(data)
    except BrokenImage as error:
        manifest.lose("broken_image", key, str(error))
        return None
