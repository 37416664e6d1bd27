"""Pictures of studies: accuracy over compression by measure, and what is left of every layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from clbench.report.build.pruning.studies import TOTALS, Comparison, Study, table4
from clbench.report.colours import COLOURS
from clbench.report.pictures import COLUMN, MARKERS, entitled, legend_below, save, slug, styled
from clbench.results import digest

CLOSE = 3.0  # points below the best accuracy that the close view shows
COMPRESSION, ACCURACY = TOTALS[1], TOTALS[3]


def draw(found: list[Comparison], folder: Path) -> list[Path]:
    """Write every picture as PNG and SVG into the folder, made if missing; UserError if that fails."""
    written: list[Path] = []
    with styled(folder):
        for one in found:
            finished = [study for study in one.studies if study.finished]
            if finished:
                config = finished[0].result.config
                key = digest({"limit": config.get("limit"), "rates": config["pruning"]["rates"]})[:6]
                stem = f"prune-lenet-{slug(config['dataset'])}-{key}"
                written += save(over_compression(one, finished), folder / f"{stem}-compression")
                for study in finished:
                    name = f"{stem}-{slug(study.importance)}-{study.result.digest}-layers"
                    written += save(by_layer(study), folder / name)
    return written


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
    close.set_xlabel("compression (times)")
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


def by_layer(study: Study) -> Figure:
    """The share of each layer's weights and of its biases that is alive after each round; the paper's dotted."""
    figure = Figure(figsize=(COLUMN, 2.3), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    stages = list(range(study.rounds + 1))
    for axes, kind, title in zip(both, ("W", "b"), ("weights", "biases"), strict=True):
        layers = [column for column in study.quantities if column.name.endswith(f" {kind}")]
        for n, layer in enumerate(layers):
            size, name = study.result.layers[layer.name], layer.name.removesuffix(f" {kind}")
            cells = [study.cell(layer, stage) for stage in stages]
            share = np.array([100 * (cell.mean or 0.0) / size for cell in cells])
            spread = np.array([100 * (cell.std or 0.0) / size for cell in cells])
            # a logarithmic axis has no zero: a layer that is gone ends where it was last alive
            axes.errorbar(
                np.array(stages)[share > 0],
                share[share > 0],
                spread[share > 0],
                color=COLOURS[n],
                marker=MARKERS[n],
                capsize=2,
                label=f"{name} ({kind_of(n, len(layers))})",
            )
            if study.paper(layer.name, 0) is not None:
                printed = [100 * (study.paper(layer.name, stage) or 0.0) / size for stage in stages]
                axes.plot(stages, printed, ":", color=COLOURS[n])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xticks(stages[:: max(1, len(stages) // 6)])
        axes.set_xlabel("rounds of pruning")
        axes.set_title(title, loc="left")
    both[0].set_ylabel("weights alive (%)")
    handles, labels = both[0].get_legend_handles_labels()
    if study.paper("total", 0) is not None:
        handles.append(both[0].plot([], [], ":", color="black")[0])
        labels.append("the paper's")
    legend_below(figure, handles, labels)
    seeds = f"mean of {len(study.seeds)} seeds" if len(study.seeds) > 1 else "one seed"
    words = f"prune-lenet on {study.result.config['dataset']} by {study.label}, {seeds}"
    entitled(figure, words)
    return figure


def kind_of(layer: int, layers: int) -> str:
    return "convolution" if layer < layers - 2 else "fully connected"
