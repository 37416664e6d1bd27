"""A running clbench, the moment at which to kill it, and which of its processes to kill."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.kills.subjects import HERE, Subject
from clbench.errors import UserError

VICTIMS = ("parent", "worker", "group")
WORKERS = ("multiprocessing.spawn", "ray::learn_remotely")  # in the command line of a process that learns
POLL = 0.002  # seconds


@dataclass
class Running:
    """A process group of its own, the log of its phases and what it prints."""

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

    @property
    def workers(self) -> list[psutil.Process]:
        """Those that learn now."""
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [each for each in below if learns(each)]

    def kill(self, victim: str, draw: random.Random) -> bool:
        """False where there was none to kill."""
        if victim == "group":
            os.killpg(self.process.pid, signal.SIGKILL)
        elif victim == "parent":
            self.process.kill()
        else:
            there = self.workers
            if not there:
                return False
            draw.choice(there).kill()
        return True


def victims_of(names: str) -> list[str]:
    """Those of a comma-separated list."""
    wanted = names.split(",")
    for name in wanted:
        if name not in VICTIMS:
            raise UserError(f"no victim {name!r}; there are {', '.join(VICTIMS)}")
    return wanted


def learns(process: psutil.Process) -> bool:
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return any(word in words for word in WORKERS) and "resource_tracker" not in words


def start(subject: Subject, out: Path, force: bool) -> Running:
    log, printed = out.parent / "phases.log", out.parent / "printed.log"
    log.unlink(missing_ok=True)
    words = [*command(subject, out, traced=True), *(["--force"] if force else [])]
    environment = {**os.environ, "CLBENCH_PHASES": str(log)}
    with printed.open("wb") as file:
        process = subprocess.Popen(words, env=environment, stdout=file, stderr=file, start_new_session=True)
    return Running(process, log, printed, time.monotonic())


def command(subject: Subject, out: Path, traced: bool = False) -> list[str]:
    program = [str(HERE / "phases.py")] if traced else ["-m", "clbench"]
    return [sys.executable, *program, subject.command, *subject.arguments, "--out", str(out), "--quiet"]


def wait(run: Running, subject: Subject, victim: str, draw: random.Random, start_up: float, stage: float) -> str:
    """Until the moment of the kill or the end of the run; how the moment was chosen. stage: seconds of one."""
    how = draw.choice(("after the start", "within the work", "aimed"))
    if how == "after the start":
        until(run, lambda: False, draw.uniform(0, start_up))
    elif how == "within the work":
        until(run, lambda: subject.begun in run.phases)
        until(run, lambda: False, draw.uniform(0, 2 * stage))
    else:
        phase, times = draw.choice(subject.aims), draw.choice((1, 1, 2, 3))
        until(run, lambda: run.phases.count(phase) >= times)
        until(run, lambda: False, draw.choice((0, draw.uniform(0, 0.02))))
        how = f"aimed at {phase}"
    if victim == "worker":
        until(run, lambda: bool(run.workers))
    return how


def until(run: Running, happened: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not happened() and not run.ended and (left := end - time.monotonic()) > 0:
        time.sleep(min(POLL, left))
