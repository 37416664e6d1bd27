"""A reader fed with changed files, many times: how many it refused, how many it read, and where it failed."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from unittest import mock

from tabulate import tabulate

from benchmarks.fuzz.edits import Draw
from benchmarks.fuzz.readers import READERS, Reader
from clbench.errors import UserError

TOGETHER, SIZE = 8, 60  # files of an example of hypothesis, and bytes that a file is drawn by
SLOW = 20.0  # seconds that no file may take
ENGINES = ("hypothesis", "atheris")
Say = Callable[[str], None]


@dataclass
class Count:
    """faults: the file that was kept of each, and the last line of its traceback."""

    reader: str
    engine: str
    executions: int = 0
    refused: int = 0
    accepted: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Trial:
    """One reader in a folder of its own; `kept`: where files that it fails on are put."""

    def __init__(self, reader: Reader, engine: str, folder: Path, kept: Path) -> None:
        self.reader, self.count, self.kept = reader, Count(reader.name, engine), kept
        self.path = folder / f"file{reader.suffix}"
        self.seen: set[str] = set()

    def __call__(self, content: bytes) -> None:
        self.path.write_bytes(content)
        began = time.perf_counter()
        fault = ""
        try:
            self.reader.read(self.path)
            self.count.accepted += 1
        except UserError as error:
            self.count.refused += 1
            fault = "a message without words" if not str(error).strip() else ""
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            fault = self.place(error)
        took = time.perf_counter() - began
        self.count.executions += 1
        self.count.slowest = max(self.count.slowest, took)
        if took > SLOW:
            fault = fault or f"took {took:.0f} s"
        if fault and fault not in self.seen:
            self.keep(content, fault)

    def place(self, error: BaseException) -> str:
        """What was raised, and the last place in clbench that it came through."""
        inside = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}clbench{os.sep}" in f.filename]
        where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else "outside"
        return f"{type(error).__name__} in {where}: {' '.join(str(error).split())[:150]}"

    def keep(self, content: bytes, fault: str) -> None:
        self.seen.add(fault)
        self.kept.mkdir(parents=True, exist_ok=True)
        name = f"{self.reader.name}-{hashlib.sha256(content).hexdigest()[:12]}{self.reader.suffix}"
        (self.kept / name).write_bytes(content)
        if len(self.count.faults) < 100:
            self.count.faults.append(f"{fault} ({self.kept / name})")


def measured(name: str, executions: int, engine: str, kept: Path, say: Say, seed: int = 0) -> Count:
    """One reader, changed files so many times; the other engine than this process's runs in one of its own."""
    began = time.monotonic()
    if engine == "atheris":
        found = in_process(name, executions, kept, seed)
    else:
        with tempfile.TemporaryDirectory(prefix="clbench-fuzz-", dir=shared_memory()) as folder, quiet():
            trial = Trial(READERS[name], engine, Path(folder), kept)
            by_hypothesis(trial, executions, seed)
            found = trial.count
    found.seconds = time.monotonic() - began
    say(f"{name}: {found.executions:,} executions in {found.seconds:.0f} s, {len(found.faults)} faults")
    for fault in found.faults:
        say(f"  {fault}")
    return found


def shared_memory() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What would be said and done again and again: warnings, reading the shipped clbench.toml, making types."""
    import pydantic

    from clbench.config import defaults
    from clbench.datasets import decoding_progress

    files, types = defaults.default_files(), functools.cache(pydantic.TypeAdapter)
    with (
        mock.patch.object(decoding_progress, "QUIET", True),
        mock.patch.object(defaults, "default_files", side_effect=lambda: list(files)),
        mock.patch.object(pydantic, "TypeAdapter", types),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def by_hypothesis(trial: Trial, executions: int, seed: int) -> None:
    """Draws are of the bytes of an example, which makes TOGETHER files: an example alone takes a millisecond."""
    import hypothesis
    from hypothesis import strategies as st

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=executions // TOGETHER + 1,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.binary(min_size=SIZE * TOGETHER, max_size=SIZE * TOGETHER))
    def one(drawn: bytes) -> None:
        for first in range(0, SIZE * min(TOGETHER, executions - trial.count.executions), SIZE):
            numbers = iter(struct.unpack(f"{SIZE // 4}I", drawn[first : first + SIZE]))
            trial(trial.reader.changed(drawing(numbers)))

    while trial.count.executions < executions:  # it ends before where it has seen all that it can tell apart
        before = trial.count.executions
        one()
        if trial.count.executions == before:
            break


def drawing(numbers: Iterator[int]) -> Draw:
    return lambda n: next(numbers, 0) % n


def in_process(name: str, executions: int, kept: Path, seed: int) -> Count:
    """By atheris, which ends the process that it runs in."""
    with tempfile.TemporaryDirectory(prefix="clbench-fuzz-", dir=shared_memory()) as folder:
        words = [
            sys.executable,
            "-m",
            "benchmarks.fuzz.by_atheris",
            name,
            str(executions),
            folder,
            str(kept),
            str(seed),
        ]
        done = subprocess.run(words, capture_output=True, text=True)
        counts = Path(folder) / "counts.json"
        if not counts.exists():
            raise UserError(f"atheris ended early on {name}: {' '.join(done.stderr.split())[-500:]}")
        found = Count(**json.loads(counts.read_text()))
        if found.executions < executions:
            found.faults.append(
                f"the process ended with {done.returncode}: {' '.join(done.stderr.split())[-300:]}"
            )
        return found


def table(found: list[Count]) -> str:
    rows: list[dict[str, object]] = [
        {
            "reader": one.reader,
            "engine": one.engine,
            "executions": f"{one.executions:,}",
            "refused": f"{one.refused:,}",
            "read": f"{one.accepted:,}",
            "faults": len(one.faults),
            "slowest (s)": f"{one.slowest:.2f}",
        }
        for one in found
    ]
    total: dict[str, object] = {"reader": "all", "executions": f"{sum(one.executions for one in found):,}"}
    total |= {
        "refused": f"{sum(one.refused for one in found):,}",
        "read": f"{sum(one.accepted for one in found):,}",
    }
    total["faults"] = sum(len(one.faults) for one in found)
    lines = [*rows, total] if len(rows) > 1 else rows
    sides = ("left", "left", *["right"] * 5)
    return tabulate(lines, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=sides)


def as_json(found: list[Count]) -> list[dict]:
    return [asdict(one) for one in found]
