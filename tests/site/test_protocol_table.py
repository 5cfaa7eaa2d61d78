"""A protocol's records side by side: the records' numbers under their names, profiles apart, typos named."""

from types import SimpleNamespace

import pytest

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.repro.records import summarise
from vlatlas.repro.shown import number
from vlatlas.site import protocol_table
from vlatlas.site.protocol_table import ProtocolTable, by_profile, labels, rows_of


def record(**metrics):
    return SimpleNamespace(data={"metrics": {name: summarise(values) for name, values in metrics.items()}})


def test_lines_become_labels():
    assert labels(["acc_1: one image", "", " seconds : time: of one fit "]) == {
        "acc_1": "one image",
        "seconds": "time: of one fit",
    }
    for wrong in (["acc_1"], [": nothing"], ["acc_1:"], []):
        with pytest.raises(ValueError, match="metric: label"):
            labels(wrong)


def test_each_record_has_its_value_or_a_dash():
    records = [record(acc_1=[0.5, 0.7], zero=[0.25]), record(acc_1=[0.125, 0.125])]
    assert rows_of({"acc_1": "one", "zero": "none"}, records) == [["one", "0.6 ± 0.141", "0.125 ± 0"], ["none", "0.25", "–"]]
    with pytest.raises(ValueError, match="no record has acc_3"):
        rows_of({"acc_1": "one", "acc_3": "three"}, records)


def test_profiles_stay_apart_and_other_protocols_outside():
    found = catalogue.load(paths.root())
    for protocol in ("few-shot", "pretraining"):
        for profile, (names, records) in by_profile(found, protocol).items():
            assert {r.profile for r in records} == {profile} and len(names) == len(records)
            assert {found[r["slug"]].data["protocol"] for r in records} == {protocol}
    assert "Tip-Adapter" in by_profile(found, "few-shot")["cpu"][0]
    assert by_profile(found, "no-such") == {}


def test_the_directive_draws_the_committed_numbers(monkeypatch):
    found = catalogue.load(paths.root())
    monkeypatch.setattr(protocol_table, "atlas", lambda app: found)

    def drawn(protocol, *lines):
        page = SimpleNamespace(arguments=[protocol], content=list(lines), env=SimpleNamespace(app=None), error=RuntimeError)
        return ProtocolTable.run(page)

    tables = drawn("few-shot", "acc_16: 16 per class", "probe_16: the probe")
    names, records = by_profile(found, "few-shot")["cpu"]
    text = tables[0].astext()
    assert "profile cpu" in text and "16 per class" in text and all(name in text for name in names)
    assert all(number(record.data["metrics"]["acc_16"]["mean"]) in text for record in records)
    assert "has a record yet" in drawn("no-such", "acc_16: 16 per class")[0].astext()
    with pytest.raises(RuntimeError, match="no record has acc_17"):
        drawn("few-shot", "acc_17: 17 per class")
