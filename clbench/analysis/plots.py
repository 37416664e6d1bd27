"""The pictures of the analyses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clbench.analysis.panels import (
    band,
    bars,
    column,
    entries,
    legend,
    legend_below,
    logarithmic,
    look,
    names,
    numbers,
    stages,
)
from clbench.metrics import Array
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import Row
from clbench.report.colours import COLOURS
from clbench.results import digest


def densities(rows: Sequence[Row], edges: Array, each: Sequence[Array]) -> Figure:
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


def by_measure(rows: Sequence[Row]) -> list[str]:
    """A colour for each row; rows that differ in `pruning` alone have the same."""
    options = [{**row.result.config["strategy"], "pruning": None, "method": row.method} for row in rows]
    kinds = list(dict.fromkeys(map(digest, options)))
    return [COLOURS[kinds.index(digest(each)) % len(COLOURS)] for each in options]


def prunes(row: Row) -> bool:
    return row.result.config["strategy"].get("pruning", "none") != "none"


def moments(rows: Sequence[Row], each: dict[str, list[Cell]]) -> Figure:
    """A panel a quantity: means as bars, standard deviations as black lines; hatched where nothing is pruned."""
    colours = by_measure(rows)
    faces = [colour if prunes(row) else "white" for row, colour in zip(rows, colours, strict=True)]
    hatches = ["" if prunes(row) else "/////" for row in rows]
    figure, panels = column(0.6 + 0.3 * len(rows), len(each), beside=True)
    for axes, (words, cells) in zip(panels, each.items(), strict=True):
        bars(axes, names(rows), cells, color=faces, edgecolor=colours, hatch=hatches)
        axes.set_xlabel(words)
        axes.tick_params(labelleft=axes is panels[0])
    return figure


def by_layer(rows: Sequence[Row], each: dict[str, list[dict[str, Cell]]]) -> Figure:
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
        logarithmic(axes)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(words)
    legend(figure, panels[0])
    return figure


def growth(rows: Sequence[Row], each: dict[str, tuple[float, list[list[Cell]]]]) -> Figure:
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


def merged(rows: Sequence[Row], unit: float, each: Sequence[list[Cell]]) -> dict[str, tuple[Array, bool]]:
    """The different curves, each under the names of all its rows, and whether joint alone has it."""
    found: dict[tuple[float, ...], list[int]] = {}
    for n, cells in enumerate(each):
        found.setdefault(tuple(numbers(cells)[0]), []).append(n)
    labels = names(rows)
    return {
        ", ".join(labels[n] for n in who): (np.array(counts) / unit, all(rows[n].joint for n in who))
        for counts, who in found.items()
    }


def over_tasks(rows: Sequence[Row], each: Sequence[list[Cell]], words: str) -> Figure:
    """The mean after 1 .. T tasks of every row; `words` name it."""
    figure, (axes,) = column(2.1 + entries(names(rows))[2])
    for n, (row, label, cells) in enumerate(zip(rows, names(rows), each, strict=True)):
        band(axes, np.arange(1.0, len(cells) + 1), cells, label, **look(n, row.joint))
    axes.set_ylabel(words)
    stages(axes)
    legend(figure, axes)
    return figure


def over_stages(rows: Sequence[Row], each: dict[str, list[list[Cell]]]) -> Figure:
    """A panel a metric, after 1 .. T tasks; rows without a value there are left out of it."""
    figure, panels = column(1.55 * len(each) + entries(names(rows))[2], len(each))
    for axes, (words, found) in zip(panels, each.items(), strict=True):
        for n, (row, label, cells) in enumerate(zip(rows, names(rows), found, strict=True)):
            if any(cell.values for cell in cells):
                band(axes, np.arange(1.0, len(cells) + 1), cells, label, **look(n, row.joint))
        axes.set_ylabel(words)
        axes.set_xlim(0.9, len(found[0]) + 0.1)  # the same in all, though BWT begins with the second task
        stages(axes)
        axes.label_outer()
    legend(figure, panels[0])
    return figure


def samples(labels: Sequence[str], classes: Sequence[str], each: Sequence[tuple[Array, Array]]) -> Figure:
    """Samples of every class, a row each, a column a method: as it was learned (above), and at the end (below).

    each: of a method, uint8 [classes, samples, H, W] or [.., 3], before and after.
    """
    tall, wide, shown = len(classes), len(labels), each[0][0].shape[1]
    inch = min(1.2, 7.0 / wide)
    figure = Figure(figsize=(wide * inch + 0.5, 2 * inch * tall / shown + 0.6), layout="constrained")
    grid = figure.subplots(2, wide, squeeze=False)
    for n, (label, both) in enumerate(zip(labels, each, strict=True)):
        for axes, sheet in zip(grid[:, n], both, strict=True):
            rows = [np.concatenate(list(row), axis=1) for row in sheet]
            axes.imshow(np.concatenate(rows), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks(
                [(k + 0.5) * sheet.shape[2] - 0.5 for k in range(tall)], classes if n == 0 else [""] * tall
            )
            axes.tick_params(length=0)
            axes.grid(visible=False)
        grid[0, n].set_title(label, fontsize="small")
    grid[0, 0].set_ylabel("when learned")
    grid[1, 0].set_ylabel("after the last task")
    return figure


def fid_over_stages(rows: Sequence[Row], each: Sequence[list[Cell]], words: str) -> Figure:
    """FID of all classes so far together, after 1 .. T tasks, logarithmic."""
    figure = over_tasks(rows, each, words)
    logarithmic(figure.axes[0])
    return figure


def over_values(
    labels: Sequence[str], option: str, values: Sequence[str], each: dict[str, list[list[Cell]]]
) -> Figure:
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


def over_width(rows: Sequence[Row], widths: Sequence[str], each: Sequence[list[Cell]], words: str) -> Figure:
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


def pruning(rows: Sequence[Row], each: Sequence[Cell], words: str, digits: int = 2) -> Figure:
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
