"""clbench evaluate: checkpoints scored again, beside what the result file says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tabulate import tabulate

from clbench.config import Config, resolve_stored
from clbench.errors import UserError
from clbench.groups import Machine
from clbench.learning import Group
from clbench.prune_lenet import settings, sparse
from clbench.prune_lenet.study import Study
from clbench.report.scales import digits_of
from clbench.results import PrunedRun, Result, Run, find, load
from clbench.scores import ACCURACY, Score, score_of

Row = dict[str, Any]


def compared(files: list[Path], stage: int | None, machine: Machine) -> Iterator[Row]:
    """One row a file, seed and task: the stored accuracy and the one scored now, shares in 0..1."""
    networks = [path for path in files if path.suffix == ".safetensors"]
    results = [path for path in files if path not in networks]
    paths = find(results)
    if not paths and not networks:
        raise UserError(f"no results in {', '.join(map(str, files))}; `clbench train` writes them")
    for path in paths:
        result = load(path)
        threads = result.environment.get("threads", machine.threads)  # their number changes last digits
        yield from of_result(path, result, stage, replace(machine, threads=threads))
    for path in networks:
        yield sparse.rescored(path, machine)


def of_result(path: Path, result: Any, stage: int | None, machine: Machine) -> Iterator[Row]:
    runs = {run.seed: run for run in result.runs}
    tasks = result.tasks if result.kind == "train" else [result.config["dataset"]]
    for seeds in dict.fromkeys(tuple(run.together) for run in result.runs):
        group = group_of(path, result, seeds)
        wanted = stage_of(path, group, stage, reached=max(len(runs[seed].seconds) for seed in seeds) - 1)
        try:
            scored = group.rescored(machine, wanted, result.data)
        except UserError as error:
            raise UserError(
                str(error) if str(path.with_suffix("")) in str(error) else f"{path}: {error}"
            ) from error
        for seed, scores in zip(seeds, scored, strict=True):
            for task, was, now in zip(tasks, stored(runs[seed], wanted, len(tasks)), scores, strict=True):
                row = {"file": str(path), "seed": seed, "stage": wanted, "task": task}
                yield {**row, "stored": was, "scored": now, "measure": asdict(score_of(result))}


def group_of(path: Path, result: Any, seeds: tuple[int, ...]) -> Group | Study:
    if result.kind == "train":
        return Group(configuration(result, path), seeds, path.with_suffix(""), result.digest)
    return Study(settings.resolve_stored(result.config, path), seeds, path.with_suffix(""), result.digest)


def stored(run: Run | PrunedRun, stage: int, tasks: int) -> Sequence[float | None]:
    """What the result file says of a stage, a score a task."""
    if stage >= len(run.seconds):
        return [None] * tasks
    return run.matrix[stage] if isinstance(run, Run) else [run.accuracy[stage]]


def configuration(result: Result, path: Path) -> Config:
    """The stored configuration; where a name in it is unknown, with the plugins that the run had."""
    try:
        return resolve_stored(result.config, path)
    except UserError as error:
        plugins = ", ".join(result.environment.get("plugins") or ())
        hint = f"; the run was given --plugin {plugins}" if plugins else ""
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}{hint}") from error


def stage_of(path: Path, group: Group | Study, asked: int | None, reached: int) -> int:
    """The stage asked for, else the last of which a checkpoint is kept."""
    kept = group.kept()
    if asked is None and not kept:
        raise UserError(f"{path}: no checkpoint is kept beside it; run it with --checkpoints last or all")
    wanted = max(kept) if asked is None else asked
    if reached < 0:
        raise UserError(f"{path}: holds no stage yet; the command that began it goes on with it")
    if wanted > reached:
        raise UserError(f"{path}: stage {wanted} is not in the result, which has stages 0 to {reached}")
    if wanted >= group.first_kept and wanted not in kept:
        have = ", ".join(map(str, sorted(kept))) or "none"
        raise UserError(f"{path}: no checkpoint of stage {wanted} (kept: {have}); train with --checkpoints all")
    return wanted


def differences(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["stored"] != row["scored"]]


def table(rows: list[Row]) -> str:
    """Scores as they are printed, and a last line with the verdict."""
    scores = [Score(**row["measure"]) if "measure" in row else ACCURACY for row in rows]
    body = [list(told(row, score).values()) for row, score in zip(rows, scores, strict=True)]
    header = list(told(rows[0], scores[0])) if rows else []
    apart = [
        score.factor * abs(row["stored"] - row["scored"])
        for row, score in zip(rows, scores, strict=True)
        if None not in (row["stored"], row["scored"])
    ]
    units = {score.difference or score.unit for score in scores}
    unit = f" {units.pop()}" if len(units) == 1 else ""
    differ = (
        f"{len(differences(rows))} of {len(rows)} scores differ, by at most {max(apart, default=0.0):.4f}{unit}"
    )
    return tabulate(body, headers=header, disable_numparse=True) + "\n\n" + differ.rstrip()


def told(row: Row, score: Score) -> dict[str, str]:
    """A row in words, under its heads."""
    shown = {name: str(value) for name, value in row.items() if name != "measure"}
    return {**shown, "stored": printed(row["stored"], score), "scored": printed(row["scored"], score)}


def printed(stored: float | None, score: Score) -> str:
    """Two digits, or as many as a small score needs."""
    return "-" if stored is None else f"{score.factor * stored:.{digits_of(score, [score.factor * stored])}f}"
