"""The committed calibration: complete, of the frozen data, away from floor and ceiling, and what a new measurement gives."""

import importlib

import pytest
import torch

from vlatlas.data.splits import NAMES
from vlatlas.paths import root
from vlatlas.protocols.calibration import MEASURES, Figure, __main__, measure
from vlatlas.protocols.calibration.figure import chosen, crops, probed, ranked, separated
from vlatlas.protocols.calibration.measure import TABLE, read, table
from vlatlas.protocols.calibration.protocols import PROTOCOLS

FIGURES = read()


def test_every_split_is_calibrated_on_its_frozen_data():
    assert set(FIGURES) == set(MEASURES) == {*NAMES, *PROTOCOLS}
    for name in NAMES:
        assert FIGURES[name].digest == importlib.import_module(f"vlatlas.data.splits.{name}").FROZEN, f"{name}: calibrate it anew"
    assert (root() / TABLE).read_text() == table(FIGURES)


@pytest.mark.parametrize("name", MEASURES)
def test_no_split_is_at_its_floor_or_at_the_ceiling(name):
    assert FIGURES[name].calibrated, FIGURES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unseen", "captioning", "faces", *PROTOCOLS])
def test_a_new_measurement_gives_the_committed_figure(name):
    again = measure(name)
    assert again.digest == FIGURES[name].digest, f"{name}: its data changed; calibrate it anew"
    assert again.what == FIGURES[name].what and again.value == pytest.approx(FIGURES[name].value, abs=0.01)


def test_the_band_leaves_out_both_ends():
    assert not Figure("x", 0.26, 0.25).calibrated and not Figure("x", 0.97, 0.25).calibrated
    assert Figure("x", 0.30, 0.25).calibrated and not Figure("x", 0.1, 0.5).calibrated


def test_the_command_fails_where_a_figure_is_out_of_range(monkeypatch, capsys):
    monkeypatch.setattr(__main__, "measure", lambda name: Figure("all right answers", 1.0, 0.5))
    assert __main__.main(["faces", "--dry"]) == 1 and "OUT OF RANGE" in capsys.readouterr().out
    monkeypatch.setattr(__main__, "measure", lambda name: Figure("half", 0.75, 0.5))
    assert __main__.main(["faces", "--dry"]) == 0
    with pytest.raises(SystemExit):
        __main__.main(["cubism"])


def test_crops_show_what_is_in_the_box():
    image = torch.zeros(1, 3, 40, 40)
    image[:, 0, 10:20, 24:34] = 1  # a red square
    (crop,) = crops(image, torch.tensor([0]), torch.tensor([[24.0, 10.0, 34.0, 20.0]]), margin=0.0)
    assert crop[0, 2:-2, 2:-2].min() > 0.99 and crop[1:].max() == 0
    (wide,) = crops(image, torch.tensor([0]), torch.tensor([[24.0, 10.0, 34.0, 20.0]]), margin=0.5)
    assert 0.2 < (wide[0] > 0.5).float().mean() < 0.3  # a quarter of a square twice as wide


def test_a_probe_learns_lines_and_nothing_from_noise():
    torch.manual_seed(0)
    x = torch.randn(600, 5)
    y = 3 + (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    assert probed(x[:400], y[:400], x[400:], y[400:]) > 0.8 > 0.25  # four classes
    assert probed(x[:400], y[torch.randperm(400)], x[400:], y[400:]) < 0.4


def test_measures_counted_by_hand():
    assert separated(torch.tensor([0.9, 0.5]), torch.tensor([0.1, 0.5])) == (3 + 0.5) / 4
    assert ranked(torch.eye(3), torch.eye(3)) == 1.0 and ranked(torch.ones(3, 2), torch.ones(3, 2)) == 0.0
    assert ranked(torch.eye(3), torch.eye(3)[[0, 2, 1]]) == pytest.approx(1 / 3)


def test_a_tie_between_truth_and_foil_counts_as_wrong():
    from vlatlas.data.scenes import World
    from vlatlas.models import load

    batch = World().batch(0, range(4))
    assert chosen(load("scenes-clip"), batch.images, batch.captions, [[c] for c in batch.captions]) == 0.0
    assert chosen(load("scenes-clip"), batch.images, batch.captions, [["sale."]] * 4) > 0.5
