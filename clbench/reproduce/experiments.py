"""The configurations of the paper's tables and figures, benchmarks/paper/NAME.yaml."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clbench.config import resolve as configuration
from clbench.config.files import SECTIONS, Layer, Lines, Table, read_yaml
from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.reproduce.claims import Claim
from clbench.reproduce.names import FILES, ORDER, require_known
from clbench.results import checks as result_checks
from clbench.run.machine import Keep
from clbench.run.prune_lenet import settings as pruning
from clbench.run.prune_lenet.study import PruneLenet
from clbench.run.schedule import Experiment
from clbench.run.train import Train

PRESETS = ("quick", "paper")  # what they change of all runs, and within a run of it alone
KEYS = ("title", "show", "also", "seeds", "checkpoints", "runs", "study", "claims", *PRESETS)


@dataclass(frozen=True)
class Reproduction:
    """One table or figure. `runs`: experiments as --config takes them; `quick`, `paper`: what a preset changes."""

    name: str
    title: str
    show: str
    seeds: int | list[int]  # as in an experiment's file: how many from 0 up, or which ones
    also: str | None = None  # a second analysis of the same runs
    checkpoints: Keep = "last"
    runs: tuple[Table, ...] = ()
    study: Table = field(default_factory=dict)  # of prune-lenet: its options
    claims: tuple[Claim, ...] = ()
    quick: Table = field(default_factory=dict)
    paper: Table = field(default_factory=dict)
    origin: str = ""
    lines: Lines = field(default_factory=dict)

    def experiments(self, preset: str | None, seeds: Sequence[int] | None, overlay: Table) -> list[Experiment]:
        """Everything that is to be run; `seeds` and the options of `overlay` win over those of the file."""
        changed = {"quick": self.quick, "paper": self.paper}.get(preset or "", {})

        def seeds_of(own: Table) -> tuple[int, ...]:
            asked = seeds or own.get("seeds") or changed.get("seeds", self.seeds)
            return configuration.seeds_in(asked, f"{self.origin}: seeds")

        if self.show == "study":
            options = {**self.study, **{k: v for k, v in changed.items() if k != "seeds"}}
            measures = options.pop("importance")
            for name in options:
                if name not in pruning.OPTIONS:
                    near = did_you_mean(str(name), pruning.OPTIONS)
                    raise UserError(f"{self.origin}: no option {name} of {pruning.STUDY}; {near}")
            return [
                PruneLenet(pruning.resolve(preset, seeds_of({}), importance=one, **options)) for one in measures
            ]
        asked = (Layer("--set", overlay),)
        layers = [self.layer(n, preset or "", changed) for n in range(len(self.runs))]
        return [
            Train(config)
            for run, layer in zip(self.runs, layers, strict=True)
            for config in configuration.resolve_each(
                None, file=layer, preset=preset, seeds=seeds_of(run.get(preset or "", {})), asked=asked
            )
        ]

    def layer(self, number: int, preset: str, changed: Table) -> Layer:
        """One of the runs as a --config file would say it, with what its preset changes."""
        run, here = self.runs[number], ("runs", str(number))
        values = {key: value for key, value in run.items() if key not in PRESETS}
        stands = Layer(self.origin, {}, self.lines)
        lines = {path[2:]: line for path, line in self.lines.items() if path[:2] == here}
        for at, table in (((preset,), changed), ((*here, preset), run.get(preset, {}))):
            for section in (section for section in SECTIONS if section in table):
                values[section] = {**with_its_name(values.get(section, {})), **table[section]}
                lines |= {(section, name): stands.line((*at, section, name)) or 0 for name in table[section]}
        return Layer(self.origin, values, lines)


def with_its_name(value: Any) -> Table:
    """`stream: split-mnist` is short for `stream: {name: split-mnist}`."""
    return {"name": value} if isinstance(value, str) else value


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def folder() -> Path:
    """Where the configurations lie: in the source tree, or in the installed package."""
    here = Path(__file__).parent.parent
    return next(p for p in (here / "paper", here.parent / "benchmarks" / "paper") if p.is_dir())


def chosen(names: Sequence[str]) -> list[Reproduction]:
    """By name, `all` for every one; or a YAML file of the user's own of the same form."""
    require_known(names)
    found: list[Reproduction] = []
    for name in names or ["all"]:
        if name.endswith(FILES):
            found.append(read(Path(name)))
            continue
        found += [read(folder() / f"{each}.yaml") for each in (ORDER if name == "all" else (name,))]
    return list({one.name: one for one in found}.values())


def read(path: Path) -> Reproduction:
    """UserError names the file, the line and what is wrong there."""
    values, lines = read_yaml(path)
    origin = path.name if path.parent == folder() else str(path)  # what comes with clbench is known by its name
    layer = Layer(origin, values, lines)
    for key in values:
        if key not in KEYS:
            raise UserError(f"{layer.at(key)}unknown key {key!r}; {did_you_mean(key, KEYS)}")
    if fault := result_checks.schema_fault(values, "reproduction.json"):
        raise UserError(f"{place(layer, fault)}{fault}; clbench/schema/reproduction.json says what belongs there")
    show, runs = values.get("show", "report"), values.get("runs", [])
    if show == "study" and (runs or "study" not in values):
        raise UserError(f"{layer.at('show')}show study needs study, the options of prune-lenet, and no runs")
    if show != "study" and not runs:
        raise UserError(f"{layer.at('show')}show {show} needs runs")
    claims = tuple(map(Claim.read, values.get("claims", [])))
    found = Reproduction(path.stem, str(values.get("title", path.stem)), show, values.get("seeds", 1))
    rest = {key: values[key] for key in ("also", "checkpoints", "study", "quick", "paper") if key in values}
    return replace(found, runs=tuple(runs), claims=claims, origin=origin, lines=lines, **rest)


def place(layer: Layer, fault: str) -> str:
    """Where the top-level key stands that `key[0].inner: what` is about."""
    return layer.at(re.split(r"[.\[:]", fault)[0])
