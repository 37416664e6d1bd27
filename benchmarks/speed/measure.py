"""`python -m benchmarks speed`: the parts that are asked for, as one document."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.speed import every_core, memory, start_up, training
from benchmarks.speed.training import Say, Setting
from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.run.machine import Machine
from clbench.run.provenance import made_here

Part = Callable[[Setting, Say], dict[str, Any]]
PARTS: dict[str, Part] = {
    "training": training.measured,
    "cores": lambda setting, say: {"all cores": every_core.measured(setting, say)},
    "start-up": lambda setting, say: {"start-up": start_up.measured(setting, say)},
    "memory": lambda setting, say: {"memory": memory.measured(setting, say)},
}


def measured(setting: Setting, parts: tuple[str, ...], say: Say) -> dict[str, Any]:
    """What `show.table` and --json show. UserError for a part that there is not."""
    for part in parts:
        if part not in PARTS:
            raise UserError(f"--parts: nothing called {part!r}; {did_you_mean(part, PARTS)}")
    device = Machine(setting.device, threads=setting.threads).prepare()
    environment = {**made_here(setting.threads, device, {}), "load": os.getloadavg()}
    found: dict[str, Any] = {"setting": setting.as_dict(), "environment": environment}
    for part in parts:
        found |= PARTS[part](setting, say)
    return found
