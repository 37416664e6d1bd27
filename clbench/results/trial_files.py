"""The trials of a sweep's record beside their own result files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench import results
from clbench.errors import UserError
from clbench.results.sweep_record import AFRESH, Record, Trial
from clbench.results.trial_scores import scores_of, spread_of

COMPARED = ("done", "diverged", "stopped")  # trials whose result files say the same


def compare(record: Record, path: Path, out: Path, accept_modified: bool = False) -> None:
    """UserError where a trial that has ended is not what its result file says, as far as there is one."""
    for trial in record.trials:
        file = out / trial.file
        if trial.status not in COMPARED or not file.exists():
            continue
        for field, what in differences(trial, record, results.load(file, accept_modified)):
            raise UserError(f"{path}: trials[{trial.number}].{field}: {what} {file}; {AFRESH}")


def differences(trial: Trial, record: Record, result: Any) -> Iterator[tuple[str, str]]:
    for name, value in trial.values.items():
        section, *_, option = name.split(".")
        if (stored := result.config.get(section, {}).get(option, value)) != value:
            yield f"values.{name}", f"{value!r} is not {stored!r}, that of its result file"
    asked = results.of_seeds(result, record.plan["search_seeds"]).runs
    diverged = any(run.status == "diverged" for run in asked)
    if (trial.status == "diverged") != diverged or (trial.status == "stopped") != _open(asked):
        yield "status", f"{trial.status!r} is not that of its result file"
    for name, own in (
        ("scores", scores_of(asked, record.measure)),
        ("spread", spread_of(asked, record.measure)),
    ):
        if getattr(trial, name) != own:
            yield name, f"{getattr(trial, name)} are not {own}, those of its result file"


def _open(runs: list[Any]) -> bool:
    return not runs or any(run.status in ("running", "failed") for run in runs)
