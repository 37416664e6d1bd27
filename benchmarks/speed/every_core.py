"""All cores of this machine at the seeds of one method: their share of what the cores can multiply.

The training is a whole `clbench train --workers auto`: clbench chooses how many processes share the seeds, each
with `--threads` threads. Its result says how long each group of seeds trained; the peak is that of products on all
cores before and after it (arithmetic.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from joblib import cpu_count

from benchmarks.speed.arithmetic import rate_of_cores, work_of
from benchmarks.speed.bare import plain_network
from benchmarks.speed.clock import CPU, judged, spread
from benchmarks.speed.processes import Training, options, train
from benchmarks.speed.training import Say, Setting
from clbench.run.machine import Machine
from clbench.run.train import build_stream

SHARE = 0.7  # of the peak, ten seeds of the mlp
AUTO: Mapping[str, str] = {"CLBENCH_WORKERS": "auto", "OMP_NUM_THREADS": "1"}


def measured(setting: Setting, say: Say) -> list[dict[str, Any]]:
    """A row a network, of fine-tuning with the largest number of seeds."""
    cores, seeds = cpu_count(), max(setting.seeds)
    return [row_of(network, setting, seeds, cores, say) for network in setting.networks]


def row_of(network: str, setting: Setting, seeds: int, cores: int, say: Say) -> dict[str, Any]:
    config = setting.config("finetuning", network)
    stream = build_stream(config, Machine("cpu", threads=setting.threads, data_root=setting.data_root), CPU)
    first, stop = stream.tasks[0].columns
    work = work_of(plain_network(config, stream.input_shape, stop - first), stream.input_shape)
    images = setting.epochs * sum(len(task.train) for task in stream.tasks)
    words = ["--method", "finetuning", "--stream", setting.stream_of(network), "--network", network]
    words += ["--seeds", str(seeds), "--workers", "auto", "--threads", str(setting.threads), "--device", "cpu"]
    words += options(setting.options("finetuning"), setting.data_root)
    shares, speeds, whole, groups = [], [], [], set()
    before = rate_of_cores(cores)
    for repeat in range(setting.repeats):
        done = train(words, AUTO)
        after = rate_of_cores(cores)
        speeds.append(seeds * images / training_seconds(done))
        shares.append(speeds[-1] * work.step / ((before + after) / 2))
        whole.append(seeds * images / done.used.clock.wall)
        groups.add(", ".join(str(len(run["together"])) for run in done.groups))
        before = after
        say(f"all cores, {network}: repeat {repeat + 1} of {setting.repeats}")
    row: dict[str, Any] = {"all cores": "finetuning", "network": network, "seeds": seeds, "cores": cores}
    row |= {"seeds of each process": "; ".join(sorted(groups)), "threads": setting.threads}
    row |= {"samples/s": round(median(speeds)), "of the whole process": round(median(whole))}
    row |= spread(shares, "share of peak")
    judges = network == "mlp" and seeds == 10
    return {**row, **judged(row["share of peak"], SHARE if judges else None)}


def training_seconds(done: Training) -> float:
    """Of the group that trained longest: the others trained at the same time."""
    return max(sum(run["seconds"]) for run in done.groups)
