"""What a score costs: every method's mean over the bytes that it keeps and over its seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

from clbench.metrics import METRICS
from clbench.report.build.cells import COSTS, Column, cell, of_metric
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Picture
from clbench.report.draw import draws
from clbench.report.pictures import COLUMN, entitled, level, titled
from clbench.report.scales import labelled, percent_like

HEIGHT = 5.6  # inches, of two panels over each other
BEST, OTHER = "#332288", "#999999"
LEAST = 3  # methods, of fewer there is nothing to choose
NEAR_100 = (0, 50, 80, 90, 95, 97, 98, 99, 99.5, 99.8, 100)  # ticks of an axis stretched towards 100
AWAY = (0.0, 6.0, 12.0, 19.0, 27.0, 36.0, 46.0, 58.0)  # points from a mark to its label
COST = {column.name: column for column in COSTS}


@dataclass(frozen=True)
class Point:
    label: str
    cost: float
    score: float


@dataclass(frozen=True)
class Panel:
    """words: what the axis of costs is. lacking: methods whose files do not hold it."""

    words: str
    points: list[Point]
    lacking: list[str]


@draws("pareto", of=ResultTable)
def pareto(table: ResultTable, stem: str) -> Iterator[Picture]:
    """Of three methods or more beside joint training, which is no choice but the ceiling."""
    panels = [panel for panel in (kept(table), seconds(table)) if len(panel.points) >= LEAST]
    if len(panels) == 2:
        mean = table.score.mean_name
        lacking = "".join(
            f" Without {panel.words}: {', '.join(panel.lacking)}." for panel in panels if panel.lacking
        )
        words = f"{mean} over what a method keeps and over its seconds; on the line, none is better at less cost."
        yield Picture(f"{stem}-pareto", f"{words}{lacking} {table.heading}.", partial(drawing, table, panels))


def kept(table: ResultTable) -> Panel:
    """Bytes; where any file is of a clbench that did not record them, numbers."""
    in_bytes = panel(table, COST["stored"], "kB kept beside the network")
    return (
        in_bytes
        if not in_bytes.lacking
        else panel(table, COST["state_parameters"], "numbers kept beside the network")
    )


def seconds(table: ResultTable) -> Panel:
    return panel(table, COST["seconds_a_seed"], "seconds of training a seed")


def panel(table: ResultTable, cost: Column, words: str) -> Panel:
    rows = [row for row in table.rows if row.seeds and not row.joint]
    found = {row.label: (cell(cost, row.result, None).mean, mean_of(table, row)) for row in rows}
    points = [Point(label, x, y) for label, (x, y) in found.items() if x is not None and y is not None]
    return Panel(words, points, [label for label, (x, _) in found.items() if x is None])


def mean_of(table: ResultTable, row: ResultRow) -> float | None:
    return cell(of_metric(METRICS["mean"], table.score), row.result, None).mean


def not_dominated(points: Sequence[Point], higher: bool) -> list[Point]:
    """Those that no other beats in one of cost and score without losing in the other, by cost."""
    sign = 1 if higher else -1
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -sign * point.score)):
        if not best or sign * point.score > sign * best[-1].score:
            best.append(point)
    return best


def drawing(table: ResultTable, panels: Sequence[Panel]) -> Figure:
    figure = Figure(figsize=(COLUMN, HEIGHT))
    FigureCanvasAgg(figure)  # labels are placed by how large they come out
    for n, panel in enumerate(panels):
        axes = figure.add_axes((0.13, 0.56 - n * 0.48, 0.85, 0.39))
        scaled(axes, table, panel)
        for row in table.rows:
            if row.joint and row.seeds and (ceiling := mean_of(table, row)) is not None:
                level(axes, ceiling, 0.0, f"{row.label} (the ceiling)", linewidth=0.8)
        best = not_dominated(panel.points, table.score.better == "higher")
        axes.step(
            [p.cost for p in best], [p.score for p in best], where="post", color=BEST, linewidth=0.9, zorder=1
        )
        for point in panel.points:
            axes.plot(point.cost, point.score, "o", color=BEST if point in best else OTHER, markersize=3.5)
        axes.set_xlabel(panel.words)
        axes.set_ylabel(labelled(table.score.mean_name, table.score))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right")
        label(axes, panel.points, best)
    entitled(figure, titled(table))
    return figure


def scaled(axes: Axes, table: ResultTable, panel: Panel) -> None:
    """Costs on a logarithmic scale that has room for 0; percents that come near 100 stretched towards it."""
    costs = [point.cost for point in panel.points]
    above = [cost for cost in costs if cost > 0]
    if min(costs) > 0:
        axes.set_xscale("log")
        axes.set_xlim(min(costs) / 1.6, max(costs) * 1.6)
        wide = max(costs) > 1000 * min(costs)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    elif above:
        axes.set_xscale("symlog", linthresh=min(above), linscale=0.6)
        axes.set_xlim(-min(above) / 3, max(above) * 3)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: in_short(value)))
    scores = [point.score for point in panel.points]
    scores += [mean for row in table.rows if row.joint and (mean := mean_of(table, row)) is not None]
    if percent_like(table.score) and table.score.better == "higher" and max(scores) > 90:
        axes.set_yscale("function", functions=(stretched, unstretched))
        low, high = stretched(np.array([min(scores), max(scores)]))
        margin = 0.12 * max(high - low, 0.1)
        bottom, top = unstretched(np.array([low - margin, high + margin]))
        axes.set_ylim(bottom, min(top, 100.0))
        axes.yaxis.set_major_locator(FixedLocator(NEAR_100))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.margins(y=0.12)


def in_short(value: float) -> str:
    """`20`, `5k`, `1M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def stretched(score: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(100.1 - score, 0.01))


def unstretched(value: np.ndarray) -> np.ndarray:
    return 100.1 - 10.0 ** (-value)


def segments(axes: Axes, best: Sequence[Point]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ends, in pixels, of what the step line and the ceiling are made of: level or upright."""
    for a, b in pairwise(best):
        corners = axes.transData.transform([(a.cost, a.score), (b.cost, a.score), (b.cost, b.score)])
        yield from pairwise(corners)
    left, right = axes.get_xlim()
    for line in axes.get_lines():
        if line.get_linestyle() == "--":
            height = float(np.asarray(line.get_ydata())[0])
            a, b = axes.transData.transform([(left, height), (right, height)])
            yield a, b


def label(axes: Axes, points: Sequence[Point], best: Sequence[Point]) -> None:
    """Every label beside its mark, at the nearest place where it covers neither a mark nor another label."""
    figure = axes.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    scale = figure.dpi / 72
    places = {id(p): axes.transData.transform((p.cost, p.score)) for p in points}
    taken = [Bbox.from_extents(x - 3, y - 3, x + 3, y + 3) for x, y in places.values()]
    taken += [Bbox.from_extents(*np.minimum(a, b) - 1, *np.maximum(a, b) + 1) for a, b in segments(axes, best)]
    if legend := axes.get_legend():
        taken.append(legend.get_window_extent(renderer))
    frame = axes.get_window_extent(renderer)
    around = [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False)]
    for point in sorted(points, key=lambda point: point not in best):
        text = axes.annotate(
            point.label,
            (point.cost, point.score),
            xytext=(0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=6,
            color=BEST if point in best else "#555555",
            arrowprops={"arrowstyle": "-", "color": "#BBBBBB", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 1.5},
        )
        own = text.get_window_extent(renderer)
        x, y = places[id(point)]
        chosen = (0.0, 0.0)
        for away, (across, up) in product(AWAY, around):
            chosen = (
                across * (own.width / 2 + (4 + away) * scale),
                up * (own.height / 2 + (4 + away) * scale),
            )
            box = Bbox.from_bounds(
                x + chosen[0] - own.width / 2, y + chosen[1] - own.height / 2, own.width, own.height
            )
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box.padded(2 * scale, 0))  # or two labels read as one word
                break
        text.set_position((chosen[0] / scale, chosen[1] / scale))
