"""What a run leaves in its folder, and how that differs from what one left alone leaves."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench import results
from clbench.errors import UserError
from clbench.results import PrunedRun, Run, SeedRun, sweep_record
from clbench.run import checkpoint

Numbers = dict[str, list[list[list[Any]]]]  # file -> what each seed measured, stage after stage


@dataclass(frozen=True)
class Outcome:
    """Of a finished run; paths are below its folder.

    trials: of every sweep's record, all that is in it but times. kept: checksums of the tensors of checkpoints
    and of the pictures of samples.
    """

    numbers: Numbers
    seconds: list[float]  # of stages, where seeds are trained together once
    trials: dict[str, Any]
    kept: dict[str, str]


def outcome(out: Path) -> Outcome:
    files = {str(path.relative_to(out)): results.load(path) for path in result_files(out)}
    together = {(name, run.together[0]): run for name, result in files.items() for run in result.runs}
    return Outcome(
        {name: [measured(run) for run in result.runs] for name, result in files.items()},
        [second for run in together.values() for second in run.seconds],
        {str(path.relative_to(out)): trials(path) for path in sorted(out.rglob("sweep-*.json"))},
        {str(path.relative_to(out)): digest(path) for path in kept(out)},
    )


def result_files(out: Path) -> list[Path]:
    """Those of trials too."""
    return results.find([out, *sorted(out.glob(results.TRIALS))]) if out.exists() else []


def kept(out: Path) -> list[Path]:
    return sorted([*out.rglob("stage-*.safetensors"), *out.rglob("stage-*.png")])


def measured(run: SeedRun) -> list[list[Any]]:
    """What a run measured, stage after stage: its matrix, or accuracy and survivors."""
    if isinstance(run, PrunedRun):
        return [list(each) for each in zip(run.accuracy, run.survivors, strict=True)]
    assert isinstance(run, Run)
    return run.matrix


def trials(path: Path) -> dict[str, Any]:
    record = sweep_record.load(path)
    found = [(each.number, each.values, each.status, each.scores) for each in record.trials]
    return {"status": record.status, "winner": record.winner, "trials": sorted(found, key=lambda each: each[0])}


def digest(path: Path) -> str:
    if path.suffix == ".png":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return checkpoint.fingerprint(checkpoint.read(path).tensors, "")  # the record beside them has times in it


def differences(found: Outcome, reference: Outcome) -> Iterator[str]:
    for name in ("numbers", "trials", "kept"):
        ours, theirs = getattr(found, name), getattr(reference, name)
        if ours.keys() != theirs.keys():
            yield f"other files: {sorted(ours.keys() ^ theirs.keys())}"
        yield from (f"{path}: other {name}" for path in ours.keys() & theirs.keys() if ours[path] != theirs[path])


def left_behind(out: Path, reference: Outcome) -> list[str]:
    """What is wrong with the files that a killed run left: each must be whole, and agree with the reference."""
    faults = []
    for path in sorted(out.rglob("*.safetensors")):
        try:
            checkpoint.read(path)
        except UserError as error:
            if path.exists():  # one that was replaced while an orphan still wrote is no fault
                faults.append(str(error))
    try:
        files = result_files(out)
        for path in files:
            faults += begun_otherwise(str(path.relative_to(out)), results.load(path), reference)
        for path in out.rglob("sweep-*.json"):
            sweep_record.load(path)
    except UserError as error:
        return [*faults, str(error)]
    return [*faults, *report(out)] if results.find([out] if out.exists() else []) else faults


def begun_otherwise(name: str, result: results.AnyResult, reference: Outcome) -> Iterator[str]:
    """Where the stages so far are not the first of the reference's."""
    for run, whole in zip(result.runs, reference.numbers.get(name, []), strict=True):
        stages = measured(run)
        if stages != whole[: len(stages)]:
            yield f"{name}, seed {run.seed}: other numbers"


def report(out: Path) -> list[str]:
    words = [sys.executable, "-m", "clbench", "report", str(out), "--format", "json"]
    shown = subprocess.run(words, capture_output=True, text=True)
    return [f"report: {shown.stderr.strip()}"] if shown.returncode else []


def temporaries(out: Path) -> list[str]:
    """Half-written files that the last start should have removed."""
    return [f"{path.name} was left behind" for path in sorted(out.rglob(".*.tmp"))]


def stages_done(out: Path) -> int:
    """The last stage of which a checkpoint was written."""
    return max((int(path.name.split("-")[1]) for path in out.rglob("stage-*.safetensors")), default=0)
