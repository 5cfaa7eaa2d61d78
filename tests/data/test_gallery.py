"""The gallery draws everything there is, under its name."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from vlatlas.data import gallery
from vlatlas.data.scenes.degrade import DEFECTS, DEGRADATIONS
from vlatlas.data.scenes.vocabulary import BACKGROUNDS, COLOURS, SHAPES, STYLES, TEXTURES

NAMED = {
    "shapes": SHAPES,
    "colours": COLOURS,
    "textures": TEXTURES,
    "backgrounds": BACKGROUNDS,
    "styles": STYLES,
    "defects": DEFECTS,
    "degradations": [f"{k} 1.0" for k in DEGRADATIONS],
    "annotations": ["boxes", "instances", "parts", "depth", "temperature"],
    "senses": ["image", "map", "points"],
}


@pytest.mark.parametrize("name", gallery.ALL)
def test_every_figure_is_drawn_and_its_pictures_differ(name):
    figure = gallery.ALL[name]()
    titles = {a.get_title(where) for a in figure.axes for where in ("left", "center")}  # as the style in force sets them
    assert set(NAMED.get(name, ())) <= titles
    pictures = {np.asarray(i.get_array()).tobytes() for a in figure.axes for i in a.images}
    assert len(pictures) >= {"senses": 3, "annotations": 6, "splits": 3}.get(name, len(NAMED.get(name, range(8))))
    figure.savefig("/dev/null", format="png", dpi=40)
    plt.close(figure)
