"""Peak resident memory of a whole training, less that of an interpreter that has imported torch alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import ALONE, TORCH, Training, options, run, train
from benchmarks.speed.training import Say, Setting

MB = 2**20


def torch_alone() -> int:
    """Bytes of an interpreter that has imported torch."""
    with tempfile.TemporaryDirectory(prefix="clbench-speed-") as folder:
        return run(TORCH, Path(folder), ALONE).peak


def measured(setting: Setting, say: Say) -> list[dict[str, Any]]:
    """A row a method, network and number of seeds at once."""
    base, rows = torch_alone(), []
    for network in setting.networks:
        for seeds in setting.seeds:
            for method in setting.methods:
                say(f"memory: {method}, {network}, {seeds} seed{'s' * (seeds > 1)}")
                done = trained(setting, method, network, seeds)
                row: dict[str, Any] = {"memory": method, "network": network, "seeds": seeds}
                above = (done.used.peak - base) / MB
                row |= {"MB above torch's": round(above), "torch (MB)": round(base / MB)}
                if setting.device == "cuda":
                    row["MB on the GPU"] = round(done.runs[0]["peak_memory_bytes"] / MB)
                rows.append(row)
    return rows


def trained(setting: Setting, method: str, network: str, seeds: int) -> Training:
    """By `clbench train`, all seeds in one process."""
    words = ["--method", method, "--stream", setting.stream_of(network), "--network", network]
    words += ["--seeds", str(seeds), "--workers", "1", "--threads", str(setting.threads)]
    words += ["--device", setting.device, *options(setting.options(method), setting.data_root)]
    return train(words, ALONE if setting.threads == 1 else None)
