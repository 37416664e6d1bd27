"""What the pictures of the analyses share: one column of a paper (3.3 in), lines with bands, bars, names."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from clbench.metrics import Array
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow
from clbench.report.colours import COLOURS
from clbench.report.pictures import COLUMN, MARKERS, level
from clbench.results import digest


def column(height: float, panels: int = 1, beside: bool = False) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    shape = (1, panels) if beside else (panels, 1)
    return figure, list(figure.subplots(*shape, squeeze=False).flat)


def look(n: int, joint: bool = False) -> dict[str, Any]:
    """Colour, marker and line of curve n; the ceiling is black and dashed."""
    if joint:
        return {"color": "black", "linestyle": "--", "marker": ""}
    line = "-" if n < len(COLOURS) else "-."
    return {"color": COLOURS[n % len(COLOURS)], "marker": MARKERS[n % len(MARKERS)], "linestyle": line}


def entries(labels: Sequence[str]) -> tuple[list[str], int, float]:
    """Labels as a legend sets them, in how many columns, and its height in inches."""
    longest = max(map(len, labels))
    columns = min(len(labels), next((n for n, most in ((4, 9), (3, 15), (2, 26)) if longest <= most), 1))
    words = [textwrap.fill(label, 52, break_long_words=False, break_on_hyphens=False) for label in labels]
    lines = sum(text.count("\n") + 1 for text in words)
    return words, columns, 0.14 * -(-lines // columns)


def legend(figure: Figure, axes: Axes) -> None:
    """Below all panels, in as many columns as the longest name allows."""
    handles, labels = axes.get_legend_handles_labels()
    words, columns, _ = entries(labels)
    figure.legend(handles, words, loc="outside lower center", ncols=columns, columnspacing=1.2)


def legend_below(axes: Axes) -> None:
    """The same for one panel of several, under the label of its axis."""
    handles, labels = axes.get_legend_handles_labels()
    words, columns, _ = entries(labels)
    axes.legend(
        handles,
        words,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4.3,  # in letters: past the label
        ncols=columns,
        columnspacing=1.2,
    )


def band(axes: Axes, x: Array, each: Sequence[Cell], label: str, **style) -> None:
    """Mean over seeds with a band of ± one standard deviation where there are several."""
    mean, std = numbers(each)
    if np.isnan(mean).all():  # nothing to draw, and nothing for the legend
        return
    axes.plot(x, mean, label=label, **style)
    if std.any():
        axes.fill_between(x, mean - std, mean + std, color=style["color"], alpha=0.12, linewidth=0)


def numbers(each: Sequence[Cell]) -> tuple[Array, Array]:
    """Means and standard deviations; 0 for the deviation of one seed, NaN for the mean of none."""
    means = [np.nan if cell.mean is None else cell.mean for cell in each]
    return np.array(means), np.array([cell.std or 0.0 for cell in each])


def stages(axes: Axes) -> None:
    axes.set_xlabel("tasks learned")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))


def course(axes: Axes, row: ResultRow, each: Sequence[Cell], label: str, n: int) -> None:
    """A row over the tasks learned; of joint, which learns all at once, its last number as a level."""
    mean, std = numbers(each)
    if not row.joint:
        band(axes, np.arange(1.0, len(each) + 1), each, label, **look(n))
    elif np.isfinite(mean[-1]):
        level(axes, mean[-1], std[-1], label)


def names(rows: Sequence[ResultRow]) -> list[str]:
    """Labels of the rows; where all are of one method, their options alone."""
    before = f"{rows[0].method} ("
    if len(rows) > 1 and all(row.label.startswith(before) for row in rows):
        return [row.label.removeprefix(before).removesuffix(")") for row in rows]
    return [row.label for row in rows]


def broken(label: str) -> str:
    """As a bar is called: on lines of 20 letters."""
    return textwrap.fill(label, 20, break_long_words=False)


def heights(labels: Sequence[str]) -> list[float]:
    """Inches that a bar and its name need, each."""
    return [max(0.3, 0.05 + 0.13 * (broken(label).count("\n") + 1)) for label in labels]


def bars(axes: Axes, labels: Sequence[str], each: Sequence[Cell], **style: Any) -> None:
    """Horizontal bars from the top down, the standard deviation as a black line."""
    mean, std = numbers(each)
    places = np.arange(len(labels))
    spread: dict[str, Any] = {"xerr": std, "error_kw": {"elinewidth": 1, "ecolor": "black"}} if std.any() else {}
    axes.barh(places, mean, 0.68, **{"color": [COLOURS[n % len(COLOURS)] for n in places], **style}, **spread)
    axes.set_yticks(places, [broken(label) for label in labels])
    axes.invert_yaxis()
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def logarithmic(axes: Axes) -> None:
    """A vertical axis with ticks at 1, 2, 5, 10, 20, 50: the style sets no powers."""
    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    words = axes.get_ylabel()
    axes.set_ylabel(f"{words[:-1]}, log scale)" if words.endswith(")") else f"{words} (log scale)")


def by_measure(rows: Sequence[ResultRow]) -> list[str]:
    """A colour for each row; rows that differ in `pruning` alone have the same."""
    options = [{**row.result.config.get("strategy", {}), "pruning": None, "method": row.method} for row in rows]
    kinds = list(dict.fromkeys(map(digest, options)))
    return [COLOURS[kinds.index(digest(each)) % len(COLOURS)] for each in options]


def prunes(row: ResultRow) -> bool:
    return row.result.config.get("strategy", {}).get("pruning", "none") != "none"
