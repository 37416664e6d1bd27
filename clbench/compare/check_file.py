"""A check: a YAML file that says what is run, where its baselines lie and what is tolerated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from clbench.compare.again import Group
from clbench.compare.verdicts import DEFAULT_METRICS, TOLERANCE, Rules
from clbench.config.files import Layer, Lines, Table, read_yaml
from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.reproduce.experiments import Reproduction, place
from clbench.results.checks import schema_fault
from clbench.run.experiment import Experiment

KEYS = ("title", "baselines", "seeds", "metrics", "tolerance", "test", "alpha", "runs", "studies", "results")
SEEDS = 3


@dataclass(frozen=True)
class Check:
    """What a file asks for. baselines: the folder of the stored results.

    It names no code: plugins are given on the command line, by who trusts them.
    """

    path: Path
    title: str
    baselines: Path
    rules: Rules
    seeds: int = SEEDS
    runs: tuple[Table, ...] = ()
    studies: tuple[Table, ...] = ()
    results: tuple[Group, ...] = ()  # files that are run again, and are their own baselines
    lines: Lines = field(default_factory=dict)

    def experiments(self) -> list[Experiment]:
        """Everything that is to be run; names and options are known once the plugins are loaded."""
        parts = [Reproduction("runs", self.title, "report", self.seeds, runs=self.runs)] if self.runs else []
        parts += [Reproduction("study", self.title, "study", self.seeds, study=one) for one in self.studies]
        origin = str(self.path)
        parts = [Reproduction(**{**vars(one), "origin": origin, "lines": self.lines}) for one in parts]
        return [each for one in parts for each in one.experiments(None, None, {})]


def read(path: Path) -> Check:
    """UserError names the file, the line and what is wrong there."""
    values, lines = read_yaml(path)
    layer = Layer(str(path), values, lines)
    for key in values:
        if key not in KEYS:
            raise UserError(f"{layer.at(key)}unknown key {key!r}; {did_you_mean(key, KEYS)}")
    if fault := schema_fault(values, "check.json"):
        raise UserError(f"{place(layer, fault)}{fault}; clbench/compare/README.md says what belongs there")
    here = path.parent
    return Check(
        path,
        values.get("title", path.stem),
        here / values.get("baselines", "baselines"),
        rules_of(values),
        values.get("seeds", SEEDS),
        tuple(values.get("runs", [])),
        tuple(values.get("studies", [])),
        tuple(group_of(entry, values) for entry in values.get("results", [])),
        lines,
    )


def group_of(entry: Table, values: Table) -> Group:
    """Of an entry of `results`: what it tolerates is its own, else the file's."""
    files = entry["files"] if isinstance(entry["files"], list) else [entry["files"]]
    return Group(tuple(files), rules_of({**values, **{k: v for k, v in entry.items() if k == "tolerance"}}))


def rules_of(values: Table) -> Rules:
    given = values.get("tolerance", TOLERANCE)
    each = dict(given) if isinstance(given, dict) else {"default": given}
    of_all = each.pop("default", TOLERANCE)
    metrics = tuple(values.get("metrics", DEFAULT_METRICS))
    return Rules(metrics, of_all, each, values.get("test", "paired"), values.get("alpha", 0.05))
