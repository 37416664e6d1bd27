"""Results that are run again: files that are baselines themselves, with what is tolerated of each group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clbench.compare.verdicts import Rules
from clbench.errors import UserError
from clbench.results import find, load, of_seeds
from clbench.run.evaluate import experiment_of
from clbench.run.experiment import Experiment


@dataclass(frozen=True)
class Group:
    """An entry of `results`: patterns of files or folders, from the folder of the check, and their tolerance."""

    files: tuple[str, ...]
    rules: Rules


@dataclass(frozen=True)
class Again:
    """A file, its result (of the seeds that are run again), what makes it anew, and what is tolerated."""

    path: Path
    result: Any
    experiment: Experiment  # a Train or a PruneLenet
    rules: Rules


def again(groups: tuple[Group, ...], folder: Path, seeds: int) -> list[Again]:
    """Of every finished file, in order of group and name; a configuration that stands in two is of the first.

    UserError: no file matches, one is damaged, or this clbench would make another configuration of it.
    """
    found: dict[str, Again] = {}
    for group in groups:
        for path in matching(group, folder):
            result = load(path)
            if result.status == "done" and result.digest not in found:
                found[result.digest] = read(path, result, group.rules, seeds)
    return list(found.values())


def matching(group: Group, folder: Path) -> Iterator[Path]:
    for pattern in group.files:
        paths = sorted(folder.glob(pattern))
        if not paths:
            raise UserError(
                f"{folder / pattern}: no result file; results of a check names files from its own folder"
            )
        yield from find(paths)


def read(path: Path, result: Any, rules: Rules, seeds: int) -> Again:
    experiment: Any = experiment_of(result, path)
    if experiment.config.digest != result.digest:
        raise UserError(f"{path}: this clbench makes {experiment.config.digest} of it; it cannot be run again")
    first = tuple(sorted(run.seed for run in result.runs))[:seeds]
    chosen = replace(experiment, config=replace(experiment.config, seeds=first))
    return Again(path, of_seeds(result, first), chosen, rules)
