"""The metrics after every task, a panel each (Figs. 3 and 11)."""

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


def draw(rows: Sequence[ResultRow], each: dict[str, list[list[Cell]]]) -> Figure:
    """A panel a metric, after 1 .. T tasks; rows without a value there are left out of it."""
    figure, panels = column(1.55 * len(each) + entries(names(rows))[2], len(each))
    for axes, (words, found) in zip(panels, each.items(), strict=True):
        for n, (row, label, cells) in enumerate(zip(rows, names(rows), found, strict=True)):
            if any(cell.values for cell in cells):
                course(axes, row, cells, label, n)
        axes.set_ylabel(words)
        axes.set_xlim(0.9, len(found[0]) + 0.1)  # the same in all, though BWT begins with the second task
        stages(axes)
        axes.label_outer()
    legend(figure, panels[0])
    return figure
