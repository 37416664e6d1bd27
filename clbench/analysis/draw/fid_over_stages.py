"""The FID of the classes so far, after every task."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from clbench.analysis.draw import over_tasks
from clbench.analysis.panels import (
    logarithmic,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: Sequence[list[Cell]], words: str) -> Figure:
    """FID of all classes so far together, after 1 .. T tasks, logarithmic."""
    figure = over_tasks.draw(rows, each, words)
    logarithmic(figure.axes[0])
    return figure
