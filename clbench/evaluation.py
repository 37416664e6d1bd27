"""clbench evaluate: checkpoints scored again, beside what the result file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tabulate import tabulate

from clbench.config import Config, resolve_stored
from clbench.errors import UserError
from clbench.learning import Group, Machine
from clbench.results import Result, find, load

Row = dict[str, Any]


def compared(files: list[Path], stage: int | None, machine: Machine) -> Iterator[Row]:
    """One row a file, seed and task: the stored accuracy and the one scored now, shares in 0..1."""
    paths = find(files)
    if not paths:
        raise UserError(f"no results in {', '.join(map(str, files))}; `clbench train` writes them")
    for path in paths:
        result = load(path)
        config = configuration(result, path)
        runs = {run.seed: run for run in result.runs}
        for seeds in dict.fromkeys(tuple(run.together) for run in result.runs):
            group = Group(config, seeds, path.with_suffix(""), result.digest)
            wanted = stage_of(path, group, stage, reached=max(len(runs[seed].matrix) for seed in seeds) - 1)
            try:
                threads = result.environment.get("threads", machine.threads)  # their number changes last digits
                scored = group.rescored(replace(machine, threads=threads), wanted, result.data)
            except UserError as error:
                raise UserError(
                    str(error) if str(path.with_suffix("")) in str(error) else f"{path}: {error}"
                ) from error
            for seed, scores in zip(seeds, scored, strict=True):
                stored = runs[seed].matrix[wanted] if wanted < len(runs[seed].matrix) else [None] * len(scores)
                for task, was, now in zip(result.tasks, stored, scores, strict=True):
                    row = {"file": str(path), "seed": seed, "stage": wanted, "task": task}
                    yield {**row, "stored": was, "scored": now}


def configuration(result: Result, path: Path) -> Config:
    """The stored configuration; where a name in it is unknown, with the plugins that the run had."""
    try:
        return resolve_stored(result.config, path)
    except UserError as error:
        plugins = ", ".join(result.environment.get("plugins") or ())
        hint = f"; the run was given --plugin {plugins}" if plugins else ""
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}{hint}") from error


def stage_of(path: Path, group: Group, asked: int | None, reached: int) -> int:
    """The stage asked for, else the last of which a checkpoint is kept."""
    kept = group.kept()
    if asked is None and not kept:
        raise UserError(f"{path}: no checkpoint is kept beside it; train with --checkpoints last or all")
    wanted = max(kept) if asked is None else asked
    if reached < 0:
        raise UserError(f"{path}: holds no stage yet; the same `clbench train` command goes on with it")
    if wanted > reached:
        raise UserError(f"{path}: stage {wanted} is not in the result, which has stages 0 to {reached}")
    if wanted and wanted not in kept:
        have = ", ".join(map(str, sorted(kept))) or "none"
        raise UserError(f"{path}: no checkpoint of stage {wanted} (kept: {have}); train with --checkpoints all")
    return wanted


def differences(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["stored"] != row["scored"]]


def table(rows: list[Row]) -> str:
    """Percent, and a last line with the verdict."""
    shown = [{**row, "stored": percent(row["stored"]), "scored": percent(row["scored"])} for row in rows]
    apart = [abs(row["stored"] - row["scored"]) for row in rows if None not in (row["stored"], row["scored"])]
    worst = 100 * max(apart, default=0.0)
    verdict = f"{len(differences(rows))} of {len(rows)} scores differ, by at most {worst:.4f} points"
    return tabulate(shown, headers="keys", disable_numparse=True) + "\n\n" + verdict


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"
