"""The score over the tasks learned, a line a method."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clbench.metrics import Array
from clbench.report.build.file_names import slug
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.stages import curves, deviation_over_seeds
from clbench.report.colours import COLOURS
from clbench.report.document import Picture
from clbench.report.draw import draws
from clbench.report.pictures import COLUMN, MARKERS, entitled, legend_below, level, not_steeper, titled
from clbench.report.scales import labelled

LINES = ["-", "-.", ":"]


@draws("over-stages", of=ResultTable)
def over_stages(table: ResultTable, stem: str) -> Iterator[Picture]:
    if any(row.seeds for row in table.rows):
        name = f"{stem}-{slug(table.score.name)}"
        yield Picture(
            name,
            f"{labelled(table.score.name, table.score)} over the tasks learned. {table.heading}.",
            partial(_over_stages, table),
        )


def _over_stages(table: ResultTable) -> Figure:
    """The mean score after each stage, over seeds ± standard deviation; joint as a dashed ceiling.

    Where a few rows are far worse than the others, a second view shows the better half of them alone.
    """
    lines = [(n, row, *_line(row)) for n, row in enumerate(row for row in table.rows if row.seeds)]
    better = sorted(lines, key=lambda line: -table.score.sign * line[2][-1])[: (len(lines) + 1) // 2]
    crowded = len(lines) > 2 and _height(lines) > 3 * _height(better)
    views = [lines, sorted(better, key=lambda line: line[0])] if crowded else [lines]
    figure = Figure(figsize=(COLUMN, 0.5 + 1.75 * len(views)), layout="constrained")
    panels = figure.subplots(len(views), sharex=True, squeeze=False)[:, 0]
    for axes, view in zip(panels, views, strict=True):
        for line in view:
            _draw(axes, *line)
        axes.set_ylabel(labelled(f"mean {table.score.name}", table.score))
        not_steeper(axes, table.score)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
    if crowded:
        panels[1].set_title("the better half", loc="left")
    panels[-1].set_xlabel("tasks learned")
    entitled(figure, titled(table))
    legend_below(figure, *panels[0].get_legend_handles_labels())
    return figure


def _line(row: ResultRow) -> tuple[Array, Array]:
    """Mean and standard deviation over seeds after 1 .. T tasks; zeros for one seed."""
    values = curves(row)
    std = deviation_over_seeds(values)
    return values.mean(axis=0), np.zeros(values.shape[1]) if std is None else std


def _height(lines: list[tuple[int, ResultRow, Array, Array]]) -> float:
    """Between the lowest and the highest that is drawn."""
    low = min(np.nanmin(mean - std) for _, _, mean, std in lines)
    return float(max(np.nanmax(mean + std) for _, _, mean, std in lines) - low)


def _draw(axes: Axes, n: int, row: ResultRow, mean: Array, std: Array) -> None:
    if row.joint:
        return level(axes, mean[-1], std[-1], row.label)
    stages = np.arange(1, len(mean) + 1)
    colour, marker = COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]
    line = LINES[n // len(COLOURS) % len(LINES)]
    axes.plot(stages, mean, linestyle=line, marker=marker, color=colour, label=row.label)
    if np.nan_to_num(std).any():
        axes.fill_between(stages, mean - std, mean + std, color=colour, alpha=0.13, linewidth=0)
