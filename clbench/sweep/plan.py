"""A sweep as asked for: what is searched, on which data, by which protocol; and the Config of every run in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from clbench.config import resolve as configuration
from clbench.config.files import Layer, parse_sets, read_file
from clbench.config.options import did_you_mean, shown
from clbench.config.resolve import Config, Table, plain
from clbench.errors import UserError
from clbench.registry import datasets, strategies, streams
from clbench.results import digest, folder_of
from clbench.streams.find import data_sets_of
from clbench.sweep.space import Axis, axes_of, parse_grids, setting

SEARCHES = ("grid", "random", "tpe")
PROTOCOLS = {
    "stream": "{mean} on validation images of the whole stream",
    "first": "{mean} on validation images of the stream's first tasks alone (Chaudhry et al. 2019, A-GEM)",
    "other-seed": "{mean} on validation images of a stream made with another seed (after Chaudhry et al. 2019)",
    "other-data": "{mean} on validation images of {tune_on}, a stream of other images (after Cha & Cho 2024)",
    "continual": "task by task, on validation images of the task at hand alone (De Lange et al. 2021; FACIL)",
}
KEYS = (
    "grid",
    "search",
    "trials",
    "protocol",
    "validation",
    "tasks",
    "tune_on",
    "stop_early",
    "search_seeds",
    "tolerance",
)
MOST_TRIALS = 100_000


@dataclass(frozen=True)
class Asked:
    """What the command line says; None where it says nothing."""

    method: str | None = None
    stream: str | None = None
    network: str | None = None
    scenario: str | None = None
    preset: str | None = None
    sets: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    seeds: int | None = None  # how many fresh ones the winner is trained with
    options: dict[str, Any] = field(default_factory=dict)  # of KEYS but grid


@dataclass(frozen=True)
class Plan:
    """A sweep; every run in it follows from it alone."""

    asked: Asked
    file: Layer | None
    axes: tuple[Axis, ...]
    search: str
    trials: int  # grid: as many as there are points, or fewer
    protocol: str
    validation: float  # share of each task's training images that the search is scored on
    tasks: int | None  # how many of the first ones trials learn, by the protocols first and other-data; else all
    stop_early: bool
    search_seeds: tuple[int, ...]
    seeds: tuple[int, ...]  # of the winner
    tolerance: float | None  # of the protocol continual: share of the reference accuracy that may be lost
    tune_on: str | None = None  # of the protocol other-data: the stream that trials learn

    @property
    def ordered(self) -> bool:
        """Whether what is tried next, or stopped, depends on which trials have ended by then."""
        return self.search == "tpe" or self.stop_early

    def config(self, seeds: tuple[int, ...], score: str, *sets: str, on: str | None = None) -> Config:
        """Of a run on the stream `on`, else on that of the sweep; with other data, both have the same values of
        method, network and training: what clbench.toml says of the searched stream, not of the winner's.
        """
        asked = self.asked
        return configuration.resolve(
            asked.method,
            on or asked.stream,
            network=asked.network,
            scenario=asked.scenario,
            seeds=seeds,
            score=score,
            preset=asked.preset,
            file=self.file,
            sets=asked.sets,
            asked=(Layer("sweep", parse_sets(sets)),),
            values_of=self.tune_on,
        )

    @cached_property
    def base(self) -> Config:
        """What all runs share: the winner's configuration before any value is chosen."""
        return self.config(self.seeds, "test", f"stream.validation={self.kept_out}")

    @property
    def elsewhere(self) -> Config:
        """The same with the data that the protocol other-data searches on."""
        return self.config(self.search_seeds, "test", f"stream.validation={self.kept_out}", on=self.tune_on)

    @property
    def kept_out(self) -> float:
        """Of the winner's training images: none, unless its training stops on validation loss."""
        given = self.config(self.seeds, "test")
        watches = given.train.patience and given.train.stop_on == "validation"
        return max(given.stream_options["validation"], self.validation) if watches else 0.0

    def trial(self, values: Table) -> Config:
        """Scored on validation images, on the stream that the protocol names."""
        sets = [f"stream.validation={self.validation}", *chosen(values)]
        if self.tasks is not None:
            sets.append(f"stream.first={self.tasks}")
        if self.protocol == "other-seed":
            sets.append(f"stream.seed={self.base.stream_options['seed'] + 1}")
        return self.config(self.search_seeds, "validation", *sets, on=self.tune_on)

    def winner(self, values: Table) -> Config:
        """On all training images, with fresh seeds, scored on test images."""
        return self.config(self.seeds, "test", f"stream.validation={self.kept_out}", *chosen(values))

    def continual(self) -> Config:
        """The run that chooses for itself, task by task."""
        rates, strengths = rates_and_strengths(self)
        own = {
            "rates": list(rates),
            "strength": strengths.name.rpartition(".")[2],
            "values": list(strengths.values),
            "tolerance": self.tolerance,
        }
        config = self.config(self.seeds, "test", f"stream.validation={self.validation}")
        came = {f"continual.{name}": "sweep" for name in own}
        return replace(config, continual=own, origins={**config.origins, **came})

    def as_dict(self) -> Table:
        return plain(
            {
                "config": self.unsearched(self.base),
                **({} if self.tune_on is None else {"tune_on": self.unsearched(self.elsewhere)["stream"]}),
                "space": {axis.name: axis.as_dict() for axis in self.axes},
                "search": self.search,
                "trials": self.trials,
                "protocol": self.protocol,
                "validation": self.validation,
                "tasks": self.tasks,
                "stop_early": self.stop_early,
                "search_seeds": list(self.search_seeds),
                "tolerance": self.tolerance,
            }
        )

    def unsearched(self, config: Config) -> Table:
        """A configuration without what is searched, which may be set elsewhere, as by --write-defaults."""
        found = {key: value for key, value in config.as_dict().items() if key != "score"}
        for axis in self.axes:
            section, *_, option = axis.name.split(".")
            found[section] = {key: value for key, value in found[section].items() if key != option}
        return found

    @property
    def digest(self) -> str:
        return digest(self.as_dict())

    @property
    def path(self) -> Path:
        """Of the record, below the output folder."""
        return Path(folder_of(self.base.stream)) / f"sweep-{self.base.method}-{self.digest}.json"


