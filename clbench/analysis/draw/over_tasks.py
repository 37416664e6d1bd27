"""The mean after every task, a line a method (Fig. 7b)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from clbench.analysis.panels import (
    column,
    course,
    entries,
    legend,
    names,
    stages,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: Sequence[list[Cell]], words: str) -> Figure:
    """The mean after 1 .. T tasks of every row; `words` name it."""
    figure, (axes,) = column(2.1 + entries(names(rows))[2])
    for n, (row, label, cells) in enumerate(zip(rows, names(rows), each, strict=True)):
        course(axes, row, cells, label, n)
    axes.set_ylabel(words)
    stages(axes)
    legend(figure, axes)
    return figure
