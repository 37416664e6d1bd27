"""A clbench plugin that writes down what a run is doing, for kills.py to aim with: --plugin benchmarks/phases.py.

One line a phase, appended to the file that CLBENCH_PHASES names; lines outlive a killed process. It changes no
number: kills.py compares with a run that goes without it.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from clbench import checkpoint, learning, runner
from clbench.learning import Group
from clbench.registry import strategies
from clbench.strategies.anpyc import ANPyC
from clbench.training import Trainer

LOG = os.open(os.environ.get("CLBENCH_PHASES", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def announced(owner: Any, name: str, phase: str) -> None:
    """Write `phase` before every call of owner.name, and what went on around the call after it."""
    function = getattr(owner, name)

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        around.append(phase)
        note(phase)
        try:
            return function(*args, **options)
        finally:
            around.pop()
            note(around[-1])

    setattr(owner, name, wrapper)


def note(phase: str) -> None:
    os.write(LOG, f"{phase}\n".encode())


around = ["between phases"]
note("starting")
announced(runner, "opened", "opening the result")
announced(runner, "save", "writing the result")
announced(learning, "build_stream", "reading data")
announced(Group, "resume", "resuming")
announced(Group, "scored", "scoring")
announced(Group, "keep_checkpoint", "keeping a checkpoint")
announced(checkpoint, "write", "writing a checkpoint")
announced(Trainer, "fit", "training")
announced(ANPyC, "cut", "pruning")
for name in strategies:
    if "measure" in vars(strategies[name]):
        announced(strategies[name], "measure", "measuring importance")
