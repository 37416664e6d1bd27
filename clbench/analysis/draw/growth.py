"""How many numbers a method keeps as tasks come (Fig. 7a)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clbench.analysis.panels import (
    column,
    entries,
    legend_below,
    look,
    names,
    numbers,
    stages,
)
from clbench.metrics import Array
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: dict[str, tuple[float, list[list[Cell]]]]) -> Figure:
    """A panel a quantity, in its unit, after 1 .. T tasks; rows with the same curve share a line."""
    curves = {words: merged(rows, unit, found) for words, (unit, found) in each.items()}
    figure, panels = column(sum(1.7 + entries(list(found))[2] for found in curves.values()), len(each))
    for axes, (words, found) in zip(panels, curves.items(), strict=True):
        for n, (label, (counts, joint)) in enumerate(found.items()):
            axes.plot(range(1, len(counts) + 1), counts, label=label, **look(n, joint))
        axes.set_ylabel(words)
        stages(axes)
        legend_below(axes)
    return figure


def merged(rows: Sequence[ResultRow], unit: float, each: Sequence[list[Cell]]) -> dict[str, tuple[Array, bool]]:
    """The different curves, each under the names of all its rows, and whether joint alone has it."""
    found: dict[tuple[float, ...], list[int]] = {}
    for n, cells in enumerate(each):
        found.setdefault(tuple(numbers(cells)[0]), []).append(n)
    labels = names(rows)
    return {
        ", ".join(labels[n] for n in who): (np.array(counts) / unit, all(rows[n].joint for n in who))
        for counts, who in found.items()
    }
