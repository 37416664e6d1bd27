"""Kurtosis and skewness of importance, a bar a method (Fig. 9)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from clbench.analysis.panels import (
    bars,
    by_measure,
    column,
    names,
    prunes,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: dict[str, list[Cell]]) -> Figure:
    """A panel a quantity: means as bars, standard deviations as black lines; hatched where nothing is pruned."""
    colours = by_measure(rows)
    faces = [colour if prunes(row) else "white" for row, colour in zip(rows, colours, strict=True)]
    hatches = ["" if prunes(row) else "/////" for row in rows]
    figure, panels = column(0.6 + 0.3 * len(rows), len(each), beside=True)
    for axes, (words, cells) in zip(panels, each.items(), strict=True):
        bars(axes, names(rows), cells, color=faces, edgecolor=colours, hatch=hatches)
        axes.set_xlabel(words)
        axes.tick_params(labelleft=axes is panels[0])
    return figure
