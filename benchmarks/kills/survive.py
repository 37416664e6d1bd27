"""Kill a run at random moments, start it again after each, and compare it with one that was left alone.

A third of the kills come at a random time after the start, which is often during the import of torch; a third
at a random time within the work; a third are aimed at phases too short to be hit by chance, such as the writing
of a checkpoint. A run that ends before its kill is compared and started afresh with --force. Of a run whose worker
was killed the parent is waited for: it ends as if nothing had happened, or with exit code 2 and a line of why.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.kills.outcome import (
    Outcome,
    differences,
    left_behind,
    outcome,
    result_files,
    stages_done,
    temporaries,
)
from benchmarks.kills.process import Running, command, start, wait
from benchmarks.kills.subjects import Subject
from clbench.errors import UserError

Say = Callable[[str], None]


@dataclass
class Tally:
    """Kills of one kind of victim: a kill is survived when nothing is found wrong until the next."""

    kills: int = 0
    survived: int = 0
    faults: list[str] = field(default_factory=list)


def survive(
    subject: Subject, kills: int, seed: int, say: Say, folder: Path | None = None, victim: str = "group"
) -> Tally:
    """So many kills, after saying a line each. folder: None: a temporary one."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="clbench-kills-") as temporary:
            return survive(subject, kills, seed, say, Path(temporary), victim)
    reference, start_up = left_alone(subject, folder / "reference")
    say(f"left alone: {start_up:.1f} s to start, {sum(reference.seconds):.1f} s of work")
    tally = Tally()
    for faults in killed(subject, folder / "killed", reference, start_up, kills, victim, random.Random(seed), say):
        tally.kills += 1
        tally.survived += not faults
        tally.faults += faults
    return tally


def left_alone(subject: Subject, out: Path) -> tuple[Outcome, float]:
    """The outcome of a run without kills or tracing, made once, and the seconds that it took beside its work."""
    begun = time.monotonic()
    run = subprocess.run(command(subject, out), capture_output=True, text=True)
    if run.returncode:
        raise UserError(f"the run fails by itself: {run.stderr.strip()}")
    found = outcome(out)
    return found, max(time.monotonic() - begun - sum(found.seconds), 0.5)


def killed(
    subject: Subject,
    out: Path,
    reference: Outcome,
    start_up: float,
    kills: int,
    victim: str,
    draw: random.Random,
    say: Say,
) -> Iterator[list[str]]:
    """What was found wrong from one kill to the next."""
    found: list[str] = []
    done, force = 0, False
    while done < kills:
        run = start(subject, out, force)
        aim = wait(run, subject, victim, draw, start_up, median(reference.seconds))
        if not run.ended and run.kill(victim, draw):
            if done:
                yield found
            done += 1
            where = run.phases[-1] if run.phases else "importing"
            when = f"{time.monotonic() - run.since:5.2f} s"
            found = after(run, victim, out, reference)
            say(f"kill {done:2}, {when}, {aim}: stage {stages_done(out)}, {where}: {'; '.join(found) or 'ok'}")
        else:
            faults = finished(run, out, reference)
            say(f"a run ended before its kill: {'; '.join(faults) or 'as if never killed'}")
            found += faults
        force = run.process.returncode == 0
    run = start(subject, out, force)
    faults = [*finished(run, out, reference), *temporaries(out)]
    say(f"the last run: {'; '.join(faults) or 'as if never killed'}")
    yield [*found, *faults]


def after(run: Running, victim: str, out: Path, reference: Outcome) -> list[str]:
    """What is wrong with a run of which a process was killed, and with what it left."""
    code = run.process.wait()
    if victim == "worker":
        printed = run.printed.read_text().strip()
        if code == 0:
            return list(differences(outcome(out), reference))
        if code != 2 or "Traceback" in printed:
            return [f"exit code {code}: {printed}"]
    return left_behind(out, reference)


def finished(run: Running, out: Path, reference: Outcome) -> list[str]:
    """How a run that was not killed differs from the reference."""
    if run.process.wait():
        return [f"exit code {run.process.returncode}: {run.printed.read_text().strip()}"]
    return list(differences(outcome(out), reference)) if result_files(out) else ["no result"]
