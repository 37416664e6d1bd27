"""Pictures: one file adds one; joint training is a level; no axis makes one percent look steep."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from results_by_hand import JOINT3, R3, result

from clbench.report.build.result_table import ResultTable
from clbench.report.compose import document, findings, report
from clbench.report.document import Picture
from clbench.report.draw import drawings, draws
from clbench.report.pictures import LEAST, not_steeper, titled
from clbench.results import save
from clbench.scores import ACCURACY, Score
from clbench.sweep.plots import logarithmic


@pytest.fixture
def runs():
    return [(Path("ewc.json"), result("ewc", [R3])), (Path("joint.json"), result("joint", [JOINT3]))]


def test_one_file_adds_a_picture(tmp_path):
    drawings.fill()
    before = dict(drawings.entries)

    @draws("empty", of=ResultTable)
    def empty(table, stem):
        yield Picture(f"{stem}-empty", "Nothing.", Figure)

    try:
        save(result("ewc", [R3]), tmp_path / "ewc.json")
        text = report([tmp_path], plots=tmp_path / "plots")
    finally:
        drawings.entries = before
    assert (tmp_path / "plots" / "split-toy-task-empty.png").is_file()
    assert "split-toy-task-empty.svg" in text


def test_joint_is_a_level_and_a_title_is_short(runs):
    found = findings(runs)
    [picture] = [p for p in document(found).pictures() if p.name.endswith("accuracy")]
    figure = picture.draw()
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert len(set(lines["joint"].get_ydata())) == 1
    assert len(lines["ewc"].get_ydata()) == 3
    assert titled(found.tables[0]) == "split-toy, mlp, task scenario"
    assert found.tables[0].heading in picture.caption


@pytest.mark.parametrize(("low", "high"), [(99.0, 99.4), (0.0, 0.5), (40.0, 43.0)])
def test_an_axis_of_percents_shows_ten_of_them(low, high):
    axes = Figure().add_subplot()
    axes.set_ylim(low, high)
    not_steeper(axes, ACCURACY)
    bottom, top = axes.get_ylim()
    assert top - bottom == pytest.approx(LEAST, abs=0.31)
    assert bottom <= low
    assert top >= high


def test_other_scores_and_wide_ranges_keep_their_axis():
    for score, high in ((Score("FID", mean_name="FID", better="lower", low=0.0), 1.0), (ACCURACY, 50.0)):
        axes = Figure().add_subplot()
        axes.set_ylim(0, high)
        not_steeper(axes, score)
        assert axes.get_ylim() == (0, high)


def test_only_a_wide_range_of_positive_numbers_is_logarithmic():
    assert logarithmic(np.array([1e-3, 1.0, 1e3]))
    assert not logarithmic(np.array([0.0, 1.0, 1e3]))
    assert not logarithmic(np.array([1.0, 2.0, 3.0]))
