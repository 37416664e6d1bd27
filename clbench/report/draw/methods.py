"""Pictures of tables: the score over stages of all methods, and every configuration's matrix as a heat map."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clbench.metrics import Array
from clbench.report.build.result_table import Row, Table
from clbench.report.build.stages import curves, matrices, spread, stage_names
from clbench.report.colours import COLOURS
from clbench.report.pictures import COLUMN, MARKERS, entitled, legend_below, save, slug, stems, styled
from clbench.report.scales import Scale, bounds_of, in_a_cell, labelled, scale_of

PAGE = 6.8  # inches
COLUMN_TASKS, NUMBERED = 12, 26  # tasks beyond which numbers need the page's width, and are too small on it
DARK = 0.47  # of the scale: where black on cividis begins to contrast more than white does
LINES = ["-", "-.", ":"]


def draw(tables: list[Table], folder: Path) -> list[Path]:
    """Write every picture as PNG and SVG into the folder, made if missing; UserError if that fails."""
    written: list[Path] = []
    with styled(folder):
        for table, stem in zip(tables, stems(tables), strict=True):
            if any(row.seeds for row in table.rows):
                written += save(_over_stages(table), folder / f"{stem}-{slug(table.score.name)}")
            means = {id(row): matrices(row).mean(axis=0) for row in table.rows if row.seeds}
            scale = scale_of(table.score, list(means.values()))
            for row in table.rows:
                if row.seeds:
                    name = f"{stem}-{slug(row.method)}-{row.result.digest}"
                    written += save(_heat_map(table, row, means[id(row)], scale), folder / name)
    return written


def _over_stages(table: Table) -> Figure:
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
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
    if crowded:
        panels[1].set_title("the better half", loc="left")
    panels[-1].set_xlabel("tasks learned")
    entitled(figure, table.heading)
    legend_below(figure, *panels[0].get_legend_handles_labels())
    return figure


def _line(row: Row) -> tuple[Array, Array]:
    """Mean and standard deviation over seeds after 1 .. T tasks; zeros for one seed."""
    values = curves(row)
    std = spread(values)
    return values.mean(axis=0), np.zeros(values.shape[1]) if std is None else std


def _height(lines: list[tuple[int, Row, Array, Array]]) -> float:
    """Between the lowest and the highest that is drawn."""
    low = min(np.nanmin(mean - std) for _, _, mean, std in lines)
    return float(max(np.nanmax(mean + std) for _, _, mean, std in lines) - low)


def _draw(axes: Axes, n: int, row: Row, mean: Array, std: Array) -> None:
    stages = np.arange(1, len(mean) + 1)
    colour, marker = COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]
    line = LINES[n // len(COLOURS) % len(LINES)]
    alone = "_" if np.isnan(mean[:-1]).any() else ""  # a ceiling that is known at the end alone is no line
    colour, marker, line = ("black", alone, "--") if row.joint else (colour, marker, line)
    axes.plot(stages, mean, linestyle=line, marker=marker, color=colour, label=row.label)
    if np.nan_to_num(std).any():
        axes.fill_between(stages, mean - std, mean + std, color=colour, alpha=0.13, linewidth=0)


def _heat_map(table: Table, row: Row, R: Array, scale: Scale) -> Figure:
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
    words = [*textwrap.wrap(f"{row.label}, {seeds}", wide), *textwrap.wrap(table.heading, wide)]
    axes.set_title("\n".join(words), fontsize=6.5, loc="left", x=-0.35 / width)
    return figure
