"""Photographs that come inside scikit-image (extra `pictures`), with the licence that its documentation states of each.

Only files that the package itself carries: nothing is fetched. Files whose licence is not stated there are left out.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .images import decode, square
from .pictures import REMEDY

CC0, PUBLIC, UNKNOWN = "CC0", "public domain", "no known copyright restrictions"
CATALOGUE = {  # file -> what it shows, licence, who made it (as scikit-image 0.26 states in skimage/data/_fetchers.py)
    "astronaut.png": ("an astronaut", PUBLIC, "NASA"),
    "brick.png": ("a brick wall", CC0, "CC0Textures"),
    "camera.png": ("a man with a camera", CC0, "Lav Varshney"),
    "cell.png": ("a cell under a microscope", CC0, "see skimage.data.cell"),
    "chelsea.png": ("a cat", CC0, "Stefan van der Walt"),
    "clock_motion.png": ("a blurred clock", PUBLIC, "Stefan van der Walt"),
    "coffee.png": ("a cup of coffee", CC0, "Rachel Michetti"),
    "coins.png": ("coins", UNKNOWN, "Brooklyn Museum Collection"),
    "grass.png": ("grass", CC0, "see skimage.data.grass"),
    "gravel.png": ("gravel", CC0, "CC0Textures"),
    "horse.png": ("the silhouette of a horse", CC0, "Andreas Preuss"),
    "hubble_deep_field.jpg": ("galaxies", PUBLIC, "NASA"),
    "ihc.png": ("stained tissue under a microscope", UNKNOWN, "see skimage.data.immunohistochemistry"),
    "retina.jpg": ("the retina of an eye", CC0, "see skimage.data.retina"),
    "rocket.jpg": ("a rocket", PUBLIC, "SpaceX"),
}


@dataclass(frozen=True)
class Photograph:
    """shows: in words, without a full stop; licence and author: as stated by scikit-image; path: of the file."""

    shows: str
    licence: str
    author: str
    path: Path

    def image(self, resolution: int = 224) -> Tensor:
        """(3, R, R) float32 in [0, 1], the short side resized, the middle kept."""
        return square(resolution)(decode(self.path))


def photographs() -> list[Photograph]:
    """Every photograph of `CATALOGUE`, in its order.

    Raises:
        ModuleNotFoundError: scikit-image is not installed; says how to install it. FileNotFoundError: this version of it no
        longer carries a file; names it.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"these photographs need the package scikit-image: {REMEDY}")
    folder, out = Path(spec.origin).parent / "data", []
    for name, (shows, licence, author) in CATALOGUE.items():
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: this version of scikit-image does not carry it; install 0.26")
        out.append(Photograph(shows, licence, author, folder / name))
    return out
