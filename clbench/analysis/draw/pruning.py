"""The mean by pruning strategy, a bar each (Fig. 8a)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from clbench.analysis.panels import (
    bars,
    column,
    heights,
    names,
    numbers,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: Sequence[Cell], words: str, digits: int = 2) -> Figure:
    """The mean as bars, each with its number, from zero."""
    mean, std = numbers(each)
    figure, (axes,) = column(0.55 + sum(heights(names(rows))))
    bars(axes, names(rows), each)
    highest = float((mean + std).max())
    axes.set_xlim(min(0.0, float((mean - std).min())), 1.18 * max(highest, 0.0))
    for n, (value, spread) in enumerate(zip(mean, std, strict=True)):
        axes.annotate(f"{value:.{digits}f}", (value + spread, n), (3, 0), textcoords="offset points", va="center")
    axes.set_xlabel(words)
    return figure
