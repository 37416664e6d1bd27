"""clbench writing down what it is doing, for process.py to aim with: `python benchmarks/kills/phases.py train`.

One line a phase, appended to the file that CLBENCH_PHASES names; lines outlive a killed process. It changes no
number: survive.py compares with a run that goes without it. Worker processes import this file too.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from clbench import cli
from clbench.learn.trainer import Trainer
from clbench.registry import strategies
from clbench.results import sweep_record
from clbench.run import checkpoint, store, train
from clbench.run.experiment import SeedGroup
from clbench.run.prune_lenet import study
from clbench.strategies.anpyc import ANPyC

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
announced(store, "read_or_begin", "opening the result")
announced(store, "save", "writing the result")
announced(sweep_record, "save", "writing the record")
announced(train, "build_stream", "reading data")
announced(study, "build_stream", "reading data")
announced(SeedGroup, "resume", "resuming")
announced(SeedGroup, "keep_checkpoint", "keeping a checkpoint")
announced(checkpoint, "write", "writing a checkpoint")
announced(Trainer, "fit", "training")
announced(Trainer, "score", "scoring")
announced(ANPyC, "cut", "pruning")
announced(study.Rounds, "prune", "pruning")
announced(study.Rounds, "scores", "measuring importance")
for name in strategies:
    if "measure" in vars(strategies[name]):
        announced(strategies[name], "measure", "measuring importance")

if __name__ == "__main__":
    cli.main()
