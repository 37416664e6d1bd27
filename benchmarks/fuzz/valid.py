"""Small valid files of every kind that clbench reads: what is changed, and what every byte is damaged of."""

from __future__ import annotations

import functools
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from clbench.results import PrunedRun, PruningResult, Result, Run, digest, save
from clbench.results import sweep_record as sweeps
from clbench.results.digests import key_of
from clbench.results.sweep_record import Record, Trial

Values = dict[str, Any]
MAKER: Values = {"clbench": "0.1.0", "torch": "2.9.0", "device": "cpu", "threads": 1, "plugins": {}}
CONFIG: Values = {
    "method": "ewc",
    "scenario": "task",
    "score": "test",
    "preset": None,
    "strategy": {"lam": 4.0},
    "stream": {"name": "split-toy", "tasks": 2, "limit": None},
    "network": {"name": "mlp", "hidden": [16]},
    "train": {"epochs": 1, "lr": 0.1},
}
STUDY: Values = {
    "study": "prune-lenet",
    "dataset": "digits",
    "pruning": {"importance": "entropy", "rates": [0.5], "scope": "global", "retrain_epochs": 1},
    "train": {"epochs": 1, "lr": 0.1},
}
TIMES: Values = {
    "seconds": [0.0, 1.5, 2.5],
    "samples_per_second": [0.0, 900.0, 800.0],
    "made_by": [key_of(MAKER)] * 3,
}
MATRIX: list[list[float | None]] = [[0.5, 0.5], [0.9, 0.4], [0.7, 0.8]]


def train_result() -> Result:
    counts: Values = {
        "network_parameters": [100, 110, 120],
        "state_parameters": [0, 50, 50],
        "state_bytes": [0, 200, 200],
    }
    fid: Values = {
        "features": "lenet",
        "count": 10,
        "pooled": 3.5,
        "fid": {"task 1": 2.5},
        "read": {"task 1": 0.5},
    }
    more: Values = {"peak_memory_bytes": 4096, "samples": [{}, fid, fid]}
    runs = [Run(s, "done", matrix=MATRIX, together=[0, 1], **TIMES, **counts, **more) for s in (0, 1)]
    about: Values = {"protocol": "sequential", "tasks": ["task 1", "task 2"], "data": {"toy.bin": "ab" * 32}}
    origins: Values = {"train.lr": "code"}
    dates: Values = {"started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:01:00Z", "status": "done"}
    whole: Values = {
        "digest": digest(CONFIG),
        "config": CONFIG,
        "makers": {key_of(MAKER): MAKER},
        "origins": origins,
    }
    return Result(**whole, **about, **dates, runs=runs, search={"record": "sweep-ewc.json"})


def pruning_result() -> PruningResult:
    lists: Values = {name: values[:2] for name, values in TIMES.items()}
    found: Values = {
        "accuracy": [0.9, 0.8],
        "survivors": [[10, 20], [5, 10]],
        "importance_seconds": [0.0, 1.0],
    }
    one = PrunedRun(0, "done", together=[0], **lists, **found)
    whole: Values = {"digest": digest(STUDY), "config": STUDY, "makers": {key_of(MAKER): MAKER}, "data": {}}
    return PruningResult(
        **whole, layers={"layer1 W": 10, "layer2 W": 20}, output_parameters=7, runs=[one], status="done"
    )


def record() -> Record:
    space: Values = {
        "strategy.lam": {"values": [1, 10]},
        "train.lr": {"low": 0.1, "high": 1.0, "log": True, "integer": False},
    }
    about: Values = {
        "search": "grid",
        "trials": 3,
        "protocol": "stream",
        "validation": 0.1,
        "tasks": None,
        "stop_early": False,
    }
    plan: Values = {"config": CONFIG, "space": space, **about, "search_seeds": [0], "tolerance": None}
    values = [{"strategy.lam": 1, "train.lr": 0.1}, {"strategy.lam": 10, "train.lr": 0.5}]
    done = [
        Trial(n, v, f"_trials/{n}.json", "done", None, [50.0, 60.0], [60.0], 1.5) for n, v in enumerate(values)
    ]
    failed = Trial(2, values[0], "_trials/2.json", "failed", "out of memory")
    winner = {"file": "split-toy/ewc.json", "trial": 0, "values": values[0], "validation_ACC": 60.0}
    return Record(digest(plan), plan, "done", "2026-01-01", "2026-01-02", [*done, failed], winner)


