"""A stream that separates methods puts them in the order the field expects; subnormal numbers are flushed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tiny

from clbench.run.machine import Machine
from clbench.run.train import Train

SETS = (
    "stream.tasks=4",
    "stream.limit=300",
    "network.hidden=64",
    "train.epochs=6",
    "train.batch_size=32",
    "train.lr=0.05",
)


def accuracy(method: str, folder: Path, *sets: str) -> float:
    """ACC in percent, mean of two seeds."""
    chosen = tiny.config(method, *SETS, *sets, scenario="domain")
    runs = Train(chosen).group(chosen.seeds, folder / method).learn(Machine("cpu"), lambda news: None)
    return sum(sum(run.matrix[-1]) / len(run.matrix[-1]) for run in runs) / len(runs) * 100


def test_sgd_below_ewc_below_joint(tmp_path: Path) -> None:
    sgd = accuracy("sgd", tmp_path)
    ewc = accuracy("ewc", tmp_path, "strategy.lam=3", "strategy.consolidation=proximal")
    joint = accuracy("joint", tmp_path)
    assert sgd + 4 < ewc
    assert ewc + 10 < joint


def test_distances_round_alike_whatever_threads_the_environment_allows() -> None:
    code = (
        "from clbench.run.machine import Machine; Machine('cpu').prepare();"
        "from threadpoolctl import threadpool_info;"
        "print({each['num_threads'] for each in threadpool_info() if each['user_api'] == 'blas'})"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.stdout == "{1}\n", ran


def test_every_thread_flushes_subnormal_numbers() -> None:
    code = (
        "import torch; from clbench.run.train import Machine; Machine('cpu', threads=2).prepare();"
        "x = torch.full((1 << 20,), 1e-30); print(torch.get_num_threads(), int((x * 1e-10).count_nonzero()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["2", "0"]
