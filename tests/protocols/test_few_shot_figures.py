"""The few-shot figures: what is drawn is the data."""

import matplotlib

matplotlib.use("Agg")

import pytest  # noqa: E402

from vlatlas.plotting import figure  # noqa: E402
from vlatlas.protocols.few_shot_figures import COLOURS, MARKERS, shot_curves, spread  # noqa: E402


def test_spread_is_the_mean_and_the_range_in_percent():
    centre, (low, high) = spread([[0.2, 0.3, 0.7], [0.5]])
    assert centre == pytest.approx([40, 50]) and low == pytest.approx([20, 0]) and high == pytest.approx([30, 0])


def test_curves_show_the_means_the_ranges_and_the_zero_shot_line():
    fig, ax = figure()
    runs = {"Tip-Adapter": [{"acc_1": 0.4, "acc_2": 0.5}, {"acc_1": 0.6, "acc_2": 0.9}], "other": [{"acc_1": 0.1, "acc_2": 0.2}]}
    shot_curves(ax, (1, 2), runs, zero=0.45, label="prompt")
    drawn = {c.get_label(): c for c in ax.containers}
    assert drawn["Tip-Adapter"].lines[0].get_ydata().tolist() == pytest.approx([50, 70])
    bars = drawn["Tip-Adapter"].lines[2][0].get_segments()
    assert [sorted(y for _, y in bar) for bar in bars] == [pytest.approx([40, 60]), pytest.approx([50, 90])]
    assert drawn["other"].lines[0].get_color() == COLOURS["control"]
    line = next(x for x in ax.lines if x.get_label() == "prompt")
    assert line.get_ydata() == [45, 45] and ax.get_xscale() == "log"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2"]


def test_every_method_of_the_family_has_a_colour_and_a_marker_of_its_own():
    assert len(set(COLOURS.values())) == len(COLOURS) and len(set(MARKERS.values())) == len(MARKERS)
    assert set(COLOURS) - {"zero-shot"} == set(MARKERS)
