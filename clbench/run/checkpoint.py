"""Checkpoints: what a resumed run and `evaluate` need, in safetensors (no pickle), written whole or not at all.

One file a stage and group of seeds: weights and buffers, the method's state, the optimiser's where it goes on
from task to task, the state of every generator, and as metadata the record so far (whose it is, matrix, times)
and a sha256 of all that.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.models.params import Params
from clbench.results import jsonfile
from clbench.results.atomic import write_whole

FORMAT = "clbench-checkpoint-3"


@dataclass
class Checkpoint:
    """tensors: name -> [S, ...], of 'model/', 'method/', 'optimizer/' and 'generator/'. record: runs as JSON."""

    tensors: Params
    record: dict[str, Any]


def path_of(folder: Path, stage: int, seeds: tuple[int, ...]) -> Path:
    return folder / f"stage-{stage:03d}-seeds-{name_of_seeds(seeds)}.safetensors"


def name_of_seeds(seeds: tuple[int, ...]) -> str:
    """0-1-2, or what a file name can hold of many seeds."""
    words = "-".join(map(str, seeds))
    return (
        words if len(words) <= 80 else f"{words[:40]}-and-more-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
    )


def stages(folder: Path, seeds: tuple[int, ...]) -> dict[int, Path]:
    """The stages of which this group's checkpoint is kept, in their order: as text, 1000 comes before 999."""
    pattern = re.compile(rf"stage-(\d+)-seeds-{name_of_seeds(seeds)}\.safetensors")
    found = [(pattern.fullmatch(p.name), p) for p in folder.glob("stage-*.safetensors")]
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def collect(trainer: Trainer) -> Params:
    """Everything that the rest of the run depends on."""
    model = trainer.model
    tensors = {f"model/{n}": t.detach() for n, t in model.state().items()}
    tensors |= {f"method/{n}": t.detach() for n, t in trainer.strategy.state().items()}
    tensors |= {f"optimizer/{n}": t.detach() for n, t in trainer.optimizer_state.items()}
    for purpose, generators in trainer.draws_of.items():
        tensors[f"generator/{purpose}"] = torch.stack([g.get_state() for g in generators])
    tensors |= {"trainer/first_bad": trainer.first_bad, "trainer/steps": trainer.steps}
    return {name: t.cpu().contiguous() for name, t in tensors.items()}


def write(path: Path, tensors: Params, record: dict[str, Any]) -> None:
    """Atomically: temporary file, flush, rename. UserError if the disk refuses."""
    words = json.dumps(record)
    meta = {"format": FORMAT, "record": words, "sha256": fingerprint(tensors, words)}
    write_whole(path, in_bytes(tensors, meta))


def in_bytes(tensors: Params, meta: dict[str, str]) -> bytes:
    """MemoryError where there is no room for them."""
    try:
        return to_bytes(tensors, meta)
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # safetensors', which is no Exception
            raise MemoryError("no room to write a checkpoint") from None
        raise


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file; UserError if it is unreadable, truncated or altered."""
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if meta["format"] != FORMAT:
            raise of_another_clbench(path, meta["format"])
        intact = meta["sha256"] == fingerprint(tensors, meta["record"])
        record = jsonfile.loads(meta["record"], f"{path}: its record")
    except OSError as error:
        raise UserError(f"{path}: cannot read the checkpoint: {error.strerror or error}") from None
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise damaged(path, f"{type(error).__name__}") from None
    if not intact:
        raise damaged(path, "its contents do not fit its checksum")
    if not isinstance(record, dict):
        raise damaged(path, "its record is no table")
    return Checkpoint(tensors, record)


def of_another_clbench(path: Path, found: str) -> UserError:
    """It may be whole, so that no older one stands in for it."""
    name, _, number = found.rpartition("-")
    newer = name == FORMAT.rpartition("-")[0] and number.isdecimal() and int(number) > int(FORMAT[-1])
    do = "upgrade clbench" if newer else "delete it, or train again with --force"
    return UserError(f"{path}: unusable checkpoint: its format is {found!r}, this clbench reads {FORMAT!r}; {do}")


class Damaged(UserError):
    """what: the file and what is wrong with it, without what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; delete it, or train again with --force")
        self.what = what


def damaged(path: Path, why: str) -> Damaged:
    return Damaged(f"{path}: unusable checkpoint: {why}")


def restore(trainer: Trainer, checkpoint: Checkpoint, path: Path) -> None:
    """Put a checkpoint into a trainer built from the same configuration."""
    model, tensors = trainer.model, checkpoint.tensors
    try:
        model.restore(part(tensors, "model/"))
        with torch.no_grad():
            trainer.strategy.restore(part(tensors, "method/"))
    except UserError as error:
        raise damaged(path, str(error)) from None
    kept = part(tensors, "optimizer/")
    trainer.optimizer_state = {n: t.to(model.device) if t.dim() > 1 else t for n, t in kept.items()}
    for purpose, states in part(tensors, "generator/").items():
        for g, state in zip(trainer.generators(purpose), states, strict=True):
            g.set_state(state.clone())  # torch 2.15 misreads a state that is a view into another tensor
    trainer.first_bad = tensors["trainer/first_bad"].to(model.device)
    trainer.steps = tensors["trainer/steps"].to(model.device)
    model.active = trainer.first_bad < 0


def part_seeds(folder: Path, seeds: tuple[int, ...], parts: Sequence[tuple[int, ...]]) -> list[Path]:
    """Write what is kept of a group once more, as of groups of some of its seeds each; the files of the group.

    One that is unusable is left out, unless all are: Damaged.
    """
    kept, damaged = stages(folder, seeds), []
    for stage, path in kept.items():
        try:
            whole = read(path)
        except Damaged as why:
            damaged.append(why)
            continue
        for mine in parts:
            rows = torch.tensor([seeds.index(seed) for seed in mine])
            runs = [{**run, "together": list(mine)} for run in whole.record["runs"] if run["seed"] in mine]
            record = {**whole.record, "seeds": list(mine), "runs": runs}
            write(path_of(folder, stage, mine), {n: t[rows] for n, t in whole.tensors.items()}, record)
    if damaged and len(damaged) == len(kept):
        raise damaged[-1]
    for each in damaged:
        warnings.warn(f"{each.what}; left out", stacklevel=2)
    return list(kept.values())


def part(tensors: Params, prefix: str) -> Params:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def fingerprint(tensors: dict[str, Tensor], record: str) -> str:
    """sha256 over the record and the tensors' names, types, shapes and bytes."""
    found = hashlib.sha256(record.encode())
    for name in sorted(tensors):
        t = tensors[name]
        found.update(f"{name} {t.dtype} {list(t.shape)}".encode())
        found.update(t.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b"")
    return found.hexdigest()
