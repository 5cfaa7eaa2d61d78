"""Records: sealed, validated, written whole, and refused with a reason."""

import copy
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlatlas.repro import atomic
from vlatlas.repro.records import Record, RecordError, seal, summarise, validate

# How many inputs each fuzz test tries: VLATLAS_EXAMPLES, 300 by default.
FUZZ = settings(max_examples=int(os.environ.get("VLATLAS_EXAMPLES", "300")), deadline=None)


def sample() -> dict:
    parts = ("notebook", "parameters", "library", "data", "environment", "key")
    claim = {
        "id": "a",
        "says": "s",
        "paper": {"value": "1", "where": "w"},
        "measured": [],
        "check": "gain > 1",
    }
    data = {
        "schema": 1,
        "slug": "toy",
        "profile": "cpu",
        "seeds": [0, 1],
        "parameters": {"profile": "cpu"},
        "metrics": {"gain": summarise([1.0, 2.0])},
        "claims": [claim | {"verdict": "reproduced"}],
        "controls": [],
        "verdict": "reproduced",
        "figures": {},
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:00:01Z",
        "provenance": {"device": "cpu", "digests": dict.fromkeys(parts, "0")},
        "elapsed_s": 1.0,
        "peak_memory_mb": 10,
    }
    data["provenance"]["digests"]["record"] = seal(data)
    return data


def test_round_trip_keeps_the_seal(tmp_path):
    path = tmp_path / "record.json"
    Record(sample()).write(path)
    assert Record.read(path).sealed
    assert Record.read(path).data == sample()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("metrics", "gain", "values", 0), 9.0),
        (("metrics", "gain", "mean"), 9.0),
        (("claims", 0, "verdict"), "not reproduced"),
        (("verdict",), None),
        (("seeds", 1), 7),
        (("provenance", "device"), "a better one"),
        (("finished",), "2027-01-01T00:00:01Z"),
    ],
)
def test_every_edit_by_hand_breaks_the_seal(tmp_path, place, value):
    data = sample()
    *way, last = place
    target = data
    for step in way:
        target = target[step]
    target[last] = value
    path = tmp_path / "record.json"
    path.write_text(json.dumps(data))
    assert not Record.read(path).sealed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 0}, "schema 0, where 1 is read; rerun"),
        ({"schema": 2}, "update vlatlas"),
        ({"schema": None}, "rerun"),
        ({"slug": "../x"}, "not a slug"),
        ({"profile": "huge"}, "profile 'huge'"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [True]}, "seeds"),
        ({"metrics": {"a b": summarise([1.0])}}, "'a b'"),
        ({"metrics": {"gain": {"values": [1.0, 2.0, 3.0], "mean": 2, "sd": 1}}}, "one value per seed"),
        ({"metrics": {"gain": {"values": [1.0, None], "mean": 1, "sd": None}}}, "finite"),
        ({"claims": [{"id": "a"}]}, "a claim lacks"),
        ({"claims": [sample()["claims"][0] | {"verdict": "superb"}]}, "superb"),
        ({"provenance": {}}, "digests"),
        ({"elapsed_s": "long"}, "elapsed_s"),
    ],
)
def test_a_record_of_another_shape_is_refused_by_name(tmp_path, change, words):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(sample() | change))
    with pytest.raises(RecordError, match="record.json") as error:
        Record.read(path)
    assert words in str(error.value)


def test_every_truncation_is_refused(tmp_path):
    path, whole = tmp_path / "record.json", json.dumps(sample()).encode()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(RecordError, match="damaged"):
            Record.read(path)


@FUZZ
@given(st.data())
def test_a_record_with_anything_in_a_field_is_valid_or_refused(data):
    record = copy.deepcopy(sample())
    rubbish = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    record[data.draw(st.sampled_from(sorted(record)))] = data.draw(rubbish)
    try:
        validate(record, "record.json")
    except RecordError as error:
        assert "; " in str(error)


def test_metric_summaries():
    assert summarise([1.0, 3.0]) == {"values": [1.0, 3.0], "mean": 2.0, "sd": pytest.approx(2**0.5)}
    assert summarise([1.0])["sd"] is None


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    atomic.write_text(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_link_is_replaced_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        atomic.point(tmp_path / "sub" / "link", tmp_path / name)
        assert os.readlink(tmp_path / "sub" / "link") == f"../{name}"
    assert os.listdir(tmp_path / "sub") == ["link"]
