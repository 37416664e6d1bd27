"""A configuration's matrix as a heat map: the score on every task after so many learned."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clbench.metrics import Array
from clbench.report.build.file_names import slug
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.stages import matrices, stage_names
from clbench.report.document import Picture
from clbench.report.draw import draws
from clbench.report.pictures import COLUMN, titled
from clbench.report.scales import Scale, bounds_of, in_a_cell, labelled, scale_of

PAGE = 6.8  # inches
COLUMN_TASKS, NUMBERED = 12, 26  # tasks beyond which numbers need the page's width, and are too small on it
DARK = 0.47  # of the scale: where black on cividis begins to contrast more than white does


@draws("heat-map", of=ResultTable)
def heat_maps(table: ResultTable, stem: str) -> Iterator[Picture]:
    """All rows on one scale."""
    means = {id(row): matrices(row).mean(axis=0) for row in table.rows if row.seeds}
    scale = scale_of(table.score, list(means.values()))
    for row in table.rows:
        if row.seeds:
            name = f"{stem}-{slug(row.method)}-{row.result.digest}"
            draw = partial(_heat_map, table, row, means[id(row)], scale)
            yield Picture(name, f"{table.score.name} of {row.label} on each task. {table.heading}.", draw)


def _heat_map(table: ResultTable, row: ResultRow, R: Array, scale: Scale) -> Figure:
    """The mean matrix over the finished seeds, the best scores bright: a column wide, or for many tasks a page."""
    score = table.score
    stages, tasks = R.shape
    room = COLUMN - 1.1 if tasks <= COLUMN_TASKS else PAGE - 1.1  # beside labels and scale
    cell = min(0.34, room / tasks)  # inches
    width, height = cell * tasks, cell * stages
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))  # the labels around it are made room for when saving
    axes.grid(False)
    colours = "cividis" if score.better == "higher" else "cividis_r"
    image = axes.imshow(R, cmap=colours, vmin=scale.low, vmax=scale.high)
    if tasks <= NUMBERED:
        for (stage, task), value in np.ndenumerate(R):
            number = "" if np.isnan(value) else in_a_cell(value, score)
            ink = "black" if np.isfinite(value) and scale.brightness(value) > DARK else "white"
            axes.text(task, stage, number, ha="center", va="center", fontsize=6.5, color=ink)
    every = max(1, tasks // 20)
    axes.set_xticks(range(0, tasks, every), [str(n + 1) for n in range(0, tasks, every)])
    axes.set_yticks(range(0, stages, every), stage_names(stages, tasks)[::every])
    axes.set_xlabel(f"{score.name} on task")
    axes.set_ylabel("tasks learned")
    axes.spines[:].set_visible(False)
    beside = axes.inset_axes((1 + 0.1 / width, 0, 0.1 / width, 1))
    beside.grid(False)
    steps = 5 if height > 1.2 else 2
    ticks = np.linspace(scale.low, scale.high, steps + 1) if bounds_of(score) else MaxNLocator(steps)
    figure.colorbar(image, cax=beside, label=labelled(score.name, score), ticks=ticks)
    seeds = f"mean of {len(row.seeds)} seeds" if len(row.seeds) > 1 else "one seed"
    wide = max(40, int(18 * (width + 0.5)))
    words = [*textwrap.wrap(f"{row.label}, {seeds}", wide), *textwrap.wrap(titled(table), wide)]
    axes.set_title("\n".join(words), fontsize=6.5, loc="left", x=-0.35 / width)
    return figure
