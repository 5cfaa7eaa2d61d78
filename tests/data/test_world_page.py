"""The page of the world shows what the world is now."""

import hashlib
import json
import re

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from vlatlas import paths
from vlatlas.data import gallery, world_page

FOLDER = paths.root() / world_page.FOLDER
PAGE = (FOLDER.parent / "world.md").read_text(encoding="utf-8")
REMEDY = "run: python -m vlatlas.data.world_page"


def test_figures_and_texts_are_fresh():
    stored = json.loads((FOLDER / world_page.PRINTS).read_text())
    fresh = world_page.fingerprints()
    assert stored["data_version"] == fresh["data_version"], REMEDY
    assert stored["figures"] == fresh["figures"], REMEDY
    assert (FOLDER / world_page.WORDS).read_text(encoding="utf-8") == world_page.words(), REMEDY
    for name, digest in stored["files"].items():
        assert hashlib.sha256((FOLDER / f"{name}.png").read_bytes()).hexdigest() == digest, REMEDY


def test_a_fingerprint_sees_a_changed_picture_line_and_title():
    def figure(value=0.0, y=1.0, title="a"):
        fig, ax = plt.subplots()
        ax.imshow([[value, 1.0], [0.5, 0.0]])
        ax.plot([0, 1], [0, y])
        ax.set_title(title)
        plt.close(fig)
        return world_page.fingerprint(fig)

    assert figure() == figure()
    assert len({figure(), figure(value=0.2), figure(y=2.0), figure(title="b")}) == 4


def test_a_style_that_moves_titles_changes_no_fingerprint():
    def print_of(title):
        fig, ax = plt.subplots()
        ax.set_title(title)
        plt.close(fig)
        return world_page.fingerprint(fig)

    centred = print_of("a")
    with matplotlib.rc_context({"axes.titlelocation": "left"}):
        assert print_of("a") == centred != print_of("b")


def test_every_figure_is_on_the_page_with_words_for_it():
    blocks = re.findall(r"```\{figure\} world/(\w+)\.png\n(.*?)\n\n(.*?)\n```", PAGE, re.S)
    assert [name for name, _, _ in blocks] == list(dict.fromkeys(n for n, _, _ in blocks))
    assert {name for name, _, _ in blocks} == set(gallery.ALL) == {p.stem for p in FOLDER.glob("*.png")}
    for name, options, caption in blocks:
        alt = re.search(r":alt: (.+)", options)
        assert alt and len(alt.group(1)) > 30 and len(caption) > 15, name
        assert alt.group(1) != caption


def test_the_data_card_says_what_the_world_cannot_carry():
    for part in ("## Data card", "**What it is for.**", "**What it is not.**", "**What it cannot carry.**", "world/words.txt"):
        assert part in PAGE
