"""Pictures of a sweep: a curve for one option, a heat map for two, parallel coordinates for more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from clbench import results
from clbench.errors import UserError
from clbench.metrics import METRICS, Setting, Unavailable
from clbench.report.build.cells import of_metric
from clbench.report.colours import COLOURS
from clbench.report.pictures import MARKERS, not_steeper, save, styled
from clbench.report.scales import digits_of, labelled, scale_of
from clbench.results import Result, Run
from clbench.results.sweep_record import Record, Trial
from clbench.scores import Score, score_of
from clbench.sweep.display import head
from clbench.sweep.space import format_value

CURVES = ("mean", "BWT")  # FWT compares with joint training, which a search does not run
WINNER: dict[str, Any] = {"marker": "*", "color": "#CC3311", "markersize": 11, "linestyle": "none", "zorder": 5}
NUMBERED = 300  # cells beyond which the numbers of a heat map would be too small to read


def draw(record: Record, path: Path, out: Path, folder: Path) -> list[Path]:
    """PNG and SVG of the finished trials; `path` is that of the record, `out` the folder that its files lie in."""
    trials = [trial for trial in record.trials if trial.score is not None]
    varied = [n for n in record.plan["space"] if len({format_value(t.values[n]) for t in trials}) > 1]
    if len(trials) < 2 or not varied:
        raise UserError(f"{path}: nothing to draw yet: {len(trials)} trials have finished")
    with styled(folder):
        if len(varied) == 1:
            figure, mark = curve(varied[0], trials, out, record), "star"
        elif len(varied) == 2 and all("values" in record.plan["space"][name] for name in varied):
            figure, mark = heat_map(varied[0], varied[1], trials, record), "frame"
        else:
            figure, mark = parallel(varied, trials, record), "line"
        config = record.plan["config"]
        words = f"{title(config)}\nred {mark}: the winner"
        figure.axes[0].set_title(words, fontsize=8, loc="left")
        return save(figure, folder / path.stem)


def draw_choices(result: Result, path: Path, folder: Path) -> list[Path]:
    """PNG and SVG of what every seed of a continual search tried and chose, task by task; `path`: of the record.

    UserError where no task has chosen yet.
    """
    if not any(run.chosen for run in result.runs):
        raise UserError(f"{path}: nothing to draw yet: no task has chosen")
    with styled(folder):
        figure = choices(result)
        return save(figure, folder / path.stem)


def choices(result: Result) -> Figure:
    """Learning rate and strength over tasks: a dot a value tried, coloured by score; a line what a seed chose."""
    asked, measure = result.config["continual"], score_of(result)
    panels = [("rate", "rates", "train.lr"), ("strength", "strengths", f"strategy.{asked['strength']}")]
    figure = Figure(figsize=(4.6, 4.0), layout="constrained")
    tried = [[seed_dots(run, kind, measure.factor) for run in result.runs] for _, kind, _ in panels]
    reached = [score for each in tried for dots in each for _, _, score in dots]
    scale = Normalize(min(reached), max(reached))
    for n, (one, _, name) in enumerate(panels):
        axes = figure.add_subplot(2, 1, n + 1)
        for place, (run, dots) in enumerate(zip(result.runs, tried[n], strict=True)):
            beside = 0.12 * (place - (len(result.runs) - 1) / 2)
            chosen = [each[one] for each in run.chosen]
            line: dict[str, Any] = {
                "color": COLOURS[place % len(COLOURS)],
                "linewidth": 1.2,
                "label": f"chosen, seed {run.seed}",
            }
            axes.plot([task + beside for task in range(1, len(chosen) + 1)], chosen, zorder=1, **line)
            x, y, scores = ([dot[k] for dot in dots] for k in range(3))
            axes.scatter(np.array(x) + beside, y, c=scores, norm=scale, cmap=colours_of(measure), s=16, zorder=2)
        values = [dot[1] for dots in tried[n] for dot in dots]
        if values and min(values) > 0 and max(values) / min(values) > 50:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            name = f"{name} (log scale)"
        axes.set_xticks(range(1, len(result.tasks) + 1))
        axes.set_ylabel(name)
        finish(axes)
        axes.legend(frameon=False)
    axes.set_xlabel("task")
    label = labelled(measure.name, measure)
    figure.colorbar(ScalarMappable(scale, colours_of(measure)), ax=figure.axes, label=f"{label} on the task's own")
    figure.axes[0].set_title(title(result.config), loc="left")
    return figure


def seed_dots(run: Run, kind: str, factor: float) -> list[tuple[int, float, float]]:
    """Task, value and score as printed of all that one seed tried; what diverged is left out."""
    return [
        (task, value, factor * score)
        for task, each in enumerate(run.chosen, 1)
        for value, score in each[kind]
        if score >= 0
    ]


def title(config: dict[str, Any]) -> str:
    network = config.get("network", {}).get("name")
    words = [config["stream"]["name"], *([network] if network else []), f"{config['scenario']} scenario"]
    return f"{config['method']}: {', '.join(words)}"


def curve(name: str, trials: list[Trial], out: Path, record: Record) -> Figure:
    """A panel a metric over the value: mean of the seeds, a band of one standard deviation, the winner marked."""
    trials = sorted(trials, key=lambda t: order(t.values[name]))
    places, labels = positions([t.values[name] for t in trials])
    best = trials.index(winner(record, trials))
    found = {metric: [measured(out / t.file, metric) for t in trials] for metric in CURVES}
    drawn = {metric: values for metric, values in found.items() if any(len(v) for v in values)}
    figure = Figure(figsize=(4.6, 0.7 + 1.9 * len(drawn)), layout="constrained")
    panels = figure.subplots(len(drawn), sharex=True, squeeze=False)[:, 0]
    for n, (axes, (metric, values)) in enumerate(zip(panels, drawn.items(), strict=True)):
        mean = np.array([v.mean() if len(v) else np.nan for v in values])
        std = np.array([v.std(ddof=1) if len(v) > 1 else 0.0 for v in values])
        axes.plot(places, mean, marker=MARKERS[n], color=COLOURS[n], markersize=4)
        axes.fill_between(places, mean - std, mean + std, color=COLOURS[n], alpha=0.2, linewidth=0)
        axes.plot(places[best], mean[best], **WINNER)
        axes.set_ylabel(f"validation {of_metric(METRICS[metric], record.measure).head}")
        finish(axes)
    not_steeper(panels[0], record.measure)
    panels[-1].set_xlabel(name)
    if labels:
        panels[-1].set_xticks(places, labels)
    elif logarithmic(places):
        panels[-1].set_xscale("log")
        panels[-1].xaxis.set_major_locator(
            LogLocator(subs=(1.0,) if places.max() / places.min() > 1e3 else (1, 3))
        )
        panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panels[-1].xaxis.set_minor_formatter(NullFormatter())
        panels[-1].set_xlabel(f"{name} (log scale)")
    return figure


def winner(record: Record, trials: list[Trial]) -> Trial:
    """The best of the finished trials."""
    return record.best or trials[0]


def logarithmic(numbers: np.ndarray) -> bool:
    """Whether they span so much that a logarithmic axis shows them better."""
    return bool(numbers.min() > 0 and numbers.max() / numbers.min() > 50)


def measured(path: Path, metric: str) -> np.ndarray:
    """The metric of every seed of a trial's result."""
    try:
        result = results.load(path)
        setting = Setting(score_of(result), result.config["scenario"])
        matrices = [np.array(run.matrix, dtype=float) for run in result.runs]
        return np.array([METRICS[metric].of(R, setting=setting) for R in matrices])
    except Unavailable:
        return np.array([])


