"""Labelled real data in two layouts, and the prompts of their classes."""

from collections.abc import Iterator
from pathlib import Path

from ...data.adapters import image_folder
from ...data.manifest import Manifest
from ...data.webdata import benchmark, expand, read

TEMPLATES = ("a photo of a {c}.", "a picture of a {c}.", "an image of a {c}.")


class Classes:
    """A labelled data set: clip-benchmark's layout (FOLDER/classnames.txt) or an image folder (FOLDER/CLASS/IMAGE).

    Iterating yields (PIL image, label); `manifest` is the account of the latest pass. names: of the classes; prompts:
    one list of sentences per class.

    Raises:
        FileNotFoundError: neither layout.
    """

    def __init__(self, folder: str | Path, split: str = "test", licence: str = "unknown"):
        self.folder, self.split, self.licence = Path(folder), split, licence
        self.manifest = Manifest(str(folder), licence)
        self.layout = None
        if (self.folder / "classnames.txt").is_file():
            self.layout = benchmark(self.folder, split)
            if self.layout["type"] != "classification":
                raise ValueError(f"{folder} is a data set for {self.layout['type']}; give one for classification")
            self.names, self.prompts = self.layout["classnames"], self.layout["prompts"]
            return
        if not self.folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}; give clip-benchmark's layout or an image folder")
        self.names = [p.name.replace("_", " ") for p in sorted(self.folder.iterdir()) if p.is_dir()]
        self.prompts = [[t.replace("{c}", n) for t in TEMPLATES] for n in self.names]
        if not self.names:
            raise FileNotFoundError(f"{folder} has neither classnames.txt (clip-benchmark's layout) nor a sub-folder per class")

    def __iter__(self) -> Iterator[tuple[object, int]]:
        self.manifest = Manifest(str(self.folder), self.licence)
        if self.layout is None:
            yield from ((e.image, e.label) for e in image_folder(self.folder, self.manifest))
            return
        for url in expand(self.layout["shards"]):
            for key, image, label in read(url, self.manifest, "cls"):
                if not label.isdigit() or int(label) >= len(self.names):
                    raise ValueError(f"{url}: {key} has label {label!r}; classnames.txt has {len(self.names)} lines")
                yield image, int(label)
