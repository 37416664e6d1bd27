"""Where and how a run executes: device, threads, data, checkpoints. Nothing of it decides a number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from threadpoolctl import threadpool_limits

from clbench.errors import UserError
from clbench.registry import load_plugin

Keep = Literal["all", "last", "none"]


@dataclass(frozen=True)
class Machine:
    """Where and how a run executes: nothing of it belongs to the configuration."""

    device: str = "auto"
    threads: int = 1  # intra-op threads a process; more is slower for small networks on a busy machine
    data_root: Path | None = None
    allow_modified: bool = False  # of data
    accept_modified: bool = False  # of results: read those that do not agree with their sha256
    plugins: tuple[Path, ...] = ()
    keep: Keep = "last"  # which checkpoints stay
    download: bool = True  # data that is not here; else NotHere

    def prepare(self) -> torch.device:
        """Set up this process; must come before the first computation, as threads inherit flushing."""
        torch.set_flush_denormal(True)  # importances hold many values near 1e-40, which slow a CPU several times
        torch.set_num_threads(self.threads)
        threadpool_limits(self.threads, "blas")  # numpy's, of distances: other numbers of threads round otherwise
        for plugin in self.plugins:
            load_plugin(plugin)
        return choose_device(self.device)


def choose_device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
