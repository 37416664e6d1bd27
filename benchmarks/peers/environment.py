"""A Python environment of its own for Avalanche, so that it shares nothing with clbench."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from clbench.errors import UserError

HERE = Path(__file__).parent
DEFAULT = HERE / ".venv"
REQUIREMENTS = HERE / "requirements.txt"
ASKED = "from importlib.metadata import version; print(version('avalanche-lib'))"


def pinned() -> str:
    """The version of avalanche-lib that is compared with."""
    lines = REQUIREMENTS.read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith("avalanche-lib=="))


def python_of(folder: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of an environment with Avalanche in it; makes the environment where there is none."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"{folder}: no Python environment, and not empty; give --environment another folder")
        run([sys.executable, "-m", "venv", str(folder)], "cannot make the environment")
    if installed(python) != pinned():
        say(f"installing avalanche-lib {pinned()} into {folder}: some 6 GB and minutes, once")
        pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
        run(pip, f"pip cannot install {REQUIREMENTS.name} into {folder}")
    return python


def installed(python: Path) -> str | None:
    """The version of avalanche-lib there; pip installs it last, so what it needs is there too."""
    done = subprocess.run([python, "-I", "-c", ASKED], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def run(command: list[str], problem: str) -> None:
    """Run to the end, or a UserError with the last thing that was said."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise UserError(f"{problem}: {said[-1].strip()} (exit code {done.returncode})")
