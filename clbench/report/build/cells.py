"""One cell of a table: a column's number for every finished seed of one result, or why there is none."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.metrics import METRICS, Array, Metric, Setting, Unavailable, old_of
from clbench.results import Result, Run
from clbench.scores import ACCURACY, Score, score_of

DEFAULT_COLUMNS = ["mean", "BWT", "FWT", "SMT"]
PAINTED = ["old", "mean", "BWT", "pooled", "read"]  # of results that hold samples
TINY = 1e-9  # differences of less are rounding of floats
NO_JOINT = "no finished joint run of this stream, data, scenario, network and split with the same seeds"


@dataclass(frozen=True)
class Column:
    """A metric of a score, or a cost read off the runs themselves. lacking: why no row has a value; definition: of
    a cost, what it is (a metric has its own)."""

    name: str
    unit: str
    better: str | None  # higher | lower | None: costs are not ranked
    digits: int = 2
    metric: Metric | None = None
    cost: Callable[[Run], float] | None = None
    lacking: str = ""
    definition: str = ""

    @property
    def head(self) -> str:
        """`ACC (%)`: the name and, where there is one, the unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


COSTS = [
    Column(
        "network_parameters",
        "numbers",
        None,
        0,
        cost=lambda run: run.network_parameters[-1],
        definition="of the network, with the heads of all tasks",
    ),
    Column(
        "state_parameters",
        "numbers",
        None,
        0,
        cost=lambda run: run.state_parameters[-1],
        definition="that the method keeps beside the network after the last task",
    ),
    Column(
        "seconds",
        "s",
        None,
        1,
        cost=lambda run: sum(run.seconds),
        definition="wall time of training all tasks, scoring left out",
    ),
    Column(
        "peak_memory",
        "MiB",
        None,
        0,
        cost=lambda run: (run.peak_memory_bytes or 0) / 2**20,
        definition="largest memory while it was trained: the process's on a CPU, torch's allocations on a GPU",
    ),
    Column(
        "stored",
        "kB",
        None,
        1,
        cost=lambda run: run.state_bytes[-1] / 1000,
        definition="bytes that the method keeps beside the network after the last task",
    ),
    Column(
        "seconds_a_seed",
        "s",
        None,
        1,
        cost=lambda run: sum(run.seconds) / max(1, len(run.together)),
        definition="the same, shared out among the seeds that were trained together",
    ),
    Column(
        "forward",
        "passes an image",
        None,
        2,
        cost=lambda run: passes_an_image(run, "forward"),
        definition="images that passed forward through a network of the method, for each training image",
    ),
    Column(
        "backward",
        "passes an image",
        None,
        2,
        cost=lambda run: passes_an_image(run, "backward"),
        definition="those of which a gradient came back",
    ),
    Column(
        "pruned",
        "%",
        None,
        2,
        cost=lambda run: 100 * statistics.fmean(run.pruned[1:]),
        definition="share of the weights set to zero, mean over tasks, of methods that prune",
    ),
]
SAMPLES = [
    Column(
        "pooled",
        "",
        "lower",
        2,
        cost=lambda run: run.samples[-1]["pooled"],
        definition="of generators: FID of the samples of all classes together",
    ),
    Column(
        "read",
        "%",
        "higher",
        2,
        cost=lambda run: 100 * statistics.fmean(read_of_old(run)),
        definition="of generators: share of samples of the old classes that a classifier reads as their class",
    ),
]
PARAMETERS = ["network_parameters", "state_parameters"]
ALIASES = {
    "parameters": PARAMETERS,
    "costs": ["seconds", "peak_memory", "stored"],
    "all-costs": ["forward", "backward", "stored", *PARAMETERS, "seconds_a_seed"],
}
WITH_COSTS = ["default", "costs"]


def definitions() -> dict[str, str]:
    """Every column and what it means; that of the mean is called as its score says."""
    of_scores = {name: metric.definition for name, metric in METRICS.items()}
    return {**of_scores, **{column.name: column.definition for column in (*COSTS, *SAMPLES)}}


def may_be_asked_for() -> dict[str, str]:
    """Every name that --metrics takes of any score, of one column or of several, and what it means."""
    named = {name: ", ".join(several) for name, several in ALIASES.items()}
    every = {"default": f"{', '.join(DEFAULT_COLUMNS)}; of generators {', '.join(PAINTED)}"}
    return {**definitions(), **named, **every}


@dataclass(frozen=True)
class Cell:
    """Values of the seeds as they are printed; without values, notes[0] is the reason."""

    seeds: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.values) if self.values else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation (divided by n-1); None for fewer than two seeds."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


