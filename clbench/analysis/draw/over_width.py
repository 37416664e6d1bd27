"""The mean over the width of the network, a line a method (Fig. 7c)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clbench.analysis.panels import (
    band,
    column,
    entries,
    legend,
    look,
    names,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], widths: Sequence[str], each: Sequence[list[Cell]], words: str) -> Figure:
    """The mean of every row at each width; they stand at equal distances."""
    figure, (axes,) = column(2.2 + entries(names(rows))[2])
    for n, (row, label, cells) in enumerate(zip(rows, names(rows), each, strict=True)):
        band(axes, np.arange(float(len(widths))), cells, label, **look(n, row.joint))
    crowded = sum(len(width) + 2 for width in widths) > 45
    axes.set_xticks(range(len(widths)), widths, rotation=40 * crowded)
    axes.set_xlabel("units of the hidden layers")
    axes.set_ylabel(words)
    legend(figure, axes)
    return figure
