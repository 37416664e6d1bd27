"""Pictures of tables: accuracy over stages of all methods, and every configuration's matrix as a heat map."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..results import digest
from .colours import COLOURS
from .pictures import MARKERS, save, slug, styled
from .rows import group_key
from .stages import curves, matrices, spread, stage_names
from .table import Row, Table

NUMBERED = 40  # tasks beyond which the numbers of a heat map would be too small to read


def draw(tables: list[Table], folder: Path) -> list[Path]:
    """Write every picture as PNG and SVG into the folder, made if missing; UserError if that fails."""
    stems = Counter(_stem(table) for table in tables)
    written: list[Path] = []
    with styled(folder):
        for table in tables:
            stem = _stem(table)
            if stems[stem] > 1:
                stem += "-" + digest(group_key(table.first))
            if any(row.seeds for row in table.rows):
                written += save(_accuracy(table), folder / f"{stem}-accuracy")
            for row in table.rows:
                if row.seeds:
                    name = f"{stem}-{slug(row.method)}-{row.result.digest}"
                    written += save(_heat_map(table, row), folder / name)
    return written


def _stem(table: Table) -> str:
    return f"{slug(table.stream)}-{table.first.config['scenario']}"


def _accuracy(table: Table) -> Figure:
    """ACC after each stage, mean over seeds ± standard deviation; joint as a dashed ceiling."""
    figure = Figure(figsize=(6.4, 4.0))
    axes = figure.add_subplot()
    for n, row in enumerate(row for row in table.rows if row.seeds):
        values = curves(row)
        stages, mean, std = np.arange(1, values.shape[1] + 1), values.mean(axis=0), spread(values)
        colour, marker = COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]
        line = "-" if n < len(COLOURS) else "-."
        colour, marker, line = ("black", "", "--") if row.joint else (colour, marker, line)
        axes.plot(stages, mean, line, marker=marker, color=colour, label=row.label, markersize=4.5)
        if std is not None:
            axes.fill_between(stages, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlabel("tasks learned")
    axes.set_ylabel("mean accuracy on the tasks learned (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    axes.set_title(textwrap.fill(table.heading, 80), fontsize=8, loc="left")
    return figure


def _heat_map(table: Table, row: Row) -> Figure:
    """The mean matrix over the finished seeds, in percent."""
    R = matrices(row).mean(axis=0)
    stages, tasks = R.shape
    cell = min(0.44, 18 / tasks)  # inches
    width, height = cell * tasks, cell * stages
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))  # the labels around it are made room for when saving
    image = axes.imshow(R, cmap="cividis", vmin=0, vmax=100)
    if tasks <= NUMBERED:
        for (stage, task), value in np.ndenumerate(R):
            number = "" if np.isnan(value) else f"{value:.0f}"
            ink = "black" if value > 55 else "white"
            axes.text(task, stage, number, ha="center", va="center", fontsize=8, color=ink)
    every = max(1, tasks // 20)
    axes.set_xticks(range(0, tasks, every), [str(n + 1) for n in range(0, tasks, every)])
    axes.set_yticks(range(0, stages, every), stage_names(stages, tasks)[::every])
    axes.set_xlabel("accuracy on task")
    axes.set_ylabel("tasks learned")
    axes.spines[:].set_visible(False)
    beside = axes.inset_axes((1 + 0.15 / width, 0, 0.15 / width, 1))
    figure.colorbar(image, cax=beside, label="accuracy (%)", ticks=range(0, 101, 20 if height > 2 else 50))
    seeds = f"mean of {len(row.seeds)} seeds" if len(row.seeds) > 1 else "one seed"
    words = [
        *textwrap.wrap(f"{row.label}, {seeds}", 60),
        *textwrap.wrap(table.heading, max(60, int(13 * width))),
    ]
    axes.set_title("\n".join(words), fontsize=8, loc="left")
    return figure
