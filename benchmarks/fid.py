"""What FID-lenet costs on one core: training its LeNet, features of two sets, their distance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from clbench.analysis.images.sets import Reading, read
from clbench.models.features import lenet
from clbench.scores.fid.distance import frechet, statistics_of

TARGET = 20.0  # seconds, of features and distance together


@dataclass(frozen=True)
class Setting:
    dataset: str = "mnist"
    training: int = 8000  # images that the LeNet learns
    images: int = 10_000  # of each set
    data_root: Path | None = None


def measured(setting: Setting) -> dict[str, Any]:
    """Seconds by the clock and of the processor, each, and what came out."""
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    reading = Reading("train", count=setting.training, data_root=setting.data_root)
    train = read(setting.dataset, reading)
    a = read(setting.dataset, replace(reading, count=setting.images, seed=1))
    b = read(setting.dataset, replace(reading, split="test", count=setting.images))
    rows: list[dict[str, Any]] = []

    def timed(what: str, work: Callable[[], Any]) -> Any:
        clock, processor = time.perf_counter(), time.process_time()
        found = work()
        rows.append(
            {"step": what, "seconds": time.perf_counter() - clock, "of processor": time.process_time() - processor}
        )
        return found

    if train.labels is None:
        raise ValueError(f"{setting.dataset} has no labels")
    labels, test = train.labels, (b.images, b.labels)
    features = timed("train a LeNet", lambda: lenet.trained(train.images, labels, None, "cpu", *test))
    x, y = timed("features of both sets", lambda: [features(one.images) for one in (a, b)])
    distance = timed("distance", lambda: frechet(statistics_of(x), statistics_of(y)))
    spent = sum(row["of processor"] for row in rows[1:])
    return {
        "setting": {**vars(setting), "data_root": None, "shape": list(a.images.shape[1:])},
        "steps": rows,
        "accuracy": features.accuracy,
        "FID-lenet": distance.value,
        "target": TARGET,
        "ok": spent <= TARGET,
        "environment": {"torch": torch.__version__, "load": load},
    }


def table(found: dict[str, Any]) -> str:
    setting, environment = found["setting"], found["environment"]
    shape = "x".join(map(str, setting["shape"]))
    return "\n".join(
        [
            f"FID-lenet of twice {setting['images']:,} images of {setting['dataset']}, {shape}, "
            f"by a LeNet of {setting['training']:,} images: {found['FID-lenet']:.3g}.",
            tabulate(found["steps"], headers="keys", floatfmt=".2f"),
            f"Accuracy {found['accuracy']:.1%}. Features and distance within {found['target']:.0f} s: "
            f"{'yes' if found['ok'] else 'NO'}.",
            f"torch {environment['torch']}, one thread, load of the machine {environment['load']:.1f}",
        ]
    )
