"""Whole processes: what they take from start to end, memory included, as a user's command would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.clock import Clock
from clbench.errors import UserError

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("child.py")
CLBENCH = (sys.executable, "-m", "clbench")
TORCH = (sys.executable, "-c", "import torch")
ALONE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # one thread, whatever library asks


@dataclass(frozen=True)
class Used:
    """What a process took: seconds, and bytes of resident memory at its peak, of its largest process."""

    clock: Clock
    peak: int


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Used:
    """Run to the end, what it says into `folder`; UserError with the last line of it where it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})}
    launch = [sys.executable, "-I", "-S", str(CHILD), str(folder.resolve()), *command]
    done = subprocess.run(launch, capture_output=True, text=True, env=variables, cwd=cwd or folder)
    if done.returncode:
        raise UserError(f"cannot start {command[0]}: {last_line(done.stderr)}")
    found = json.loads(done.stdout)
    if found["code"]:
        said = (folder / "err").read_text(errors="replace") or (folder / "out").read_text(errors="replace")
        raise UserError(f"{' '.join(command[:4])} .. failed: {last_line(said)} (exit code {found['code']})")
    return Used(Clock(found["wall"], found["cpu"]), found["peak"])


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1].strip()


@dataclass(frozen=True)
class Training:
    """A finished `clbench train` of one method: what it took, and its result file."""

    used: Used
    result: dict[str, Any]

    @property
    def runs(self) -> list[dict[str, Any]]:
        return self.result["runs"]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The first run of every group of seeds that was one program."""
        return [run for run in self.runs if run["seed"] == run["together"][0]]


def train(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Training:
    """`clbench train ARGUMENTS` in a folder of its own, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="clbench-speed-") as temporary:
        folder = Path(temporary)
        used = run([*CLBENCH, "train", *arguments, "--out", "runs", "--quiet"], folder, environment)
        [file] = (folder / "runs").rglob("*.json")
        return Training(used, json.loads(file.read_text()))


def options(sets: Sequence[str], data_root: Path | None) -> list[str]:
    """`--set` for each, and where data lie."""
    words = [word for text in sets for word in ("--set", text)]
    return words + (["--data-root", str(data_root.resolve())] if data_root else [])