def text(cell: Cell, column: Column) -> str:
    """`75.00 ± 1.20`, the mean alone for one seed, an en dash for no value."""
    return format_mean(cell.mean, cell.std, column.digits)


def format_mean(mean: float | None, std: float | None, digits: int) -> str:
    if mean is None:
        return "–"
    constant_count = digits == 0 and not std
    return (
        fixed(mean, digits) if std is None or constant_count else f"{fixed(mean, digits)} ± {fixed(std, digits)}"
    )


def significant(mean: float | None, error: float | None, sign: str = "") -> str:
    """`0.00123 ± 0.00021`: numbers of any size, to the second digit of the error; three digits without one."""
    if mean is None:
        return "–"
    if not error:
        number = f"{mean + 0.0:{sign}.0f}" if float(mean).is_integer() else f"{mean:{sign}.3g}"
        return number if error is None else f"{number} ± 0"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{fixed(mean, digits, sign)} ± {fixed(error, digits)}"


def with_interval(mean: float, interval: tuple[float, float] | None, limit: float) -> str:
    """`-0.26 [-0.30, -0.23]`: to hundredths, or to the second digit of half the width where that is wide, its
    first where it is narrow; further, where an end would be rounded to the limit."""
    if interval is None:
        return significant(mean, None, "+")
    half = (interval[1] - interval[0]) / 2
    if half < TINY:
        same = significant(mean, None, "+")
        return f"{same} [{same}, {same}]"
    first = -math.floor(math.log10(half))
    digits = max(0, min(first + 1, max(2, first)))
    while digits < 9 and any(round(end - limit, digits) == 0 for end in interval if abs(end - limit) > TINY):
        digits += 1
    low, high = (fixed(end, digits, "+") for end in interval)
    return f"{fixed(mean, digits, '+')} [{low}, {high}]"


def fixed(number: float, digits: int, sign: str = "") -> str:
    return f"{round(number, digits) + 0.0:{sign}.{digits}f}"  # adding 0 turns -0.0 into 0.0


def equals(p: float) -> str:
    """`= 0.0312` of a p value."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}"


def columns(
    names: list[str] | None,
    score: Score = ACCURACY,
    others: Iterable[Score] = (),
    digits: int = 2,
    painted: bool = False,
) -> list[Column]:
    """Columns of a table of `score` by name, whatever the case; UserError for a name there is not.

    others: scores of other tables. The name of another's mean is a column in which no row has a value. digits:
    those of the mean. painted: whether results hold samples, which other columns show then.
    """
    apart = {other.mean_name: other for other in (*others, ACCURACY) if other.mean_name != score.mean_name}
    there: dict[str, Column] = {
        **{name: _of_another(other, score) for name, other in apart.items()},
        **{metric.called(score): of_metric(metric, score, digits) for metric in METRICS.values()},
        **{cost.name: cost for cost in (*COSTS, *SAMPLES)},
    }
    known = {name.lower(): [name] for name in there} | ALIASES | {"mean": [score.mean_name]}
    default = PAINTED if painted else DEFAULT_COLUMNS
    known["default"] = [each for name in default for each in known[name.lower()]]
    found: dict[str, Column] = {}
    for name in ["default"] if names is None else names:
        if name.lower() not in known:
            every = [*there, "mean", *ALIASES, "default"]
            raise UserError(f"no metric called {name!r}; {did_you_mean(name, every)}")
        found.update({each: there[each] for each in known[name.lower()]})
    return list(found.values())


def of_metric(metric: Metric, score: Score, digits: int = 2) -> Column:
    """digits: of the score; a difference squared has twice as many, as far as they go beyond hundredths."""
    shown = 2 * digits - 2 if metric.gives == "square" else digits
    return Column(metric.called(score), metric.unit(score), metric.better(score), shown, metric)


def _of_another(other: Score, score: Score) -> Column:
    why = f"the score here is {score.name}, not {other.name}"
    return Column(other.mean_name, other.unit, None, lacking=why)


def finished(result: Result) -> list[Run]:
    return [run for run in result.runs if run.status == "done"]


def matrix_of(run: Run) -> Array:
    """R [stages, T] of a run, NaN where nothing was measured."""
    return np.array(run.matrix, dtype=np.float64)


def setting_of(result: Result) -> Setting:
    return Setting(score_of(result), result.config["scenario"])


def cell(column: Column, result: Result, joint: Result | None) -> Cell:
    """The column's value for each finished seed; `joint` is what to compare it with, if any."""
    runs = finished(result)
    if not runs:
        return Cell(notes=[nothing_finished(result)])
    if column.lacking:
        return Cell(notes=[column.lacking])
    if column.cost:
        if column.name == "pruned":
            return _pruned(column.cost, runs)
        if column in SAMPLES:
            return _painted(column, runs)
        if column.name == "peak_memory" and any(run.peak_memory_bytes is None for run in runs):
            return Cell(notes=["memory: not to be told from that of earlier runs of the process"])
        if column.name == "stored" and not all(run.state_bytes for run in runs):
            return Cell(notes=["trained before clbench kept how many bytes a method stores"])
        if column.name in ("forward", "backward") and not all(run.passes for run in runs):
            return Cell(notes=["trained before clbench counted passes"])
        return _cost(column.cost, runs, timed=column.name == "seconds")
    assert column.metric is not None
    return _metric(column.metric, result, runs, joint)


