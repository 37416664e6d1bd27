"""Accuracy over compression of pruning studies, a line a measure of importance."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from clbench.report.build.pruning.studies import TOTALS, Comparison, Study, table4
from clbench.report.colours import COLOURS
from clbench.report.document import Picture
from clbench.report.draw import draws
from clbench.report.pictures import COLUMN, MARKERS, entitled, legend_below

CLOSE = 3.0  # points below the best accuracy that the close view shows
COMPRESSION, ACCURACY = TOTALS[1], TOTALS[3]


@draws("compression", of=Comparison)
def compression(one: Comparison, stem: str) -> Iterator[Picture]:
    finished = [study for study in one.studies if study.finished]
    if finished:
        words = f"Test accuracy over compression. {one.heading}."
        yield Picture(f"{stem}-compression", words, partial(over_compression, one, finished))


def over_compression(one: Comparison, studies: list[Study]) -> Figure:
    """Test accuracy over compression, mean ± standard deviation: the whole range, and the last points of it."""
    figure = Figure(figsize=(COLUMN, 4.2), layout="constrained")
    whole, close = figure.subplots(2, sharex=True)
    best = max(study.cell(ACCURACY, 0).mean or 0.0 for study in studies)
    for n, study in enumerate(studies):
        x, y, spread = curve(study)
        look = {"color": COLOURS[n % len(COLOURS)], "marker": MARKERS[n % len(MARKERS)]}
        for axes in (whole, close):
            axes.errorbar(x, y, spread, label=study.label, capsize=2, elinewidth=0.8, **look)
    paper = next((study for study in studies if study.paper("accuracy", 0) is not None), None)
    if paper:
        table = table4()
        x = [factor or 1.0 for factor in table["compression"]]
        for axes in (whole, close):
            axes.plot(x, table["accuracy"], "--", color="black", marker="x", markersize=4, label="entropy (paper)")
    for axes in (whole, close):
        axes.set_xscale("log")
        axes.set_ylabel("test accuracy (%)")
        factors(axes)
    close.set_xlabel("compression (times, log scale)")
    lowest = min(y for study in studies for y in curve(study)[1])
    whole.set_ylim(max(lowest - 5, 0), 101)
    close.set_ylim(best - CLOSE, best + 0.15 * CLOSE)
    close.set_title(f"the last {CLOSE:g} points", loc="left")
    legend_below(figure, *whole.get_legend_handles_labels())
    entitled(figure, one.heading)
    return figure


def curve(study: Study) -> tuple[list[float], list[float], list[float]]:
    """Compression, mean accuracy and its standard deviation after each round; rounds that left nothing are out."""
    cells = [(study.cell(COMPRESSION, s), study.cell(ACCURACY, s)) for s in range(study.rounds + 1)]
    kept = [(x.mean or 1.0, y.mean or 0.0, y.std or 0.0) for x, y in cells if np.isfinite(x.mean or 1.0)]
    x, y, spread = zip(*kept, strict=True)
    return list(x), list(y), list(spread)


def factors(axes) -> None:
    """Ticks of a logarithmic axis as 1, 2, 5, 10, 20, 50: whole numbers."""
    low, high = axes.get_xlim()
    ticks = [step * 10.0**power for power in range(6) for step in (1, 2, 5)]
    axes.set_xticks([tick for tick in ticks if low * 0.99 <= tick <= high * 1.01])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
