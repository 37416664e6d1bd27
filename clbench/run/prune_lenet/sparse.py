"""A pruned network as a file: the weights that survived and where they stand, in safetensors (no pickle).

Of each pruned parameter the file holds the survivors in their order (`NAME`, float32) and their places: the zeros
between a survivor and the one before it (`NAME/gaps`, in the smallest unsigned integers that hold them), or one
bit a weight (`NAME/alive`), whichever is smaller. The output layer is as it is; the metadata says what it all is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from clbench import __version__
from clbench.errors import UserError
from clbench.models.params import Params
from clbench.results import PrunedRun, PruningResult, jsonfile
from clbench.results.atomic import write_whole
from clbench.results.checks import schema_fault
from clbench.run import checkpoint
from clbench.run.machine import Machine
from clbench.run.prune_lenet.settings import Settings, resolve_stored
from clbench.run.prune_lenet.study import PruneLenet, build_stream, build_trainer
from clbench.run.train import require_same

FORMAT = "clbench-sparse-1"
MOST_WEIGHTS = 2**26  # of a parameter
Arrays = dict[str, np.ndarray]


@dataclass
class Sparse:
    """A network of one seed: parameter -> array of its full shape, pruned weights 0; and what it is."""

    params: Arrays
    record: dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """A file that was written: its size, that of the same network with every weight, and what is in it."""

    file: str
    bytes: int
    dense_bytes: int
    weights: int  # that survived
    of: int
    output_parameters: int

    def __str__(self) -> str:
        held = f"{self.weights:,} of {self.of:,} weights and the output layer's {self.output_parameters:,}"
        size, dense = f"{self.bytes / 1000:,.1f} kB", f"{self.dense_bytes / 1000:,.1f} kB"
        return f"{held} in {size}; dense {dense}, {self.dense_bytes / self.bytes:.1f} times as much"


def packed(name: str, values: np.ndarray, alive: np.ndarray) -> Arrays:
    """One parameter as the arrays of a file."""
    places = np.flatnonzero(alive)
    gaps = np.diff(places, prepend=-1) - 1
    gaps = gaps.astype(np.min_scalar_type(int(gaps.max(initial=0))))
    bits = np.packbits(alive)
    where = {f"{name}/gaps": gaps} if gaps.nbytes < bits.nbytes else {f"{name}/alive": bits}
    return {name: values.ravel()[places], **where}


def unpacked(name: str, arrays: Mapping[str, np.ndarray], shape: list[int]) -> np.ndarray:
    """The parameter in its full shape; ValueError where the arrays do not fit it."""
    values, size = arrays[name], prod(shape)
    if values.ndim != 1 or size > MOST_WEIGHTS or values.dtype != np.float32:
        raise ValueError(f"{name} is no list of at most {MOST_WEIGHTS:,} float32")
    found = np.zeros(size, dtype=np.float32)
    if f"{name}/gaps" in arrays:
        places = np.cumsum(arrays[f"{name}/gaps"].astype(np.int64) + 1) - 1
    elif f"{name}/alive" in arrays:
        places = np.flatnonzero(np.unpackbits(arrays[f"{name}/alive"].ravel(), count=found.size))
    elif len(values) != size:
        raise ValueError(f"{name} does not fit its shape")
    else:
        places = np.arange(size)
    if len(places) != len(values) or (len(places) and not 0 <= places.min() <= places.max() < found.size):
        raise ValueError(f"{name} does not fit its shape")
    found[places] = values
    return found.reshape(shape)


def write(path: Path, params: Arrays, alive: Arrays, record: dict[str, Any]) -> int:
    """Write a network, whole or not at all; the bytes written. What has no entry in `alive` stays dense."""
    arrays: Arrays = {}
    for name, values in params.items():
        arrays |= packed(name, values, alive[name]) if name in alive else {name: values.ravel()}
    shapes = {name: list(values.shape) for name, values in params.items()}
    words = json.dumps({**record, "shapes": shapes}, sort_keys=True)
    tensors = {name: torch.from_numpy(array.view(np.uint8)) for name, array in arrays.items()}
    meta = {"format": FORMAT, "record": words, "sha256": checkpoint.fingerprint(tensors, words)}
    content = to_bytes(arrays, meta)
    write_whole(path, content)
    return len(content)


def read(path: Path) -> Sparse:
    """The network in a file; UserError if it is unreadable, damaged or no exported network."""
    try:
        with safe_open(path, framework="numpy") as file:
            meta = file.metadata() or {}
            known = meta.get("format")
            arrays = {name: file.get_tensor(name) for name in file.keys()} if known == FORMAT else {}  # noqa: SIM118
        if known != FORMAT:
            raise UserError(f"{path}: not a network written by `clbench prune-lenet --export`")
        tensors = {name: torch.from_numpy(array.view(np.uint8)) for name, array in arrays.items()}
        if meta["sha256"] != checkpoint.fingerprint(tensors, meta["record"]):
            raise ValueError("its contents do not fit its checksum")
        record = jsonfile.loads(meta["record"], f"{path}: its record")
        if fault := schema_fault(record, "network.json"):
            raise ValueError(fault)
        return Sparse({name: unpacked(name, arrays, shape) for name, shape in record["shapes"].items()}, record)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path}: unusable network: {error}; export it again") from None


# -- out of a study, and back -------------------------------------------------------------------------------------


def export_study(
    studies: list[tuple[Settings, tuple[Path, PruningResult]]], target: Path, machine: Machine
) -> list[Exported]:
    """Write the network of every study and seed after its last round.

    UserError where none is kept.
    """
    names, written = targets([settings for settings, _ in studies], target), []
    for settings, (path, result) in studies:
        for run in result.runs:
            written.append(export_one(settings, path, result, run, names[settings.digest, run.seed]))
    return written


def targets(studies: Sequence[Settings], target: Path) -> dict[tuple[str, int], Path]:
    """Digest of a study and seed -> its file: of several, measure and seed are put into the names."""
    found = {}
    for each in studies:
        for seed in each.seeds:
            words = [each.importance] * (len(studies) > 1) + [f"seed-{seed}"] * (len(each.seeds) > 1)
            found[each.digest, seed] = target.with_name("-".join([target.stem, *words]) + target.suffix)
    return found


def export_one(settings: Settings, path: Path, result: PruningResult, run: PrunedRun, target: Path) -> Exported:
    if run.status != "done":
        raise UserError(f"{path}: seed {run.seed} {run.status}, so there is no network of it to export")
    params, alive = kept(settings, path, result, run)
    record = {
        "clbench": __version__,
        "config": result.config,
        "seed": run.seed,
        "stage": len(run.accuracy) - 1,
        "accuracy": run.accuracy[-1],
        "data": result.data,
        "threads": result.makers[run.made_by[-1]].get("threads", 1),
    }
    size, dense = write(target, params, alive, record), len(to_bytes(params))
    left, whole = sum(int(a.sum()) for a in alive.values()), sum(a.size for a in alive.values())
    return Exported(str(target), size, dense, left, whole, result.output_parameters)


def kept(settings: Settings, path: Path, result: PruningResult, run: PrunedRun) -> tuple[Arrays, Arrays]:
    """Parameters and, of those that were pruned, which weights are alive: from the last round's checkpoint."""
    study = PruneLenet(settings).group(tuple(run.together), path.with_suffix(""), result.digest)
    stage, files = len(run.accuracy) - 1, study.kept()
    if stage not in files:
        raise UserError(
            f"{path}: the checkpoint of round {stage} is gone, so nothing can be exported; use --force"
        )
    tensors, place = checkpoint.read(files[stage]).tensors, run.together.index(run.seed)
    params = of_seed(checkpoint.part(tensors, "model/"), place)
    return params, of_seed(checkpoint.part(tensors, "method/alive/"), place)


def of_seed(stacked: Params, place: int) -> Arrays:
    return {name: t[place].numpy() for name, t in stacked.items()}


def rescored(path: Path, machine: Machine) -> dict[str, Any]:
    """For `evaluate`: the accuracy that an exported network was written with, and what it has now."""
    found = read(path)
    settings = resolve_stored(found.record["config"], path)
    device = machine.prepare()
    stream = build_stream(settings, machine, device)
    require_same(stream.checksums, found.record["data"])
    trainer = build_trainer(settings, stream, (found.record["seed"],), device)
    with torch.no_grad():
        for name, p in trainer.model.params.items():
            if name not in found.params or found.params[name].shape != p.shape[1:]:
                raise UserError(f"{path}: unusable network: {name} is not that of a LeNet for these images")
            p[0].copy_(torch.from_numpy(found.params[name]))
    task = trainer.stream.tasks[0]
    row = {"file": str(path), "seed": found.record["seed"], "stage": found.record["stage"], "task": task.name}
    return {**row, "stored": found.record["accuracy"], "scored": trainer.score(task, task.test)[0]}