def written(save_to: Any, suffix: str = ".json") -> bytes:
    """What a function writes to the path that it is given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        save_to(path)
        return path.read_bytes()


def results() -> list[bytes]:
    return [
        written(lambda p: save(train_result(), p)),
        written(lambda p: save(pruning_result(), p)),
        *(path.read_bytes() for path in old_files() if path.stem != "sweep"),
    ]


def records() -> list[bytes]:
    old = (path.read_bytes() for path in old_files() if path.stem == "sweep")
    return [written(lambda path: sweeps.save(record(), path)), *old]


def old_files() -> list[Path]:
    """Of every schema that was ever written."""
    return sorted((Path(__file__).parents[2] / "tests").glob("schema-*/*.json"))


def references() -> list[bytes]:
    rows = {"ewc": {"ACC": [70.0, 1.0], "BWT": None}, "sgd": None}
    table = {
        "name": "t1",
        "title": "I",
        "stream": "split-toy",
        "tasks": 2,
        "scenario": "task",
        "runs": 7,
        "rows": rows,
    }
    return [
        json.dumps({"source": "Someone 1999", "doi": "10.1/x", "url": "https://x", "tables": [table]}).encode()
    ]


YAML = """\
method: [ewc, si]
stream: {name: split-digits, tasks: 3, limit: 100}
network: {name: mlp, hidden: [16, 8], dropout: 0.5}
scenario: class  # of three
seeds: [0, 3]
preset: quick
train: &train
  epochs: 2
  lr: 1.0e-2
  schedule: cosine
strategy:
  ewc: {lam: 100, consolidation: proximal}
"""
TOML = """\
method = "ewc"
seeds = 2
train.lr = 0.1
[stream]
name = "split-digits"
tasks = 3
[network]
name = 'mlp'
hidden = [16, 8]
[strategy.ewc]  # alone
lam = 1e4
"""
DEFAULTS = """\
[train]
epochs = 2
[stream.split-digits]
train.lr = 0.05
tasks = 3
[tuned.split-digits.task.mlp]
source = "x"
strategy.ewc = {lam = 10.0, consolidation = "proximal"}
[network.mlp]
hidden = [16]
[preset.quick]
train.epochs = 1
[prune-lenet]
epochs = 3
"""
SWEEP = """\
method: ewc
stream: split-digits
sweep:
  search: random
  trials: 3
  grid: {strategy.lam: "0.1..10:log", train: {lr: [0.1, 0.01]}, train.epochs: "1:3:1"}
"""
FIGURE = """\
title: Table I
show: report
seeds: 2
runs:
  - {method: [ewc, si], stream: split-digits, quick: {seeds: 1, train: {epochs: 1}}}
  - {method: sgd, stream: {name: split-digits, tasks: 3}}
claims:
  - {says: x, value: ACC, of: {method: ewc}, above: [{method: sgd}], by: 0.5, each: train.lr}
  - {says: y, value: ACC, of: [{method: si}], at_least: 90, gap: {to: {a: 1}, from: {a: 2}, until: {a: 3}}}
quick: {train: {epochs: 1}}
"""
STUDY_FIGURE = "show: study\nstudy: {importance: [entropy, random], dataset: digits, rates: [0.5]}\n"
CHECK = """\
title: Mine
baselines: stored
seeds: 3
metrics: [mean, BWT]
tolerance: {default: 1, "BWT (FID)": 20}
test: welch
alpha: 0.1
runs:
  - {method: [ewc, si], stream: split-digits, train: {epochs: 1}, strategy: {lam: 3}}
studies:
  - {importance: [entropy, random], dataset: digits, rates: [0.5]}
