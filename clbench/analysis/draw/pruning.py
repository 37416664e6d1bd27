"""The mean by pruning strategy, a bar each (Fig. 8a)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clbench.analysis.panels import (
    bars,
    column,
    names,
    numbers,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: Sequence[Cell], words: str, digits: int = 2) -> Figure:
    """The mean as bars, each with its number, on an axis that begins shortly below the lowest of them."""
    mean, std = numbers(each)
    figure, (axes,) = column(0.55 + 0.3 * len(rows))
    bars(axes, names(rows), each)
    lowest, highest = (mean - std).min(), (mean + std).max()
    step = 10.0 ** (2 - digits)  # percents, of two digits
    room = max(highest - lowest, step)
    start = max(step * np.floor((lowest - 0.3 * room) / step), 0.0) if lowest >= 0 else lowest - 0.3 * room
    axes.set_xlim(start, highest + 0.3 * room)
    for n, (value, spread) in enumerate(zip(mean, std, strict=True)):
        axes.annotate(f"{value:.{digits}f}", (value + spread, n), (3, 0), textcoords="offset points", va="center")
    axes.set_xlabel(f"{words}, axis from {start:g}" if start else words)
    return figure
