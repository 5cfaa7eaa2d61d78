"""What a run depends on: the modules it uses, and each part by its own digest."""

import json

import pytest

from vlatlas.repro.digests import Inputs
from vlatlas.repro.sources import Sources, parameters_of, read_cells


@pytest.fixture
def library(tmp_path):
    """A small library: a imports b lazily and data.world; c stands alone."""
    folder = tmp_path / "vlatlas"
    files = {
        "__init__.py": "",
        "a.py": "def f():\n    from . import b\n    from .data.world import draw",
        "b.py": "import vlatlas.repro.runner",
        "c.py": "x = 1",
        "data/__init__.py": "",
        "data/world.py": "from ..deep.inner import y",
        "deep/__init__.py": "from .inner import y",
        "deep/inner.py": "y = 2",
        "repro/__init__.py": "",
        "repro/runner.py": "import vlatlas.c",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def write(tmp_path, *sources, prose="# t"):
    cells = [{"cell_type": "markdown", "source": prose, "metadata": {}}]
    cells += [{"cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": None} for s in sources]
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_the_closure_follows_lazy_and_relative_imports_and_stops_at_the_machinery(library):
    sources = Sources(library)
    used = ["a", "b", "data", "data.world", "deep", "deep.inner"]
    assert sources.closure({"vlatlas.a"}) == ["vlatlas", *(f"vlatlas.{name}" for name in used)]


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        ("a.py", "library"), ("b.py", "library"), ("deep/inner.py", "library"), ("data/world.py", "data"),
        ("c.py", None), ("repro/runner.py", None),
    ],
)  # fmt: skip
def test_an_edit_changes_the_digest_of_its_part_only_if_it_is_used(library, tmp_path, edit, part):
    notebook = write(tmp_path, "%matplotlib inline\nfrom vlatlas import a")
    before = Inputs.read(notebook, {}, Sources(library)).digests()
    (library / edit).write_text((library / edit).read_text() + "\n# changed")
    after = Inputs.read(notebook, {}, Sources(library)).digests()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == ({part, "key"} if part else set())


def test_prose_tags_and_parameters_count_outputs_do_not(library, tmp_path):
    sources = Sources(library)
    base = Inputs.read(write(tmp_path, "x = 1"), {"seeds": [0]}, sources).digests()
    assert Inputs.read(write(tmp_path, "x = 1", prose="# u"), {"seeds": [0]}, sources).digests()["notebook"] != base["notebook"]
    assert Inputs.read(write(tmp_path, "x = 1"), {"seeds": [1]}, sources).digests()["parameters"] != base["parameters"]
    path = write(tmp_path, "x = 1")
    data = json.loads(path.read_text())
    data["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hi"}]
    data["cells"][1]["source"] = ["x = 1"]  # as lines: the same source
    path.write_text(json.dumps(data))
    assert Inputs.read(path, {"seeds": [0]}, sources).digests() == base


def test_an_import_is_found_wherever_a_statement_can_stand(library):
    places = ["if x:\n  I", "if x:\n  1\nelse:\n  I", "for x in y:\n  I", "while 1:\n  1\nelse:\n  I", "with x:\n  I",
              "try:\n  I\nexcept A:\n  1", "try:\n  1\nexcept A:\n  I", "try:\n  1\nfinally:\n  I", "class A:\n  I",
              "async def f():\n  I", "match x:\n  case 1:\n    I", "def f():\n  def g():\n    if x:\n      I"]  # fmt: skip
    for place in places:
        assert Sources(library).named(place.replace("I", "import vlatlas.b")) == {"vlatlas.b"}, place


def test_a_checkpoint_counts_where_it_is_named(library, tmp_path):
    folder = library / "models" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "scenes-clip.safetensors").write_bytes(b"1")
    named, silent = write(tmp_path, 'load("scenes-clip")'), None
    before = Inputs.read(named, {}, Sources(library)).digests()
    (folder / "scenes-clip.safetensors").write_bytes(b"2")
    assert Inputs.read(named, {}, Sources(library)).digests()["data"] != before["data"]
    silent = Inputs.read(write(tmp_path, "x = 1"), {}, Sources(library)).digests()
    (folder / "scenes-clip.safetensors").write_bytes(b"3")
    assert Inputs.read(write(tmp_path, "x = 1"), {}, Sources(library)).digests() == silent


def test_frozen_inputs_are_those_of_the_start(library, tmp_path):
    inputs = Inputs.read(write(tmp_path, "from vlatlas import a"), {}, Sources(library))
    inputs.freeze()
    before = inputs.digests()
    (library / "b.py").write_text("edited while it ran")
    assert inputs.with_modules(["vlatlas.b"]).digests() == before
    assert Inputs.read(write(tmp_path, "from vlatlas import a"), {}, Sources(library)).digests() != before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": [1]}', '{"cells": [{}]}', "[" * 99_999])
def test_a_file_that_is_no_notebook(tmp_path, text):
    path = tmp_path / "n.ipynb"
    path.write_text(text)
    with pytest.raises(ValueError, match="is not a notebook"):
        read_cells(path)


def test_parameters_are_read_not_run():
    source = "profile = 'cpu'\nseeds: list = [0, 1]\nbad = __import__('os').getcwd()\nx, y = 1, 2"
    cells = [{"cell_type": "code", "source": source, "metadata": {"tags": ["parameters"]}}]
    assert parameters_of(cells) == {"profile": "cpu", "seeds": [0, 1], "bad": None}
    assert parameters_of([]) is None
