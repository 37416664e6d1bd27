"""The picture of searches side by side: the best score after every trial, a panel a method."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from clbench.report.colours import COLOURS
from clbench.report.pictures import COLUMN, entitled, not_steeper
from clbench.report.scales import bounds_of, percent_like
from clbench.sweep.display import head
from clbench.sweep.searched import Searched

ACROSS = 4  # panels in a row, at most
MARGIN = 0.5  # points above and below what a panel shows


def best_so_far(place: str, found: Sequence[tuple[str, Searched]]) -> Figure:
    """A step a trial; dots are trials, those below a panel at its foot; a red star is the winner."""
    columns = min(ACROSS, len(found))
    rows = ceil(len(found) / columns)
    width = COLUMN if columns < 3 else 2 * COLUMN
    figure = Figure(figsize=(width, 0.6 + rows * (1.5 if columns < 3 else 1.2)), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes, (name, one) in zip(panels.flat, found, strict=False):
        panel(axes, name, one)
    for axes in panels.flat[len(found) :]:
        axes.set_visible(False)
    for column in range(columns):  # the last panel there is, which may stand above an empty place
        last = max(n for n in range(len(found)) if n % columns == column)
        panels.flat[last].tick_params(labelbottom=True)
    figure.supxlabel("trials", fontsize=7.5)
    figure.supylabel(f"validation {head(found[0][1].record)}", fontsize=7.5)
    entitled(figure, f"{place}: best so far (line), trials (dots; at the foot: below), winner (star)")
    return figure


def panel(axes: Axes, name: str, one: Searched) -> None:
    record, best = one.record, one.record.best
    assert best is not None  # who has none is left out
    assert best.score is not None
    course = np.array([np.nan if value is None else value for value in one.course])
    axes.step(range(1, len(course) + 1), course, where="post", color=COLOURS[0], linewidth=1.3)
    if percent_like(record.measure):
        bounds = bounds_of(record.measure)
        axes.set_ylim(np.nanmin(course) - MARGIN, min(np.nanmax(course) + MARGIN, bounds[1] if bounds else np.inf))
    not_steeper(axes, record.measure)
    foot, top = axes.get_ylim()
    axes.set_ylim(foot, top)
    done = [(trial.number + 1, trial.score) for trial in record.trials if trial.score is not None]
    worst = min if record.measure.better == "higher" else max
    edge = foot if record.measure.better == "higher" else top
    for number, score in done:
        inside = worst(score, edge) == edge
        look = {"marker": "o", "markersize": 2.6, "color": "0.55"} if inside else {"marker": "v", "color": "0.55"}
        axes.plot([number], [score if inside else edge], linestyle="none", clip_on=False, zorder=3, **look)
    axes.plot([best.number + 1], [best.score], "*", color="#CC3311", markersize=7, zorder=5, clip_on=False)
    axes.set_xlim(0.5, record.plan["trials"] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.set_title(f"{name}: {record.scored(best.score)}", loc="left")