def nothing_finished(result: Result) -> str:
    return f"no finished seed: {left_out(result) or result.status}"


def left_out(result: Result) -> str:
    """`seeds 3, 4 diverged at step 120 (loss is not finite); seed 5 is unfinished`; empty if all are done."""
    reasons: dict[str, list[int]] = {}
    for run in result.runs:
        if run.status != "done":
            reasons.setdefault(_why(run, result), []).append(run.seed)
    return "; ".join(
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))} {why}" for why, seeds in reasons.items()
    )


def _why(run: Run, result: Result) -> str:
    reason = run.reason or (result.reason if result.status != "done" else None)
    because = f" ({reason})" if reason else ""
    if run.status == "running":
        return f"unfinished after {max(len(run.matrix) - 1, 0)} of {len(result.tasks)} tasks{because}"
    return f"{run.status}{f' at step {run.step}' if run.step is not None else ''}{because}"


def _cost(cost: Callable[[Run], float], runs: list[Run], timed: bool) -> Cell:
    together = max(len(run.together) for run in runs)
    shared = timed and together > 1
    notes = [f"wall time of the program that trained up to {together} seeds together"] if shared else []
    return Cell([run.seed for run in runs], [float(cost(run)) for run in runs], notes)


def passes_an_image(run: Run, way: str) -> float:
    """Passes, forward or backward, of all stages for each training image of all tasks."""
    return sum(stage[way] for stage in run.passes) / max(1, sum(stage["images"] for stage in run.passes))


def read_of_old(run: Run) -> list[float]:
    """Share of samples that a classifier reads as their class after the last task, of the first half of them."""
    shares = list(run.samples[-1]["read"].values())
    return shares[: old_of(len(shares))]


def _painted(column: Column, runs: list[Run]) -> Cell:
    """Of what is recorded of samples."""
    assert column.cost is not None
    try:
        return _cost(column.cost, runs, False)
    except (IndexError, KeyError, TypeError, statistics.StatisticsError):
        return Cell(notes=["paints no images" if not any(run.samples for run in runs) else "not measured"])


def _pruned(cost: Callable[[Run], float], runs: list[Run]) -> Cell:
    if any(len(run.pruned) < 2 for run in runs):
        return Cell(notes=["prunes nothing, or was trained before clbench kept what is pruned"])
    each = zip(*(run.pruned[1:] for run in runs), strict=True)
    tasks = ", ".join(significant(100 * statistics.fmean(shares), None) for shares in each)
    return replace(_cost(cost, runs, False), notes=[f"pruned {tasks} percent of the weights, task by task"])


def _metric(metric: Metric, result: Result, runs: list[Run], joint: Result | None) -> Cell:
    if result.protocol == "joint" and metric.needs_order:
        return Cell(notes=["learns all tasks at once"])
    setting = setting_of(result)
    if metric.not_in_class and setting.scenario == "class":
        return Cell(notes=[metric.not_in_class])
    ceilings = {run.seed: matrix_of(run)[-1] for run in finished(joint)} if joint else {}
    paired = [run for run in runs if not metric.needs_joint or run.seed in ceilings]
    try:
        values = [metric.of(matrix_of(run), ceilings.get(run.seed), setting) for run in paired]
    except Unavailable as why:
        return Cell(notes=[str(why)])
    if not values:
        return Cell(notes=[NO_JOINT])
    notes = _pairing_notes(result, joint, len(paired), len(runs)) if metric.needs_joint and joint else []
    return Cell([run.seed for run in paired], values, notes)


def _pairing_notes(result: Result, joint: Result, paired: int, runs: int) -> list[str]:
    notes = []
    if paired < runs:
        notes.append(f"over the {paired} of {runs} seeds that a finished joint run has too")
    if result.config.get("train") != joint.config.get("train"):
        notes.append("the joint run was trained with other options")
    return notes
