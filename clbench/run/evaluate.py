"""clbench evaluate: checkpoints scored again, beside what the result file says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tabulate import tabulate

from clbench.config.printable import printable
from clbench.config.resolve import Config, resolve_stored
from clbench.errors import UserError
from clbench.report.scales import digits_of, labelled
from clbench.results import PrunedRun, Result, Run, find, load, none_found
from clbench.run.experiment import SeedGroup
from clbench.run.machine import Machine, choose_device
from clbench.run.provenance import made_elsewhere, made_here, other_code
from clbench.run.prune_lenet import settings, sparse
from clbench.run.prune_lenet.study import PruneLenet
from clbench.run.train import Train, plugins_of
from clbench.scores import ACCURACY, Score

Row = dict[str, Any]


def compared(
    files: list[Path],
    stage: int | None,
    machine: Machine,
    accept_other_code: bool = False,
    failed: list[UserError] | None = None,
    notes: list[str] | None = None,
) -> Iterator[Row]:
    """One row a file, seed and task: the stored number of its score and the one found now.

    UserError where a plugin that the run uses is lacking, or has changed since and that is not accepted, and for
    whatever else is wrong with a file. With `failed`, of several files the others are scored all the same, and
    the errors are put there. `notes`: where a line is put for a file of which stages were made elsewhere.
    """
    networks = [path for path in files if path.suffix == ".safetensors"]
    results = [path for path in files if path not in networks]
    paths = find(results)
    if not paths and not networks:
        raise none_found(files)
    for path in (*paths, *networks):
        try:
            yield from of_file(path, stage, machine, accept_other_code, notes)
        except UserError as error:
            if failed is None or len(paths) + len(networks) == 1:
                raise
            failed.append(error)


def of_file(
    path: Path, stage: int | None, machine: Machine, accept_other_code: bool, notes: list[str] | None = None
) -> list[Row]:
    """All rows of a result, or of an exported network."""
    if path.suffix == ".safetensors":
        return [{**sparse.rescored(path, machine), "score": ACCURACY}]
    result = load(path, machine.accept_modified)
    if result.kind == "train" and not accept_other_code:
        require_same_code(path, result)
    rows = list(of_result(path, result, stage, machine))
    here = made_here(machine.threads, choose_device(machine.device), {})
    if notes is not None and (words := made_elsewhere(result.makers.values(), here)):
        notes.append(f"{path}: made elsewhere, last digits may differ: {words}")
    return rows


def of_result(path: Path, result: Any, stage: int | None, machine: Machine) -> Iterator[Row]:
    runs = {run.seed: run for run in result.runs}
    tasks = result.tasks if result.kind == "train" else [result.config["dataset"]]
    measure = result.score if result.kind == "train" else ACCURACY
    for seeds in dict.fromkeys(tuple(run.together) for run in result.runs):
        group = group_of(path, result, seeds)
        mine = [runs[seed] for seed in seeds]
        wanted = stage_of(path, group, stage, reached=max(len(run.seconds) for run in mine) - 1)
        made = [result.makers[run.made_by[wanted]] for run in mine if wanted < len(run.made_by)]
        threads = made[0].get("threads", machine.threads) if made else machine.threads  # it changes last digits
        try:
            here = replace(machine, threads=threads)
            scored = group.experiment.score_again(group, here, wanted, result.data)
        except UserError as error:
            raise UserError(
                str(error) if str(path.with_suffix("")) in str(error) else f"{path}: {error}"
            ) from error
        for seed, scores in zip(seeds, scored.rows, strict=True):
            for task, was, now in zip(tasks, stored(runs[seed], wanted, len(tasks)), scores, strict=True):
                row = {"file": str(path), "seed": seed, "stage": wanted, "task": task, "score": measure}
                yield {**row, "stored": was, "scored": now}
        if scored.accounts is not None and any(run.samples for run in mine):
            for run, account in zip(mine, scored.accounts, strict=True):
                for row in of_samples(run.samples[wanted], account, measure):
                    yield {"file": str(path), "seed": run.seed, "stage": wanted, **row}


def of_samples(was: Row, now: Row, measure: Score) -> Iterator[Row]:
    """What a result holds of samples beside its matrix: FID of all classes and of each, the share read rightly."""
    if "pooled" in was:
        yield {"task": "all classes", "score": measure, "stored": was["pooled"], "scored": now.get("pooled")}
    for number, score in (("fid", measure), ("read", ACCURACY)):
        for name, value in was.get(number, {}).items():
            row = {"task": f"class {name}", "score": score}
            yield {**row, "stored": value, "scored": now.get(number, {}).get(name)}


def require_same_code(path: Path, result: Result) -> None:
    if words := other_code(result, plugins_of(configuration(result, path))):
        raise UserError(f"{path}: {words}; --accept-other-code scores it with what is there now")


def experiment_of(result: Any, path: Path) -> Train | PruneLenet:
    """What would make a result anew."""
    if result.kind == "train":
        return Train(configuration(result, path))
    return PruneLenet(settings.resolve_stored(result.config, path))


def group_of(path: Path, result: Any, seeds: tuple[int, ...]) -> SeedGroup:
    return experiment_of(result, path).group(seeds, path.with_suffix(""), result.digest)


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
        plugins = ", ".join(dict.fromkeys(n for maker in result.makers.values() for n in maker.get("plugins", {})))
        hint = f"; the run was given --plugin {plugins}" if plugins else ""
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}{hint}") from error


def stage_of(path: Path, group: SeedGroup, asked: int | None, reached: int) -> int:
    """The stage asked for, else the last of which a checkpoint is kept."""
    kept = group.kept()
    if asked is None and not kept:
        seeds = f"seed{'s' * (len(group.seeds) > 1)} {','.join(map(str, group.seeds))}"
        raise UserError(
            f"{path}: no checkpoint of {seeds} is kept beside it; run it with --checkpoints last or all (clbench "
            "merge leaves checkpoints where they were made)"
        )
    wanted = max(kept) if asked is None else asked
    if reached < 0:
        raise UserError(f"{path}: holds no stage yet; the command that began it goes on with it")
    if wanted > reached:
        raise UserError(f"{path}: stage {wanted} is not in the result, which has stages 0 to {reached}")
    if wanted >= group.experiment.first_kept and wanted not in kept:
        have = ", ".join(map(str, sorted(kept))) or "none"
        raise UserError(f"{path}: no checkpoint of stage {wanted} (kept: {have}); train with --checkpoints all")
    return wanted


def differences(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["stored"] != row["scored"]]


def table(rows: list[Row]) -> str:
    """As their score is printed, and a last line with the verdict."""
    return tabulate(words_of_rows(rows), headers="keys", disable_numparse=True) + "\n\n" + verdict(rows)


def words_of_rows(rows: list[Row]) -> list[dict[str, str]]:
    return [
        {
            **{name: printable(value) for name, value in row.items()},
            "score": labelled(row["score"].name, row["score"]),
            "stored": printed(row["stored"], row["score"]),
            "scored": printed(row["scored"], row["score"]),
        }
        for row in rows
    ]


def verdict(rows: list[Row]) -> str:
    """`2 of 10 scores differ, by at most 0.0100 points`."""
    apart = {row["score"]: 0.0 for row in rows}
    for row in rows:
        if None not in (row["stored"], row["scored"]):
            apart[row["score"]] = max(apart[row["score"]], abs(row["stored"] - row["scored"]))
    worst = " and ".join(
        f"{score.factor * d:.4f} {score.difference or score.unit or score.name}" for score, d in apart.items()
    )
    return f"{len(differences(rows))} of {len(rows)} scores differ, by at most {worst}"


def printed(value: float | None, score: Score) -> str:
    return "-" if value is None else f"{score.factor * value:.{digits_of(score, [score.factor * value])}f}"
