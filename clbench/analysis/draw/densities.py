"""The density of importance, a line a method (Fig. 9)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from clbench.analysis.panels import (
    by_measure,
    column,
    entries,
    legend,
    names,
    prunes,
)
from clbench.metrics import Array
from clbench.report.build.result_table import ResultRow


def draw(rows: Sequence[ResultRow], edges: Array, each: Sequence[Array]) -> Figure:
    """Percent of the parameters a decade of importance, edges as log10; dashed where nothing is pruned.

    Rows of one measure have one colour.
    """
    figure, (axes,) = column(2.3 + entries(names(rows))[2])
    for row, percent, colour, label in zip(rows, each, by_measure(rows), names(rows), strict=True):
        line = "-" if prunes(row) else "--"
        axes.stairs(percent, edges, baseline=None, color=colour, linestyle=line, linewidth=1.2, label=label)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    powers = range(round(edges[0]), round(edges[-1]) + 1, 2)
    axes.set_xticks(powers, [f"{10.0**power:g}" for power in powers])
    axes.set_xlabel("normalised importance")
    axes.set_ylabel("parameters (% a decade)")
    legend(figure, axes)
    return figure
