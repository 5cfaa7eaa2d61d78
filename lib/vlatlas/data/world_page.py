"""What the book's page of the world shows: figures, examples of its texts, and their fingerprints.

python -m vlatlas.data.world_page      draws everything anew into book/reference/world/
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from . import gallery
from .scenes import DATA_VERSION, World
from .scenes.edits import edit
from .scenes.english import realise
from .scenes.languages import Language, chinese, realise_all
from .scenes.negatives import foils, shuffled
from .scenes.questions import KINDS, ask, dialogue
from .scenes.wording import alt_text, long, negated, paraphrase

FOLDER = "book/reference/world"
WORDS, PRINTS = "words.txt", "fingerprints.json"


def fingerprint(figure) -> str:
    """sha256 of what a figure shows: titles, pictures in 8 bits, lines and points to three digits. It does not depend
    on matplotlib's version, as the bytes of its file do."""
    h = hashlib.sha256()
    for axis in figure.axes:
        h.update("".join(map(axis.get_title, ("left", "center", "right"))).encode())  # a style may have moved it
        for image in axis.images:
            values = np.asarray(image.get_array(), dtype=np.float64)
            low, span = values.min(), np.ptp(values) or 1.0
            if values.ndim == 3:
                low, span = 0.0, 1.0
            h.update(np.floor((values - low) / span * 255 + 0.4999).astype(np.uint8).tobytes())
        for line in axis.lines:
            h.update(np.round(np.asarray(line.get_xydata(), dtype=np.float64), 3).tobytes())
    return h.hexdigest()


def words() -> str:
    """A Markdown table: every kind of text the world tells of one scene."""
    world = World(resolution=64, objects=(2, 2), backgrounds=8, sizes=3)
    batch = world.batch(0, [3])
    statement = batch.statements[0]
    swaps = {k: foils(batch, k)[0] for k in ("attribute", "relation", "replace", "negate")}
    rows = [
        ("caption", batch.captions[0]),
        ("paraphrase", paraphrase(statement, 1)),
        ("long description", " ".join(long(batch, 8)[0])),
        ("alt text", alt_text(batch, 0.0, 0.0)[0][0]),
        ("negation, true", realise(negated(batch)[0])),
        *((f"false: {kind}", realise(s)) for kind, s in swaps.items() if s is not None),
        ("order shuffled", shuffled(batch.captions, batch.draw)[0]),
        ("instruction for an edit", edit(batch)[1][0]),
        *((f"question: {k}", f"{q.text} {q.answer}") for k in KINDS if (q := ask(batch, k)[0])),
        ("dialogue", " / ".join(f"{asked} – {answer}" for asked, answer in dialogue(batch, 3)[0])),
        ("Chinese", chinese(statement)),
        ("procedural, Greek script", realise_all(Language("te", "greek", 2, True, True, 0.2), [statement])[0]),
        ("procedural, Cyrillic script", realise_all(Language("ri", "cyrillic", 1, True, False, 0.2), [statement])[0]),
    ]
    return "| kind | text |\n|---|---|\n" + "".join(f"| {kind} | {text} |\n" for kind, text in rows)


def fingerprints() -> dict:
    """The data version, and the fingerprint of every figure as it is drawn now."""
    import matplotlib.pyplot as plt

    found = {}
    for name, draw in gallery.ALL.items():
        figure = draw()
        found[name] = fingerprint(figure)
        plt.close(figure)
    return {"data_version": DATA_VERSION, "figures": found}


def write(folder: Path) -> list[Path]:
    """Draw everything into a folder: one PNG per figure on a white ground, the texts, the fingerprints."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    found, files, sums = {}, [], {}
    for name, draw in gallery.ALL.items():
        figure = draw()
        found[name] = fingerprint(figure)
        path = folder / f"{name}.png"
        part = folder / f".{name}.part"
        figure.savefig(part, format="png", dpi=110, facecolor="white", pil_kwargs={"optimize": True})
        os.replace(part, path)
        plt.close(figure)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append(path)
    (folder / WORDS).write_text(words(), encoding="utf-8")
    prints = {"data_version": DATA_VERSION, "figures": found, "files": sums}
    (folder / PRINTS).write_text(json.dumps(prints, indent=1) + "\n", encoding="utf-8")
    return [*files, folder / WORDS, folder / PRINTS]


if __name__ == "__main__":
    from .. import paths

    for path in write(paths.root() / FOLDER):
        print(path)
