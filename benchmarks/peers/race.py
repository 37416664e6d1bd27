"""The same trainings by clbench's command line and by Avalanche: whole processes in turn, one thread each.

What counts are seconds of the processor from start to end: imports, data, training, importance, evaluation after
each task. Each side is used as its own examples have it. clbench: `clbench train`, its ER, its exact Fisher of
every image. Avalanche (avalanche_race.py): its own permuted MNIST on torchvision's files, its EWC (squared
gradients of batches), its replay. Avalanche gets MNIST's files unpacked, as torchvision looks for them;
of CIFAR-10 both read one file of some images of each task, for scoring as well as for training. clbench's ER
replays in the first task, too, and clbench scores the untrained network besides.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor

from benchmarks.peers.environment import python_of
from benchmarks.speed.clock import CPU, judged, spread
from benchmarks.speed.processes import ALONE, Used, options, run, train
from benchmarks.speed.show import WORDS
from benchmarks.speed.training import Say
from clbench.config.options import did_you_mean
from clbench.datasets import load
from clbench.datasets.idx import UBYTE
from clbench.datasets.source import Source, source_of
from clbench.errors import UserError
from clbench.run.provenance import made_here

SIDE = Path(__file__).with_name("avalanche_race.py")
BATCH = 128  # images a step
CIFAR_LIMIT, CIFAR_TESTED = 500, 5  # training images a task where no limit is asked for; so many for a test image
ARRAYS = "cifar10.npz"


@dataclass(frozen=True)
class Work:
    """One training, of both sides. target: how many times clbench's processor time Avalanche's is, at least."""

    target: float
    stream: str
    tasks: int
    network: str
    scenario: str
    method: str  # clbench's
    strategy: str  # Avalanche's
    lr: float = 0.1
    sets: tuple[str, ...] = ()  # of clbench
    options: dict[str, Any] = field(default_factory=dict)  # of Avalanche's strategy


MNIST = ("permuted-mnist", 3, "mlp", "domain")
WORKS = {
    "finetuning": Work(4.0, *MNIST, "finetuning", "finetuning"),
    "ewc": Work(6.0, *MNIST, "ewc", "ewc", options={"ewc_lambda": 1.0}),
    "replay": Work(3.0, *MNIST, "er", "replay", sets=("strategy.memory_size=500",), options={"mem_size": 500}),
    "split-cifar10": Work(1.3, "split-cifar10", 5, "resnet18-small", "class", "finetuning", "finetuning", lr=0.01),
}


@dataclass(frozen=True)
class Setting:
    works: list[str] = field(default_factory=lambda: list(WORKS))
    repeats: int = 3
    limit: int | None = None  # training images a task
    data_root: Path | None = None

    def limit_of(self, work: Work) -> int | None:
        return self.limit or (CIFAR_LIMIT if work.stream == "split-cifar10" else None)


def measured(setting: Setting, environment: Path, say: Say) -> dict[str, Any]:
    """What `table` and --json show. UserError for work that there is not."""
    for name in setting.works:
        if name not in WORKS:
            raise UserError(f"--works: nothing called {name!r}; {did_you_mean(name, WORKS)}")
    python = python_of(environment, say)
    rows: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    for name in setting.works:
        row, versions = raced(name, setting, python, say)
        rows.append(row)
    return {
        "setting": {**asdict(setting), "data_root": None},
        "environment": {**made_here(1, CPU, {}), "load": os.getloadavg()},
        "avalanche": versions,
        "peers": rows,
    }


def raced(name: str, setting: Setting, python: Path, say: Say) -> tuple[dict[str, Any], dict[str, str]]:
    """A row, and the versions of the other side."""
    work, ours, theirs = WORKS[name], [], []
    scores: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="clbench-race-") as temporary:
        folder = Path(temporary)
        prepare(work, setting, folder)
        for repeat in range(setting.repeats):
            done = train(arguments(work, setting, folder), ALONE)
            ours.append(done.used)
            scores["clbench"] = accuracy(done.result)
            command = [str(python), "-I", str(SIDE), str(folder)]
            theirs.append(run(command, folder / "said", ALONE))
            found = json.loads((folder / "accuracy.json").read_text())
            scores["Avalanche"] = found["accuracy"]
            say(f"{name}: repeat {repeat + 1} of {setting.repeats}")
    return row_of(name, work, setting.limit_of(work), ours, theirs, scores), found["versions"]


def arguments(work: Work, setting: Setting, folder: Path) -> list[str]:
    """Of `clbench train`."""
    limit = setting.limit_of(work)
    sets = [f"stream.tasks={work.tasks}", "train.epochs=1", f"train.batch_size={BATCH}", "train.optimizer=sgd"]
    sets += [f"train.lr={work.lr}", "train.momentum=0", "train.lr_step=0", *work.sets]
    sets += [f"stream.limit={limit}"] if limit else []
    stream = f"split:{folder / ARRAYS}" if work.stream == "split-cifar10" else work.stream
    words = ["--method", work.method, "--stream", stream, "--scenario", work.scenario]
    words += ["--network", work.network, "--seeds", "1", "--workers", "1", "--threads", "1", "--device", "cpu"]
    return [*words, *options(sets, setting.data_root)]


def accuracy(result: dict[str, Any]) -> float:
    """Mean of all tasks after the last."""
    scores = result["runs"][0]["matrix"][-1]
    return sum(scores) / len(scores)


def row_of(
    name: str, work: Work, limit: int | None, ours: list[Used], theirs: list[Used], scores: dict[str, float]
) -> dict[str, Any]:
    """Medians over the repeats, ratios of those that ran next to each other."""
    pairs = [(a.clock, b.clock) for a, b in zip(ours, theirs, strict=True)]
    row: dict[str, Any] = {"work": name, "tasks": work.tasks, "images a task": limit or "all"}
    row |= {f"{who} (CPU s)": round(median(c.cpu for c in clocks), 2) for who, clocks in sides(pairs)}
    row |= {f"{who} (wall s)": round(median(c.wall for c in clocks), 2) for who, clocks in sides(pairs)}
    peaks = {"clbench": ours, "Avalanche": theirs}
    row |= {f"{who} (MB)": round(max(one.peak for one in used) / 2**20) for who, used in peaks.items()}
    row |= {f"{who} (ACC, %)": round(100 * score, 1) for who, score in scores.items()}
    row |= spread((b.cpu / a.cpu for a, b in pairs), "times faster", 2)
    row["by the wall"] = round(median(b.wall / a.wall for a, b in pairs), 2)
    return {**row, **judged(row["times faster"], work.target)}


def sides(pairs: list[Any]) -> list[tuple[str, list[Any]]]:
    return [("clbench", [a for a, _ in pairs]), ("Avalanche", [b for _, b in pairs])]


# -- what Avalanche reads -----------------------------------------------------------------------------------------


def prepare(work: Work, setting: Setting, folder: Path) -> None:
    """work.json, and the data in torchvision's layout or as arrays."""
    limit = setting.limit_of(work)
    told = {key: getattr(work, key) for key in ("stream", "tasks", "strategy", "lr", "options")}
    (folder / "work.json").write_text(json.dumps({**told, "momentum": 0.0, "batch_size": BATCH}))
    if work.stream == "permuted-mnist":
        write_mnist(setting.data_root, folder / "MNIST" / "raw", limit)
    else:
        write_cifar10(setting.data_root, folder / ARRAYS, work.tasks, limit or CIFAR_LIMIT)