"""
SETS = [
    "strategy.lam=1e4",
    "network.hidden=512,256",
    "train.betas=[0.9, 0.99]",
    "train.epochs=3",
    "stream.limit=null",
]
SETS += ["strategy.ewc.lam=3", "train.keep_optimizer=true", "train.schedule=cosine", "train.seeds_at_once=auto"]
GRIDS = [
    "strategy.lam=0:10:1",
    "strategy.lam=1,3,10",
    "train.lr=0.01..10:log",
    "train.epochs=1..5:int",
    "network.hidden=[[8],[4]]",
]
GRIDS += ["strategy.consolidation=proximal, gradient"]


@functools.cache
def trained() -> tuple[Path, Any]:
    """The file and the result of a training of a second, with its checkpoints beside it."""
    import clbench

    folder = Path(tempfile.mkdtemp(prefix="clbench-fuzz-"))
    small = {"stream.limit": 20, "stream.tasks": 2, "train.epochs": 1, "network.hidden": [2]}
    found = clbench.train("ewc", "permuted-digits", seeds=1, set=small, out=folder, device="cpu", quiet=True)
    assert isinstance(found, Result)
    return folder / found.path, found


def checkpoints() -> list[bytes]:
    path, _ = trained()
    return [sorted(path.with_suffix("").glob("*.safetensors"))[-1].read_bytes()]


def networks() -> list[bytes]:
    import numpy as np

    from clbench.run.prune_lenet import sparse

    params = {
        "a": np.arange(1, 13, dtype=np.float32).reshape(3, 4),
        "b": np.ones((64,), np.float32),
        "c": np.ones(2, np.float32),
    }
    alive = {"a": params["a"] % 2 == 0, "b": np.arange(64) % 50 == 0}
    about: Values = {
        "config": STUDY,
        "seed": 0,
        "stage": 1,
        "accuracy": 0.5,
        "data": {},
        "threads": 1,
        "clbench": "0.1.0",
    }
    return [written(lambda path: sparse.write(path, params, alive, about), ".safetensors")]


def arrays(compressed: bool = False, **named: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **named)
    return buffer.getvalue()


def data_sets() -> list[bytes]:
    import numpy as np

    x, y = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4), np.array([0, 1])
    images: Values = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    features: Values = images | {name: x.reshape(2, 16).astype(np.float32) for name in ("x_train", "x_test")}
    return [arrays(**images), arrays(True, **images), arrays(**features), arrays(x=x, y=y)]


def statistics() -> list[bytes]:
    import numpy as np

    from clbench.models.features.cached_statistics import sealed
    from clbench.scores.fid.distance import Statistics

    found = Statistics(np.ones(3), np.eye(3), 10)
    each: Values = {
        "mean": found.mean,
        "covariance": found.covariance,
        "count": np.array(10),
        "seal": np.array(sealed(found, "key")),
    }
    return [arrays(**each), arrays(True, **each)]


def lenets() -> list[bytes]:
    from safetensors.torch import save as to_bytes

    from clbench.models.features.lenet import weights_digest

    network = small_lenet()
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return [to_bytes(state, {"key": "key", "sha256": weights_digest(network), "accuracy": "0.5"})]


@functools.cache
def small_lenet() -> Any:
    from clbench.models.features.lenet import Recipe, untrained

    return untrained((1, 16, 16), 2, Recipe((1, 1), (2, 2)))


def idx_files() -> list[bytes]:
    return [b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 3, 3)) + bytes(range(18))]


def pickles() -> list[bytes]:
    import pickle

    import numpy as np

    found = {
        b"data": np.arange(12, dtype=np.uint8).reshape(2, 6),
        b"labels": [0, 1],
        b"filenames": ["a", "b"],
    }
    return [pickle.dumps(found, protocol) for protocol in (3, 4)]


def matlab_files() -> list[bytes]:
    import numpy as np
    import scipy.io

    found = []
    for packed in (False, True):
        buffer = io.BytesIO()
        each = {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [10]], np.uint8)}
        scipy.io.savemat(buffer, each, do_compression=packed)
        found.append(buffer.getvalue())
    return found


def weights() -> list[bytes]:
    import torch

    buffer = io.BytesIO()
    torch.save({"state_dict": {"fc.weight": torch.ones(2, 2)}}, buffer)
    return [buffer.getvalue()]


def images() -> list[bytes]:
    from PIL import Image

    found = []
    for form in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF"):
        buffer = io.BytesIO()
        Image.linear_gradient("L").resize((8, 8)).convert("RGB").save(buffer, form)
        found.append(buffer.getvalue())
    return found


def archives() -> list[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "b/2.png"):
            archive.writestr(name, images()[0])
    return [buffer.getvalue()]
