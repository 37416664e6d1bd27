"""A verdict for every method, stream and metric: better, same, worse, undecided, or not comparable and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from clbench.compare.entries import Entry, missing
from clbench.compare.pairs import Pair, pair
from clbench.report.build.cells import Cell, Column
from clbench.results import AnyResult
from clbench.results.differences import shown
from clbench.statistics.estimates import enough_seeds
from clbench.statistics.noninferiority import Difference, Outcome, Test, difference

State = Outcome | Literal["not comparable"]
DEFAULT_METRICS = ("mean",)
TOLERANCE = 0.5  # of the metric as printed: points of accuracy, units of FID


@dataclass(frozen=True)
class Rules:
    """What decides. tolerances: by the name of a metric, with its unit or without; `tolerance` for all others."""

    metrics: tuple[str, ...] = DEFAULT_METRICS
    tolerance: float = TOLERANCE
    tolerances: Mapping[str, float] = field(default_factory=dict)
    test: Test = "paired"
    alpha: float = 0.05

    def tolerance_of(self, column: Column) -> float:
        """`BWT (FID)` comes before `BWT`, which comes before that of all."""
        given = {name.lower(): value for name, value in self.tolerances.items()}
        names = [column.head, column.name, *([column.metric.name] if column.metric else [])]
        return next((given[name.lower()] for name in names if name.lower() in given), self.tolerance)


@dataclass(frozen=True)
class Verdict:
    """reason: in words, why it is so, where numbers do not say it."""

    method: str
    stream: str
    metric: str
    state: State
    column: Column | None = None
    baseline: float | None = None
    candidate: float | None = None
    difference: Difference | None = None
    tolerance: float | None = None
    reason: str = ""
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Compared:
    """What was found. new: candidates without a baseline. code: in what the makers of both sides differ."""

    verdicts: list[Verdict]
    rules: Rules
    new: list[Entry] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, state: State) -> int:
        return sum(verdict.state == state for verdict in self.verdicts)

    def exit_code(self, strict: bool = False) -> int:
        """1: something is worse (strict: or undecided); 2: something could not be compared; else 0."""
        if self.count("worse") or (strict and self.count("undecided")):
            return 1
        return 2 if self.count("not comparable") or not self.verdicts else 0


def compare(baseline: Sequence[Entry], candidate: Sequence[Entry], rules: Rules) -> Compared:
    """UserError where no result has any of the metrics."""
    asked = () if rules.metrics == DEFAULT_METRICS else rules.metrics
    absent = missing(asked, [*baseline, *candidate]) if asked else []
    pairs, new = pair(baseline, candidate)
    verdicts = [verdict for each in pairs for verdict in judge(each, rules)]
    return Compared(verdicts, rules, new, code_changes(pairs), [f"No result here has {name}." for name in absent])


def judge(each: Pair, rules: Rules) -> Iterator[Verdict]:
    """One verdict a metric that either side has a number for; one in all where there is nothing to compare."""
    before, after = each.baseline, each.candidate
    if after is None or each.reason:
        yield Verdict(before.method, before.stream, "", "not comparable", reason=each.reason)
        return
    if lost := lost_seeds(before.result, after.result):
        yield Verdict(before.method, before.stream, "", "worse", reason=lost)
        return
    if lacking := lacking_seeds(before.result, after.result, rules.test):
        yield Verdict(before.method, before.stream, "", "not comparable", reason=lacking)
        return
    for column in before.columns:
        cells = before.cells[column.name], after.cells.get(column.name, Cell())
        if any(cell.values for cell in cells):
            yield _judged(before, column, cells, rules)


def _judged(entry: Entry, column: Column, cells: tuple[Cell, Cell], rules: Rules) -> Verdict:
    before, after = (dict(zip(cell.seeds, cell.values, strict=True)) for cell in cells)
    named = (entry.method, entry.stream, column.name)
    if not before or not after:
        side = "the baseline" if not before else "the candidate"
        why = "; ".join(cells[bool(before)].notes)
        return Verdict(*named, "not comparable", column, reason=f"{side} has no number ({why})")
    if rules.test != "welch":
        seeds = tuple(sorted({*before} & {*after}))
        before, after = ({seed: values[seed] for seed in seeds} for values in (before, after))
    else:
        seeds = tuple(sorted({*before, *after}))
    if not seeds:
        return Verdict(*named, "not comparable", column, reason="seeds: none has a number on both sides")
    found = difference(before, after, rules.test, rules.alpha)
    gain = found if column.better == "higher" else found.negated()
    tolerance = rules.tolerance_of(column)
    state = gain.outcome(tolerance)
    means = [sum(values.values()) / len(values) for values in (before, after)]
    reason = advice(gain, tolerance) if state == "undecided" else ""
    return Verdict(*named, state, column, means[0], means[1], found, tolerance, reason, seeds)


def advice(gain: Difference, tolerance: float) -> str:
    """How many seeds would do."""
    if gain.deviation is None:
        return "one seed tells of no spread; 2 are the least"
    return f"{enough_seeds(gain.seeds_needed(tolerance))}, if mean and spread stay"


def lost_seeds(before: AnyResult, after: AnyResult) -> str:
    """Seeds that the baseline finished and the candidate could not."""
    done = finished_seeds(before)
    lost = [run for run in after.runs if run.seed in done and run.status in ("diverged", "failed")]
    others = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    return f"seed {lost[0].seed} {lost[0].status}: {lost[0].reason}{others}" if lost else ""


def lacking_seeds(before: AnyResult, after: AnyResult, test: Test) -> str:
    """Why the seeds of the two do not do: none finished, the candidate goes on, none is in both."""
    done, theirs = finished_seeds(before), finished_seeds(after)
    if not done:
        return f"seeds: none of {shown(before.seeds)} finished in the baseline"
    going = [run.seed for run in after.runs if run.seed in done and run.status == "running"]
    if going:
        return f"seeds: {shown(going)} of the candidate unfinished"
    if not theirs or (test != "welch" and not done & theirs):
        return f"seeds: {shown(sorted(done))} finished in the baseline, {shown(sorted(theirs))} in the candidate"
    return ""


def finished_seeds(result: AnyResult) -> set[int]:
    return {run.seed for run in result.runs if run.status == "done"}


# -- what is compared ------------------------------------------------------------------------------------------

NAMED = ("clbench", "commit", "torch", "python", "device", "device_name")


def code_changes(pairs: Sequence[Pair]) -> list[str]:
    """`commit ab12 -> cd34`, of everything that made the two sides: versions, commit, plugins, machine."""
    sides: tuple[dict[str, set[str]], dict[str, set[str]]] = ({}, {})
    for each in pairs:
        for side, entry in zip(sides, (each.baseline, each.candidate), strict=True):
            for name, value in facts(entry.result) if entry is not None else ():
                side.setdefault(name, set()).add(value)
    names = dict.fromkeys([*sides[0], *sides[1]])
    return [
        f"{name} {' -> '.join(', '.join(sorted(side.get(name, {'none'}))) for side in sides)}"
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]


def facts(result: AnyResult) -> Iterator[tuple[str, str]]:
    for key in dict.fromkeys(key for run in result.runs for key in run.made_by):
        maker: dict[str, Any] = result.makers[key]
        for name in NAMED:
            value = str(maker.get(name) or "unknown")
            yield name, value[:8] + "+" * value.endswith("+") if name == "commit" and len(value) > 9 else value
        for name, sha256 in maker.get("plugins", {}).items():
            yield f"plugin {name} sha256", sha256[:12]
