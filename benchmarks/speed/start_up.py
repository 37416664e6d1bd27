"""What a command takes before it does anything, as whole processes in turn, beside `import torch` alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed.clock import spread
from benchmarks.speed.processes import ALONE, CLBENCH, TORCH, Used, options, run
from benchmarks.speed.training import Say, Setting

# A network whose first forward pass with gradients ends the process: what came before is all that a training does
# until its first batch. The untrained network has been scored by then, as stage 0.
FIRST_BATCH = '''"""An mlp that ends the process at the first batch it is to learn from."""

import os

import torch

from clbench.networks.mlp import MLP
from clbench.registry import networks


@networks.register("first-batch")
class FirstBatch(MLP):
    """As the mlp."""

    def forward(self, x, gates):
        if torch.is_grad_enabled():
            os._exit(0)
        return super().forward(x, gates)
'''


def measured(setting: Setting, say: Say) -> list[dict[str, Any]]:
    """A row a command; each has its turn in every repeat, after one that is not counted and fills the caches."""
    with tempfile.TemporaryDirectory(prefix="clbench-speed-") as temporary:
        folder = Path(temporary)
        (folder / "first_batch.py").write_text(FIRST_BATCH)
        stream = setting.stream_of("mlp")
        train = ["train", "--method", "finetuning", "--stream", stream, "--network", "first-batch"]
        train += ["--plugin", "first_batch.py", "--workers", "1", "--threads", str(setting.threads)]
        train += ["--device", setting.device, "--out", "runs", "--quiet"]
        train += options(setting.options("finetuning"), setting.data_root)
        commands = {
            "import torch": TORCH,
            "clbench --help": (*CLBENCH, "--help"),
            "clbench train, to its first batch": (*CLBENCH, *train),
        }
        found: dict[str, list[Used]] = {name: [] for name in commands}
        for repeat in range(1 + setting.repeats):
            for name, command in commands.items():
                found[name].append(run(command, folder / name.replace(" ", "-"), ALONE, cwd=folder))
            say(f"start-up: repeat {repeat} of {setting.repeats}" if repeat else "start-up: warmed up")
    return [row(name, used[1:]) for name, used in found.items()]


def row(name: str, used: list[Used]) -> dict[str, Any]:
    seconds = spread((one.clock.wall for one in used), "seconds", 2)
    return {"start-up": name, **seconds, "processor time": round(median(one.clock.cpu for one in used), 2)}
