"""Results on one side of a comparison, each with its number for every seed and metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.report.build import pruning
from clbench.report.build.cells import Cell, Column, columns
from clbench.report.build.pruning.studies import TOTALS
from clbench.report.build.tables import tables
from clbench.results import AnyResult, PruningResult, Result, find, load
from clbench.results.differences import Options, described, differing
from clbench.scores import ACCURACY, FID, FID_LENET, score_of

OF_STUDIES = {column.name: column for column in TOTALS if column.better}  # after the last round
TELLING = ("network.name", "scenario")  # options that tell most settings apart
SETTING = ("stream", "scenario", "network", "score")  # of a configuration: what is learned, not how


@dataclass
class Entry:
    """A result and its cells by the name of their column. method, stream: as a reader tells it from the others."""

    path: Path
    result: AnyResult
    columns: list[Column]
    cells: dict[str, Cell] = field(default_factory=dict)
    method: str = ""
    stream: str = ""

    @property
    def kind(self) -> tuple[str, str, str]:
        """The kind of result, its method (a study: its measure), its stream (a study: its data set)."""
        config = self.result.config
        if isinstance(self.result, Result):
            return "train", config["method"], config["stream"]["name"]
        return "pruning", f"prune-lenet {config['pruning']['importance']}", config["dataset"]


def read(paths: Sequence[Path], accept_modified: bool = False) -> list[tuple[Path, Any]]:
    """The results in files and folders; UserError where there are none."""
    found = [(file, load(file, accept_modified)) for file in find(list(paths))]
    if not found:
        raise UserError(f"no results in {', '.join(map(str, paths))}; `clbench train` writes them")
    return found


def entries(loaded: Sequence[tuple[Path, AnyResult]], metrics: Sequence[str]) -> list[Entry]:
    """In the order of a report's tables. UserError: a metric that there is not, or that has no better end."""
    trained = [(path, result) for path, result in loaded if isinstance(result, Result)]
    studies = [(path, result) for path, result in loaded if isinstance(result, PruningResult)]
    scores = list(dict.fromkeys([ACCURACY, FID, FID_LENET, *(score_of(result) for _, result in trained)]))
    of_trainings = [name for name in metrics if name.lower() not in OF_STUDIES]
    for column in columns(of_trainings or ["mean"], others=scores):
        if column.better is None and not column.lacking:
            raise UserError(f"{column.name}: of a cost neither more nor less is better; compare metrics")
    found = [
        Entry(row.path, row.result, table.columns, row.cells)
        for table in (tables(trained, of_trainings or ["mean"], scores) if trained else [])
        for row in table.rows
    ]
    asked = [OF_STUDIES[name.lower()] for name in metrics if name.lower() in OF_STUDIES]
    for comparison in pruning.comparisons(studies):
        for study in comparison.studies:
            chosen = asked or list(OF_STUDIES.values())
            cells = {column.name: study.cell(column, study.rounds) for column in chosen}
            found.append(Entry(study.path, study.result, chosen, cells))
    name(found)
    return found


def missing(metrics: Sequence[str], found: Sequence[Entry]) -> list[str]:
    """The metrics asked for that no result has; UserError where it has none of them."""
    have = {column.name.lower() for each in found for column in each.columns if each.cells[column.name].values}
    have |= {"mean"} if any(each.kind[0] == "train" for each in found) else set()
    absent = [name for name in metrics if name.lower() not in have]
    if len(absent) == len(metrics):
        raise UserError(f"no result here has {', '.join(absent)}; {did_you_mean(absent[0], sorted(have))}")
    return absent


def name(found: Sequence[Entry]) -> None:
    """Say of each in what it differs from others of its kind."""
    for entry in found:
        stream = entry.kind[2]
        words = _apart(_setting(entry), [_setting(other) for other in found if other.kind[2] == stream])
        entry.stream = f"{stream} ({words})" if words else stream
    for entry in found:
        namesakes = [_rest(other) for other in found if (other.kind, other.stream) == (entry.kind, entry.stream)]
        words = _apart(_rest(entry), namesakes)
        entry.method = f"{entry.kind[1]} ({words})" if words else entry.kind[1]


def _apart(mine: Options, others: Sequence[Options]) -> str:
    """The fewest of the differing options that tell all of them apart, what a reader looks for first in front."""
    names = sorted(differing(others), key=lambda name: (name not in TELLING, name))
    different = {described(other, names) for other in others}
    for n in range(len(names)):
        if len({described(other, names[:n]) for other in others}) == len(different):
            return described(mine, names[:n])
    return described(mine, names)


def _setting(entry: Entry) -> Options:
    return {key: entry.result.config[key] for key in SETTING if key in entry.result.config}


def _rest(entry: Entry) -> Options:
    return {key: value for key, value in entry.result.config.items() if key not in SETTING}
