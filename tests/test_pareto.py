"""The picture of what a score costs: which methods are on the line, and that no label covers another."""

from itertools import combinations

import numpy as np
import pytest
from command_line import clbench
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from results_by_hand import JOINT3, R3, result, run, shifted

from clbench.report.draw.pareto import Point, label, not_dominated
from clbench.report.pictures import styled
from clbench.results import save

METHODS = ("sgd", "ewc", "si", "mas", "lwf")


@pytest.fixture
def folder(tmp_path):
    for n, method in enumerate(METHODS):
        matrix = shifted(R3, 0.02 * n)
        one = run(matrix=matrix, state_bytes=[0, *[1000 * n] * 3], seconds=[0.0, 1.0, 1.0, 1.0 + n % 3])
        save(result(method, runs=[one]), tmp_path / f"{method}.json")
    save(result("joint", runs=[run(matrix=JOINT3, state_bytes=[0] * len(JOINT3))]), tmp_path / "joint.json")
    return tmp_path


def test_what_is_better_at_less_cost_is_on_the_line():
    points = [
        Point("a", 1, 5),
        Point("b", 2, 4),
        Point("c", 2, 7),
        Point("d", 2, 6),
        Point("e", 9, 7),
        Point("f", 3, 8),
    ]
    assert [point.label for point in not_dominated(points, higher=True)] == ["a", "c", "f"]
    assert [point.label for point in not_dominated(points, higher=False)] == ["a", "b"]


def test_labels_cover_neither_marks_nor_each_other(tmp_path):
    rng = np.random.default_rng(0)
    points = [Point(f"method-{n}", *rng.uniform(0, 1, 2)) for n in range(19)]
    with styled(tmp_path):
        figure = Figure(figsize=(3.4, 3))
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
        axes.plot([p.cost for p in points], [p.score for p in points], "o", markersize=3.5)
        label(axes, points, not_dominated(points, higher=True))
        renderer = figure.canvas.get_renderer()
        boxes = [words_of(text, renderer).padded(-1) for text in axes.texts]  # pixels are whole
        marks = [axes.transData.transform((p.cost, p.score)) for p in points]
    assert len(boxes) == 19
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert not [(mark, box) for mark in marks for box in boxes if box.contains(*mark)]


def words_of(text, renderer):
    """Where the words are, without the line that leads to the mark."""
    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


@pytest.mark.long
def test_a_report_draws_it_where_there_is_a_choice(folder, tmp_path):
    done = clbench("report", folder, "--plots", tmp_path / "plots", "--format", "md")
    assert done.code == 0, done
    assert len(list((tmp_path / "plots").glob("*-pareto.png"))) == 1
    for method in METHODS[:3]:
        (folder / f"{method}.json").unlink()
    clbench("report", folder, "--plots", tmp_path / "fewer")
    assert not list((tmp_path / "fewer").glob("*-pareto.png"))
