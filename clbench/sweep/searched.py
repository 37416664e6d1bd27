"""One search as a row beside others: its budget, its space, what won in it and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench import results
from clbench.errors import UserError
from clbench.report.scales import percent_like
from clbench.results import sweep_record as records
from clbench.results.sweep_record import ENDED, Record
from clbench.results.trial_files import compare
from clbench.sweep.defaults import length_of
from clbench.sweep.edges import edge_of, is_natural, options_of, place_of
from clbench.sweep.space import format_value

NEAR = 0.5  # points


@dataclass(frozen=True)
class Value:
    """Of an option that was searched, what won. place: 0 to 1 in what was searched; edge: 'low', 'high' or ''."""

    option: str
    searched: str
    best: Any
    place: float | None
    edge: str
    natural: bool

    @property
    def standing(self) -> str:
        """'low edge', 'low edge, its natural bound', or nothing."""
        return f"{self.edge} edge{', its natural bound' * self.natural}" if self.edge else ""


@dataclass(frozen=True)
class Searched:
    """A record, and the folder that its trials' files lie in."""

    path: Path
    record: Record

    @property
    def method(self) -> str:
        name: str = self.record.plan["config"]["method"]
        return name

    @property
    def place(self) -> str:
        """'split-mnist, task scenario, network mlp': what it is compared within."""
        config, other = self.record.plan["config"], self.record.plan.get("tune_on")
        words = f"{config['stream']['name']}, {config['scenario']} scenario, network {config['network']['name']}"
        return f"{words}, tuned on {other['name']}" if other else words

    @property
    def budget(self) -> str:
        """'tpe, 15 trials of 2 seeds, 2 epochs, protocol stream, 10 % held out'."""
        plan, seeds = self.record.plan, len(self.record.plan["search_seeds"])
        tasks = f" {plan['tasks']}" if plan.get("tasks") else ""
        trials = f"{plan['trials']} trial{'s' * (plan['trials'] != 1)}"
        held = f"{100 * plan['validation']:g} % held out"
        early = ", stopped early" if plan.get("stop_early") else ""
        named = f"{plan['search']}, {trials} of {seeds} seed{'s' * (seeds != 1)}"
        passes = "" if self.passes == "searched" else f", {self.passes} a task"
        return f"{named}{passes}, protocol {plan['protocol']}{tasks}, {held}{early}"

    @property
    def passes(self) -> str:
        """How long every task is trained: '2 epochs', '900 steps', or 'searched'."""
        length, unit = length_of(self.record)
        if {"train.epochs", "train.iterations"} & self.record.plan["space"].keys():
            return "searched"
        return f"{length:,} {unit}{'s' * (length != 1)}"

    @cached_property
    def images(self) -> int | None:
        """How many images a seed of a trial was trained on at most, each as often as it was shown.

        By the speeds and seconds that result files keep, to three digits; seconds hold what a method does beside
        training too, so of trials that train alike the least is nearest. None where no trial's file is here.
        """
        found = [
            sum(s * n for s, n in zip(run.seconds, run.samples_per_second, strict=True))
            / max(len(run.together), 1)
            for trial in self.record.trials
            if trial.status == "done" and (file := self.path.parent.parent / trial.file).exists()
            for run in results.load(file, True).runs[:1]
        ]
        longer = any(name.endswith(("epochs", "iterations")) for name in self.record.plan["space"])
        return round_to((max if longer else min)(found)) if found else None

    @property
    def values(self) -> list[Value]:
        best = self.record.best
        space = self.record.plan["space"] if best else {}
        known = options_of(self.record.plan["config"]) if space else {}
        return [value_of(name, axis, best.values[name], known) for name, axis in space.items() if best]

    @property
    def near(self) -> int | None:
        """How many finished trials end within half a point of the best, itself among them."""
        best, measure = self.record.best, self.record.measure
        if best is None or best.score is None or not percent_like(measure):
            return None
        return sum(
            abs(trial.score - best.score) <= NEAR for trial in self.record.ranked if trial.score is not None
        )

    @property
    def course(self) -> list[float | None]:
        """The best score so far after every trial that has ended, in their order; None before any is done."""
        found, best = [], None
        for trial in self.record.trials:
            if trial.status not in ENDED:
                continue
            if trial.score is not None:
                sign = self.record.measure.sign
                best = trial.score if best is None or sign * trial.score > sign * best else best
            found.append(best)
        return found

    def as_object(self) -> dict[str, Any]:
        record, best = self.record, self.record.best
        return {
            "record": str(self.path),
            "method": self.method,
            "place": self.place,
            "budget": self.budget,
            "search": record.plan["search"],
            "trials": record.plan["trials"],
            **{state: record.count(state) for state in ENDED},
            "seeds_a_trial": len(record.plan["search_seeds"]),
            "passes": self.passes,
            "images_a_seed_at_most": self.images,
            f"validation_{record.measure.mean_name}": None if best is None else best.score,
            "within_half_a_point": self.near,
            "values": [vars(value) for value in self.values],
            "best_so_far": self.course,
        }


def value_of(name: str, axis: dict[str, Any], best: Any, known: dict[str, Any]) -> Value:
    section, *_, option = name.split(".")
    edge = edge_of(best, axis)
    natural = bool(edge) and is_natural(edge, axis, known.get(f"{section}.{option}"))
    return Value(name, in_words(axis), best, place_of(best, axis), edge, natural)


def in_words(axis: dict[str, Any]) -> str:
    """'0.003 to 0.6, log', '1, 3, 10'."""
    if "values" in axis:
        return ", ".join(map(format_value, axis["values"]))
    kinds = [word for word, of in (("log", axis["log"]), ("whole", axis["integer"])) if of]
    return ", ".join([f"{axis['low']:g} to {axis['high']:g}", *kinds])


def round_to(number: float, digits: int = 3) -> int:
    return int(float(f"{number:.{digits - 1}e}"))


def read(paths: list[Path]) -> list[Searched]:
    """Every record in the files and folders given, held to its trials' files; UserError where there is none."""
    found = [Searched(path, records.load(path)) for path in each_file(paths)]
    if not found:
        named = ", ".join(map(str, paths))
        raise UserError(
            f"{named}: no record of a sweep; clbench sweep writes them as STREAM/sweep-METHOD-DIGEST.json"
        )
    for one in found:
        compare(one.record, one.path, one.path.parent.parent)
    return found


def each_file(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("sweep-*.json"))
        else:
            yield path