def chosen(values: Table) -> list[str]:
    return [setting(name, value) for name, value in values.items()]


def rates_and_strengths(plan: Plan) -> tuple[tuple[float, ...], Axis]:
    """Both axes of a continual search: learning rates (or the one there is), strengths from the largest down."""
    rates = next((axis for axis in plan.axes if axis.name == "train.lr"), None)
    others = [axis for axis in plan.axes if axis is not rates]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for a in plan.axes for v in a.values)
    if len(others) != 1 or not others[0].name.startswith("strategy.") or not numbers or not others[0].values:
        raise UserError(
            "--protocol continual searches one strength, from its largest value down, and train.lr if given: "
            "--grid strategy.lam=1,10,100 --grid train.lr=0.1,0.05"
        )
    require_adjustable(plan.base.method, others[0].name)
    strengths = Axis(others[0].name, tuple(sorted(others[0].values, reverse=True)))
    return tuple(rates.values) if rates else (plan.base.train.lr,), strengths


def require_adjustable(method: str, name: str) -> None:
    """UserError where an option, strategy.OPTION or strategy.METHOD.OPTION, is read once, when a run starts."""
    *of, option = name.removeprefix("strategy.").split(".")
    known = strategies.described(method).options
    may = " or ".join(f"strategy.{each}" for each, o in known.items() if o.adjustable)
    if of not in ([], [method]) or (option in known and not known[option].adjustable):
        can = f"of {method} it can search {may}" if may else f"{method} has nothing that it can search"
        raise UserError(f"--protocol continual: {name} is nothing that a task can choose for itself; {can}")


def planned(path: Path | None, asked: Asked) -> Plan:
    """The plan of a file and flags, flags first; UserError for whatever is unknown or out of range."""
    file = read_file(path, also=("sweep",)) if path else None
    table = file.values.get("sweep", {}) if file else {}
    at = file.at if file else lambda *words: ""
    if not isinstance(table, dict):
        raise UserError(f"{at('sweep')}sweep must be a table, got {shown(table)}")
    for key in table:
        if key not in KEYS:
            raise UserError(f"{at('sweep', key)}no option sweep.{key}; {did_you_mean(str(key), KEYS)}")
    grid = table.get("grid", {})
    if not isinstance(grid, dict):
        raise UserError(f"{at('sweep', 'grid')}sweep.grid must be a table of options, got {shown(grid)}")
    axes = {axis.name: axis for axis in axes_of(flattened(grid), at("sweep", "grid") + "sweep.grid: ")}
    axes |= {axis.name: axis for axis in axes_of(parse_grids(asked.grids), "--grid ")}
    if not axes:
        raise UserError(
            "nothing to search; name options with --grid strategy.lam=0:10:1, or in a file under sweep.grid"
        )

    def given(name: str, default: Any) -> tuple[Any, str]:
        if asked.options.get(name) is not None:
            return asked.options[name], f"--{name.replace('_', '-')}"
        return table.get(name, default), f"{at('sweep', name)}sweep.{name}"

    search = one_of(*given("search", "grid"), SEARCHES)
    protocol = one_of(*given("protocol", "stream"), tuple(PROTOCOLS))
    search_seeds = number(*given("search_seeds", 1), 1, configuration.MOST_SEEDS)
    seeds = asked.seeds if asked.seeds is not None else len(configuration.seeds_of(file or Layer("", {})))
    experiment = (
        None if file is None else replace(file, values={k: v for k, v in file.values.items() if k != "sweep"})
    )
    tune_on, tune_on_at = given("tune_on", None)
    if tune_on is not None or protocol == "other-data":
        require_other_data(protocol, tune_on, tune_on_at)
    tasks, tasks_at = given("tasks", 3 if protocol == "first" else None)
    require_protocol(tasks, tasks_at, protocol, "first", "other-data")
    tolerance, tolerance_at = given("tolerance", 0.2 if protocol == "continual" else None)
    require_protocol(tolerance, tolerance_at, protocol, "continual")
    stop_early, where = given("stop_early", False)
    if not isinstance(stop_early, bool):
        raise UserError(f"{where}: expected true or false, got {shown(stop_early)}")
    plan = Plan(
        asked=asked,
        file=experiment,
        axes=tuple(axes.values()),
        search=search,
        trials=count_of(tuple(axes.values()), search, *given("trials", None)),
        protocol=protocol,
        validation=share(*given("validation", 0.1)),
        tasks=None if tasks is None else number(tasks, tasks_at, 1, 1000),
        stop_early=stop_early,
        search_seeds=tuple(range(search_seeds)),
        seeds=tuple(range(search_seeds, search_seeds + seeds)),
        tolerance=None if tolerance is None else share(tolerance, tolerance_at),
        tune_on=tune_on,
    )
    if tune_on is not None:
        require_other_images(plan, tune_on_at)
    check(plan)
    return plan


