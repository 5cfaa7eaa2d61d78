"""Every door, with inputs that once broke it and with random ones. VLATLAS_EXAMPLES sets how many per door (default 300)."""

import importlib.util
import os
import random
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = int(os.environ.get("VLATLAS_EXAMPLES", "300"))


def load(name: str):
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


targets, seeds = load("targets"), load("seeds")
NAMES = [t.__name__ for t in targets.TARGETS]
FOUND = sorted(p for p in (HERE / "found").iterdir() if p.suffix != ".md")


def mutated(chance: random.Random, whole: list[bytes], parts: list[bytes]) -> bytes:
    """A valid input with a few cuts, flips and insertions, or pieces strung together."""
    if parts and chance.random() < 0.5:
        return b"".join(chance.choices(parts, k=chance.randint(1, 20)))
    data = bytearray(chance.choice(whole))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        what = chance.random()
        if what < 0.3:
            data[at : at + chance.randint(1, 12)] = b""
        elif what < 0.6 and at < len(data):
            data[at] = chance.randrange(256)
        elif parts and what < 0.8:
            data[at:at] = chance.choice(parts)
        else:
            data[at:at] = bytes(chance.choices(range(256), k=chance.randint(1, 8)))
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_input_passes_and_random_neighbours_break_nothing(name):
    target, whole = getattr(targets, name), seeds.whole(name)
    parts = [p.encode("utf-8", "replace") for p in seeds.PARTS.get(name, ())]
    chance = random.Random(name)
    for data in [b"", *whole, *(mutated(chance, whole, parts) for _ in range(EXAMPLES))]:
        try:
            target(data)
        except (Exception, targets.Escape) as error:
            pytest.fail(f"{name} on {data!r}: {type(error).__name__}: {error}")


@pytest.mark.parametrize("path", FOUND, ids=lambda p: p.name)
def test_what_once_broke_a_reader_breaks_it_no_more(path):
    getattr(targets, path.name.split("-")[0])(path.read_bytes())


def test_the_watch_sees_escapes(tmp_path):
    """Otherwise "no escape" would mean nothing."""
    import pickle
    import subprocess

    def swallow(act):
        try:
            act()
        except BaseException as error:
            return error

    acts = [
        lambda: os.system("true"),
        lambda: subprocess.run(["true"], check=False),
        lambda: open(tmp_path / "outside", "w"),
        lambda: pickle.loads(b"cos\nsystem\n."),
    ]
    for act in acts:
        with pytest.raises(targets.Escape):
            with targets.WATCH:
                swallow(act)
    assert not (tmp_path / "outside").exists()