def positions(values: list[Any]) -> tuple[np.ndarray, list[str]]:
    """Where values stand on an axis: numbers where they are, anything else side by side with its name."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return np.array(values, dtype=float), []
    return np.arange(len(values), dtype=float), [format_value(v) for v in values]


def order(value: Any) -> tuple[bool, Any]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (not number, value if number else format_value(value))


def heat_map(across: str, up: str, trials: list[Trial], record: Record) -> Figure:
    """The score over two options; a cell without a finished trial is left white, the best has a frame."""
    columns = sorted({format_value(t.values[across]): t.values[across] for t in trials}.values(), key=order)
    rows = sorted({format_value(t.values[up]): t.values[up] for t in trials}.values(), key=order)
    scores = np.full((len(rows), len(columns)), np.nan)
    for trial in trials:
        scores[rows.index(trial.values[up]), columns.index(trial.values[across])] = trial.score
    figure = Figure(figsize=(max(3.3, 0.5 * len(columns) + 1.4), max(2.0, 0.36 * len(rows) + 1.0)))
    axes = figure.add_subplot()
    measure = record.measure
    image = axes.imshow(scores, cmap=colours_of(measure), origin="lower", aspect="auto")
    scale = scale_of(replace(measure, low=None, high=None), [scores])
    narrow = np.nanmax(scores) - np.nanmin(scores) <= 5
    digits = digits_of(measure, scores[np.isfinite(scores)].tolist()) if narrow else 1
    for (row, column), score in np.ndenumerate(scores):
        if not np.isnan(score) and scores.size <= NUMBERED:
            ink = "black" if scale.brightness(score) > 0.5 else "white"
            axes.text(column, row, f"{score:.{digits}f}", ha="center", va="center", fontsize=6.5, color=ink)
    row, column = np.unravel_index(np.nanargmax(measure.sign * scores), scores.shape)
    frame = {"fill": False, "edgecolor": "#CC3311", "linewidth": 1.8}
    axes.add_patch(rectangle(float(column), float(row), frame))
    axes.set_xticks(range(len(columns)), [format_value(v) for v in columns])
    axes.set_yticks(range(len(rows)), [format_value(v) for v in rows])
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[:].set_visible(False)
    axes.grid(False)
    figure.colorbar(image, ax=axes, label=f"validation {head(record)}")
    return figure


def colours_of(measure: Score) -> str:
    """A colour map on which the best is bright."""
    return "cividis" if measure.better == "higher" else "cividis_r"


def rectangle(column: float, row: float, look: dict[str, Any]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, **look)


def parallel(names: list[str], trials: list[Trial], record: Record) -> Figure:
    """A line a trial through its value of every option, each on a scale of its own, coloured by the score."""
    figure = Figure(figsize=(max(4.6, 1.3 * len(names) + 1.6), 3.2))
    axes = figure.add_subplot()
    scores = np.array([t.score for t in trials], dtype=float)
    scale = Normalize(scores.min(), scores.max())
    colours = ScalarMappable(scale, colours_of(record.measure))
    heights = np.stack([unit_heights([t.values[n] for t in trials], axes, k) for k, n in enumerate(names)])
    for n in np.argsort(record.measure.sign * scores):  # the best on top
        axes.plot(range(len(names)), heights[:, n], color=colours.to_rgba(scores[n]), linewidth=1.2, alpha=0.9)
    best = trials.index(winner(record, trials))
    axes.plot(range(len(names)), heights[:, best], color="#CC3311", linewidth=2.4, zorder=4)
    axes.plot(range(len(names)), heights[:, best], **WINNER)
    logs = [logarithmic(positions([t.values[n] for t in trials])[0]) for n in names]
    axes.set_xticks(
        range(len(names)), [f"{name}\n(log scale)" * log or name for name, log in zip(names, logs, strict=True)]
    )
    axes.set_yticks([])
    axes.set_xlim(-0.2, len(names) - 0.6)
    axes.spines[:].set_visible(False)
    axes.grid(False)
    figure.colorbar(colours, ax=axes, label=f"validation {head(record)}")
    return figure


def unit_heights(values: list[Any], axes: Axes, place: int) -> np.ndarray:
    """The values between 0 and 1, with a labelled scale drawn at `place`."""
    numbers, labels = positions(values)
    if labels:
        kinds = sorted(set(labels))
        numbers, marks = np.array([kinds.index(label) for label in labels], dtype=float), kinds
    else:
        log = logarithmic(numbers)
        ends = [numbers.min(), numbers.max()]
        marks = [format_value(float(end)) for end in ends]
        numbers = np.log(numbers) if log else numbers
    low, high = numbers.min(), numbers.max()
    heights = (numbers - low) / (high - low) if high > low else np.full(len(numbers), 0.5)
    axes.axvline(place, color="0.6", linewidth=0.8)
    for n, mark in enumerate(marks):
        height = n / max(len(marks) - 1, 1)
        axes.annotate(mark, (place, height), (4, 0), textcoords="offset points", fontsize=7, va="center")
    return heights


def finish(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
