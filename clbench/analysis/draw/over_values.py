"""The metrics over the values of an option, a panel each (Figs. 8b and 8c)."""

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
)
from clbench.report.build.cells import Cell


def draw(labels: Sequence[str], option: str, values: Sequence[str], each: dict[str, list[list[Cell]]]) -> Figure:
    """A panel a metric over the values of an option, which stand at equal distances."""
    figure, panels = column(1.55 * len(each) + entries(labels)[2], len(each))
    for axes, (words, found) in zip(panels, each.items(), strict=True):
        for n, (label, cells) in enumerate(zip(labels, found, strict=True)):
            band(axes, np.arange(float(len(values))), cells, label, **look(n))
        axes.set_xticks(range(len(values)), values)
        axes.set_ylabel(words)
    panels[-1].set_xlabel(option)
    legend(figure, panels[0])
    return figure
