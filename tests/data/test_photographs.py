"""Photographs inside scikit-image: whole, licensed, not fetched; and one clear error without the package."""

import importlib.util

import pytest
import torch

from vlatlas.data import photographs as p

needs = pytest.mark.skipif(importlib.util.find_spec("skimage") is None, reason=f"needs scikit-image: {p.REMEDY}")


@needs
def test_every_photograph_is_whole_and_another_one(monkeypatch):
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("a photograph was fetched"))
    found = p.photographs()
    images = torch.stack([x.image(48) for x in found])
    assert images.shape == (len(p.CATALOGUE), 3, 48, 48) and 0 <= images.min() and images.max() <= 1
    assert len(images.flatten(1).unique(dim=0)) == len(found) and (images.flatten(1).std(dim=1) > 0.01).all()
    assert len({x.shows for x in found}) == len(found) and all(x.licence in (p.CC0, p.PUBLIC, p.UNKNOWN) for x in found)


@needs
def test_the_licences_are_those_that_the_package_states():
    import inspect

    import skimage.data

    functions = {"camera.png": "camera", "chelsea.png": "chelsea", "coffee.png": "coffee", "brick.png": "brick"}
    functions |= {"grass.png": "grass", "gravel.png": "gravel", "horse.png": "horse", "retina.jpg": "retina", "cell.png": "cell"}
    functions |= {"astronaut.png": "astronaut", "rocket.jpg": "rocket", "clock_motion.png": "clock"}
    functions |= {"coins.png": "coins", "ihc.png": "immunohistochemistry", "hubble_deep_field.jpg": "hubble_deep_field"}
    assert set(functions) == set(p.CATALOGUE)
    for file, name in functions.items():
        text = " ".join(inspect.getdoc(getattr(skimage.data, name)).split()).lower()
        assert p.CATALOGUE[file][1].lower() in text, file


@needs
def test_a_file_that_is_gone_is_named(monkeypatch):
    monkeypatch.setitem(p.CATALOGUE, "dog.png", ("a dog", p.CC0, "nobody"))
    with pytest.raises(FileNotFoundError, match=r"dog\.png is missing"):
        p.photographs()


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'scikit-image: pip install "vlatlas\[pictures\]"'):
        p.photographs()
