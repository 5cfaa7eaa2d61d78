"""The few-shot table says what was measured, and a dash where nothing was."""

import pytest

from vlatlas.protocols.few_shot_table import probe_columns, table

SEEDS = [
    {"acc_1": 0.5, "acc_2": 0.6, "base": 0.8, "new": 0.4, "hm": 0.53, "shift": 0.3, "seconds": 2.0},
    {"acc_1": 0.7, "acc_2": 0.6, "base": 0.8, "new": 0.4, "hm": 0.53, "shift": 0.3, "seconds": 9.0},
    {"acc_1": 0.6, "acc_2": 0.6, "base": 0.8, "new": 0.4, "hm": 0.53, "shift": 0.3, "seconds": 1.0},
]


def cells(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_means_spreads_medians_and_dashes():
    found = cells(
        table({"CoOp": SEEDS, "probe": [{"acc_1": 0.25, "acc_2": 0.5, "base": 0.9, "shift": 0.1, "seconds": 1e-5}]}, (1, 2))
    )
    assert found["accuracy (%)"] == ["CoOp", "probe"]
    assert found["1 per class"] == ["60.0 ± 10.0", "25.0"] and found["2 per class"] == ["60.0 ± 0.0", "50.0"]
    assert found["new classes"] == ["40.0 ± 0.0", "–"] and found["harmonic mean"] == ["53.0 ± 0.0", "–"]
    assert found["shifted domains"] == ["30.0 ± 0.0", "10.0"] and found["seconds"] == ["2", "< 0.001"]


def test_the_columns_are_aligned():
    lines = table({"a": SEEDS, "a long name": SEEDS}, (1, 2)).splitlines()
    assert len(lines) == 1 + 2 + 4 + 1 and len({len(line) for line in lines}) == 1


def test_the_probe_gets_the_names_of_the_methods_columns():
    baseline = {"zero_shot": 0.6, "zero_base": 0.6, "probe_1": 0.5, "probe_16": 0.9, "probe_base": 0.8, "probe_shift_sketch": 0.2}
    assert probe_columns([baseline]) == [{"acc_1": 0.5, "acc_16": 0.9, "base": 0.8, "shift_sketch": 0.2}]


def test_a_table_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        table({}, (1,))
    with pytest.raises(ValueError, match="CoOp"):
        table({"CoOp": []}, (1,))