def write_mnist(root: Path | None, folder: Path, limit: int | None) -> None:
    """MNIST's four files, not packed, as torchvision looks for them; of the training images the first `limit`."""
    images = load("mnist", root)
    folder.mkdir(parents=True)
    for name, x, y, most in (
        ("train", images.x_train, images.y_train, limit),
        ("t10k", images.x_test, images.y_test, None),
    ):
        pixels, labels = rows_of(x, torch.arange(len(y))[:most]).squeeze(-1), y[:most].numpy().astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))


def idx(array: np.ndarray) -> bytes:
    """An IDX file of bytes: zeros, the type, the number of axes, their lengths, what is in the array."""
    return struct.pack(f">HBB{array.ndim}I", 0, UBYTE, array.ndim, *array.shape) + array.tobytes()


def write_cifar10(root: Path | None, path: Path, tasks: int, limit: int) -> None:
    """Images and labels of CIFAR-10: of each task's classes the first `limit` training images, and of test images
    a fifth of that."""
    images = load("cifar10", root)
    arrays: dict[str, Any] = {}
    for name, x, y, most in (
        ("train", images.x_train, images.y_train, limit),
        ("test", images.x_test, images.y_test, max(limit // CIFAR_TESTED, 1)),
    ):
        task_of = y // (len(images.classes) // tasks)
        chosen = torch.cat([(task_of == task).nonzero().flatten()[:most] for task in range(tasks)])
        arrays |= {f"x_{name}": rows_of(x, chosen), f"y_{name}": y[chosen].numpy()}
    np.savez(path, **arrays)


def rows_of(images: Tensor | Source, rows: Tensor) -> np.ndarray:
    return source_of(images).take(rows).numpy()


def table(found: dict[str, Any]) -> str:
    """A row a measure, a column a work: the numbers are many and the works few."""
    rows = [{**row, "ok": WORDS[row["ok"]]} for row in found["peers"]]
    grid = [[key, *(row[key] for row in rows)] for key in rows[0] if key != "work"]
    versions = {**found["avalanche"], "torch of clbench": found["environment"]["torch"]}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    here = found["environment"]
    words = (
        "Whole processes in turn, one thread each: medians; times faster by processor time (at least the target)."
    )
    return "\n".join(
        [
            words,
            tabulate(grid, headers=["", *(row["work"] for row in rows)]),
            f"{listed}; {here['device_name']}, load of the machine {here['load'][0]:.1f}",
        ]
    )
