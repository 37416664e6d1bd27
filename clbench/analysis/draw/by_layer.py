"""How far every layer has moved, a point a method (Fig. 10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clbench.analysis.panels import (
    column,
    entries,
    legend,
    logarithmic,
    look,
    names,
    numbers,
)
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], each: dict[str, list[dict[str, Cell]]]) -> Figure:
    """A panel a quantity, logarithmic: its cell of every layer, rows side by side within a layer."""
    figure, panels = column(1.8 * len(each) + entries(names(rows))[2], len(each))
    step = 0.12 * min(1.0, 6 / len(rows))
    for axes, (words, found) in zip(panels, each.items(), strict=True):
        for n, (label, layers) in enumerate(zip(names(rows), found, strict=True)):
            mean, std = numbers(list(layers.values()))
            x = np.arange(len(layers)) + step * (n - (len(rows) - 1) / 2)
            axes.errorbar(x, mean, std, label=label, capsize=1.5, **{**look(n), "linestyle": "none"})
        axes.set_xticks(range(len(found[0])), [f"layer {n}\n({layer})" for n, layer in enumerate(found[0], 1)])
        axes.set_xlim(-0.5, len(found[0]) - 0.5)
        axes.set_ylabel(words)
        logarithmic(axes)
        axes.grid(visible=False, axis="x")
    legend(figure, panels[0])
    return figure
