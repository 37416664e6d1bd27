"""What generators paint: each class as it was learned, and at the end (Figs. 4 to 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from clbench.metrics import Array


def draw(labels: Sequence[str], classes: Sequence[str], each: Sequence[tuple[Array, Array]]) -> Figure:
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