def require_protocol(value: Any, where: str, protocol: str, *goes_with: str) -> None:
    """UserError where a value is given that the protocol would leave aside."""
    if value is not None and protocol not in goes_with:
        raise UserError(f"{where} goes with --protocol {' or '.join(goes_with)}, and the protocol is {protocol}")


def require_other_data(protocol: str, tune_on: Any, where: str) -> None:
    """UserError where one of the protocol and its stream is given alone, or there is no such stream."""
    if tune_on is None:
        raise UserError("--protocol other-data: name the stream that trials learn, --tune-on STREAM")
    require_protocol(tune_on, where, protocol, "other-data")
    if not isinstance(tune_on, str):
        raise UserError(f"{where}: expected the name of a stream, got {shown(tune_on)}")
    with configuration.prefix_errors(f"{where}: "):
        streams.registered_as(tune_on)


def require_other_images(plan: Plan, where: str) -> None:
    """UserError where trials and winner would share a data set, or have networks of different names."""
    winner, trial = plan.base, plan.elsewhere
    if winner.network != trial.network:
        raise UserError(
            f"{where}: {trial.stream} is made for {trial.network} and {winner.stream} for {winner.network}; "
            "--network NAME gives both one"
        )
    if shared := data_of(winner) & data_of(trial):
        raise UserError(
            f"{where}: {trial.stream} and {winner.stream} both show {', '.join(sorted(shared))}; "
            "name a stream of other images"
        )


def data_of(config: Config) -> set[str]:
    """The data sets of a stream, files by where they lie; of one that loads its own, its own name."""
    named = data_sets_of(config.stream, config.stream_options) or [config.stream]
    return {name if name in datasets else str(Path(name).resolve()) for name in named}


def flattened(grid: Table) -> Table:
    """{'strategy': {'lam': ..}} as {'strategy.lam': ..}; a name with dots stays."""
    found: Table = {}
    for name, value in grid.items():
        found |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return found


def check(plan: Plan) -> None:
    """Every value of every axis makes a configuration, before anything is run."""
    if plan.base.train.score_every != 1:
        raise UserError("train.score_every: a search judges every stage; leave it out")
    if plan.protocol == "continual":
        rates_and_strengths(plan)
        plan.continual()
    for axis in plan.axes:
        for value in axis.ends:
            try:
                plan.trial({axis.name: value})
            except UserError as error:
                raise UserError(f"grid: {str(error).removeprefix('sweep: ')}") from None


def count_of(axes: tuple[Axis, ...], search: str, asked: Any, where: str) -> int:
    ranges = [axis.name for axis in axes if not axis.values]
    if search == "grid":
        if ranges:
            raise UserError(
                f"{ranges[0]} is a range, which a grid cannot walk; --search random or tpe, or give steps"
            )
        points = math.prod(len(axis.values) for axis in axes)
        if points > MOST_TRIALS:
            raise UserError(
                f"the grid has {points} points; there can be {MOST_TRIALS}: take --search random or tpe"
            )
        return min(points, number(asked, where, 1, MOST_TRIALS)) if asked is not None else points
    return number(20 if asked is None else asked, where, 1, MOST_TRIALS)


def one_of(value: Any, where: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UserError(f"{where} is {shown(value)}; {did_you_mean(str(value), known)}")
    return value


def number(value: Any, where: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UserError(f"{where}: expected a whole number from {low} to {high}, got {shown(value)}")
    return value


def share(value: Any, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise UserError(f"{where}: expected a share between 0 and 1, got {shown(value)}")
    return float(value)
