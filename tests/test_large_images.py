"""A set of large images that does not fit into the budget is learned within it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import ROOT

SIZE, IMAGES, BUDGET = 224, 2660, 0.5  # 400 MB of uint8 on the disk, 1.6 GB as floats; GiB
LEARN = """
import sys
from pathlib import Path
import torch
from torch import nn
from clbench.config.resolve import resolve
from clbench.run.machine import Machine
from clbench.run.train import Train
from clbench.run.peak_memory import Peak
from clbench.registry import networks

@networks.register("coarse")
class Coarse(nn.Module):
    def __init__(self, input_shape):
        super().__init__()
        self.first, self.features = nn.Conv2d(3, 4, 8, stride=8), 4
    def forward(self, x, gates):
        return self.first(x).relu().mean((2, 3))

file, budget = sys.argv[1:]
sets = ("stream.tasks=2", "stream.augment=flip", "train.epochs=1", "train.batch_size=32", f"train.budget={budget}")
group = Train(resolve("ewc", f"split:{file}", network="coarse", sets=sets)).group((0,), Path("run"))
peak = Peak(torch.device("cpu"))
before = peak.bytes()
runs = group.learn(Machine("cpu"), lambda news: None)
print(runs[0].status, before, peak.bytes())
"""


@pytest.mark.long
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="no peak is told here")
def test_memory_stays_within_the_budget(tmp_path):
    file = tmp_path / "large.npz"
    images = np.zeros((IMAGES, SIZE, SIZE, 3), np.uint8)
    images[:, ::7] = np.arange(IMAGES, dtype=np.uint8)[:, None, None, None]
    labels = np.arange(IMAGES) % 4
    np.savez(file, x_train=images, y_train=labels, x_test=images[:40], y_test=labels[:40])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LEARN, file, str(BUDGET)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    status, before, after = done.stdout.split()
    assert status == "done"
    assert file.stat().st_size > 400e6
    assert int(after) - int(before) < BUDGET * 2**30
