"""Kill a run at random moments, resume it after each, and compare it with one that was left alone.

A third of the kills come at a random time after the start, which is often during the import of torch; a third
at a random time within the work; a third are aimed at phases too short to be hit by chance, such as the writing
of a checkpoint. A run that ends before its kill is compared and started afresh with --force.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from clbench import results
from clbench.errors import UserError
from clbench.results import AnyResult, PrunedRun, Run, SeedRun
from clbench.run import checkpoint

HERE = Path(__file__).parent
WRITING = ("opening the result", "writing the result", "writing a checkpoint", "keeping a checkpoint")
AIMS = (*WRITING, "pruning", "measuring importance", "scoring")
POLL = 0.002  # seconds
Say = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """What is killed: arguments of a command of clbench, and a folder for its files (None: a temporary one)."""

    arguments: tuple[str, ...]
    folder: Path | None = None
    command: str = "train"


@dataclass
class Started:
    """A running clbench in a process group of its own, the log of its phases and what it prints."""

    process: subprocess.Popen[bytes]
    log: Path
    printed: Path
    since: float

    @property
    def phases(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def survive(subject: Subject, kills: int, seed: int, say: Say) -> list[str]:
    """Every difference and fault found, after saying a line a kill."""
    if subject.folder is None:
        with tempfile.TemporaryDirectory(prefix="clbench-kills-") as folder:
            return survive(replace(subject, folder=Path(folder)), kills, seed, say)
    reference, start_up = uninterrupted(subject, subject.folder / "reference")
    say(f"left alone: {start_up:.1f} s to start, {sum(reference.result.runs[0].seconds):.1f} s of work")
    return list(killed(subject, subject.folder / "killed", reference, start_up, kills, random.Random(seed), say))


@dataclass(frozen=True)
class Outcome:
    """What a finished run leaves: its result, and the tensors of its checkpoints by file name."""

    result: AnyResult
    checkpoints: dict[str, str]  # path below the output folder -> sha256 of the tensors

    @property
    def numbers(self) -> str:
        return json.dumps([measured(run) for run in self.result.runs])


def measured(run: SeedRun) -> list[list[Any]]:
    """What a run measured, stage after stage: its matrix, or accuracy and survivors."""
    if isinstance(run, PrunedRun):
        return [list(each) for each in zip(run.accuracy, run.survivors, strict=True)]
    assert isinstance(run, Run)
    return run.matrix


def uninterrupted(subject: Subject, out: Path) -> tuple[Outcome, float]:
    """The outcome of a run without kills or tracing, and the seconds it took beside its work."""
    start = time.monotonic()
    run = subprocess.run(command(subject, out), capture_output=True, text=True)
    if run.returncode:
        raise UserError(f"the run fails by itself: {run.stderr.strip()}")
    found = outcome(out)
    work = sum(sum(run.seconds) for run in {run.together[0]: run for run in found.result.runs}.values())
    return found, max(time.monotonic() - start - work, 0.5)


def killed(
    subject: Subject, out: Path, reference: Outcome, start_up: float, kills: int, draw: random.Random, say: Say
) -> Iterator[str]:
    """Faults, as they are found."""
    done, cycles, force = 0, 0, False
    stage_seconds = mean(reference.result.runs[0].seconds[1:])
    while done < kills:
        run = started(subject, out, force)
        aim = wait(run, draw, start_up, stage_seconds)
        if run.ended:
            cycles += 1
            faults = finished(run, out, reference)
            say(f"run {cycles} ended before its kill: {'; '.join(faults) or 'as if never killed'}")
        else:
            run.kill()
            done += 1
            phases = run.phases
            faults = left_behind(out, reference)
            where = f"stage {stages_done(out)}, {phases[-1] if phases else 'importing'}"
            when = f"{time.monotonic() - run.since:5.2f} s"
            say(f"kill {done:2}, {when}, {aim}: {where}: {'; '.join(faults) or 'ok'}")
        yield from faults
        force = run.process.returncode == 0
    run = started(subject, out, force)
    run.process.wait()
    faults = [*finished(run, out, reference), *temporaries(out)]
    say(f"the last run: {'; '.join(faults) or 'as if never killed'}")
    yield from faults


def command(subject: Subject, out: Path, traced: bool = False) -> list[str]:
    program = [str(HERE / "phases.py")] if traced else ["-m", "clbench"]
    return [sys.executable, *program, subject.command, *subject.arguments, "--out", str(out), "--quiet"]


def started(subject: Subject, out: Path, force: bool) -> Started:
    log, printed = out.parent / "phases.log", out.parent / "printed.log"
    log.unlink(missing_ok=True)
    words = [*command(subject, out, traced=True), *(["--force"] if force else [])]
    environment = {**os.environ, "CLBENCH_PHASES": str(log)}
    with printed.open("wb") as file:
        process = subprocess.Popen(words, env=environment, stdout=file, stderr=file, start_new_session=True)
    return Started(process, log, printed, time.monotonic())


def wait(run: Started, draw: random.Random, start_up: float, stage_seconds: float) -> str:
    """Until the moment of the kill or the end of the run; how the moment was chosen."""
    how = draw.choice(("after the start", "within the work", "aimed"))
    if how == "after the start":
        until(run, lambda: False, draw.uniform(0, start_up))
    elif how == "within the work":
        until(run, lambda: bool(run.phases))
        until(run, lambda: False, draw.uniform(0, 2 * stage_seconds))
    else:
        phase, times = draw.choice(AIMS), draw.choice((1, 1, 2, 3))
        until(run, lambda: run.phases.count(phase) >= times)
        until(run, lambda: False, draw.choice((0, draw.uniform(0, 0.02))))
        return f"aimed at {phase}"
    return how


def until(run: Started, happened: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not happened() and not run.ended and (left := end - time.monotonic()) > 0:
        time.sleep(min(POLL, left))


# -- what is checked ------------------------------------------------------------------------------------------


def outcome(out: Path) -> Outcome:
    [path] = results.find([out])
    return Outcome(
        results.load(path),
        {str(p.relative_to(out)): fingerprint(p) for p in sorted(out.rglob("stage-*.safetensors"))},
    )


def fingerprint(path: Path) -> str:
    return checkpoint.fingerprint(checkpoint.read(path).tensors, "")  # the record has times in it


def finished(run: Started, out: Path, reference: Outcome) -> list[str]:
    """How a run that was not killed differs from the reference."""
    if run.process.wait():
        return [f"exit code {run.process.returncode}: {run.printed.read_text().strip()}"]
    found = outcome(out)
    faults = []
    if found.numbers != reference.numbers:
        faults.append("other numbers")
    if found.checkpoints.keys() != reference.checkpoints.keys():
        faults.append(f"other checkpoints: {sorted(found.checkpoints)}")
    elif found.checkpoints != reference.checkpoints:
        faults.append("other tensors in the checkpoints")
    return faults


def left_behind(out: Path, reference: Outcome) -> list[str]:
    """What is wrong with the files that a killed run left: each must be whole, and agree with the reference."""
    faults = []
    for path in sorted(out.rglob("*.safetensors")):
        try:
            checkpoint.read(path)
        except UserError as error:
            faults.append(str(error))
    try:
        files = results.find([out]) if out.exists() else []
        for result in map(results.load, files):
            pairs = zip(result.runs, reference.result.runs, strict=True)
            told = ((a.seed, measured(a), measured(b)) for a, b in pairs)
            faults += [f"seed {seed}: other numbers" for seed, a, b in told if a != b[: len(a)]]
    except UserError as error:
        return [*faults, str(error)]
    if files:
        report = [sys.executable, "-m", "clbench", "report", str(out), "--format", "json"]
        shown = subprocess.run(report, capture_output=True, text=True)
        faults += [f"report: {shown.stderr.strip()}"] if shown.returncode else []
    return faults


def temporaries(out: Path) -> list[str]:
    """Half-written files that the last start should have removed."""
    return [f"{path.name} was left behind" for path in sorted(out.rglob(".*.tmp"))]


def stages_done(out: Path) -> int:
    """The last stage of which a checkpoint was written."""
    return max((int(p.name.split("-")[1]) for p in out.rglob("stage-*.safetensors")), default=0)
