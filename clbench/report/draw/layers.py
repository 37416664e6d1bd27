"""What pruning leaves of every layer of a network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from clbench.report.build.file_names import slug
from clbench.report.build.pruning.studies import Comparison, Study
from clbench.report.colours import COLOURS
from clbench.report.document import Picture
from clbench.report.draw import draws
from clbench.report.pictures import COLUMN, MARKERS, entitled, legend_below


@draws("layers", of=Comparison)
def layers(one: Comparison, stem: str) -> Iterator[Picture]:
    for study in one.studies:
        if study.finished:
            name = f"{stem}-{slug(study.importance)}-{study.result.digest}-layers"
            words = f"Weights alive in each layer, pruned by {study.label}. {one.heading}."
            yield Picture(name, words, partial(by_layer, study))


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
    both[0].set_ylabel("weights alive (%, log scale)")
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
