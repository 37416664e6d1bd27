"""Arrays of one stage from the checkpoints beside a result. The only file here that needs torch, and late."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.analysis.base import Lacking
from clbench.errors import UserError
from clbench.metrics import Array
from clbench.report.build.cells import finished
from clbench.report.build.result_table import ResultRow

Arrays = dict[str, Array]
Slots = dict[str, dict[str, Any]]  # of every parameter, as clbench.models.slots.Slot has them


@dataclass(frozen=True)
class Kept:
    """What checkpoints hold of one stage: every finished seed's tensors as float64, and the slots of those."""

    stage: int
    seeds: dict[int, Arrays]
    slots: Slots

    def layers(self, seed: int) -> Arrays:
        return layers(self.seeds[seed], self.slots)


def arrays(row: ResultRow, stage: int | None, prefix: str) -> Kept:
    """The tensors below `prefix` after a stage (None: the last), in order.

    Lacking: the result has not that stage, or its checkpoint was not kept. UserError: the checkpoint is damaged.
    """
    from clbench.run import checkpoint  # imports torch

    reached = min(len(run.matrix) for run in finished(row.result)) - 1
    wanted = reached if stage is None else stage
    if wanted > reached:
        raise Lacking(f"{row.path}: stage {wanted} is not in the result, which has stages 0 to {reached}")
    found: dict[int, Arrays] = {}
    slots: Slots = {}
    for seeds in dict.fromkeys(tuple(run.together) for run in finished(row.result)):
        kept = checkpoint.stages(row.path.with_suffix(""), seeds)
        if wanted not in kept:
            raise Lacking(_not_kept(row, wanted, sorted(kept)))
        held = checkpoint.read(kept[wanted])
        mine = {"config": row.result.digest, "stage": wanted, "seeds": list(seeds)}
        if {name: held.record.get(name) for name in mine} != mine:
            raise checkpoint.damaged(kept[wanted], "it is of another configuration, stage or group of seeds")
        slots = held.record.get("slots") or {}
        part = checkpoint.part(held.tensors, prefix)
        names = sorted(part, key=in_order)
        found |= {
            seed: {name: part[name][s].numpy().astype(np.float64) for name in names}
            for s, seed in enumerate(seeds)
            if seed in row.seeds
        }
    if not slots:
        raise Lacking(
            f"{row.path}: its checkpoints are of an older clbench; train it with --force --checkpoints all"
        )
    return Kept(wanted, found, slots)


def _not_kept(row: ResultRow, stage: int, kept: list[int]) -> str:
    have = f"kept: {', '.join(map(str, kept))}" if kept else "none is kept"
    return f"{row.path}: no checkpoint of stage {stage} ({have}); train it with --force --checkpoints all"


def in_order(name: str) -> list[tuple[int, str]]:
    """A key that puts blocks.2 before blocks.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def layers(named: Arrays, slots: Slots) -> Arrays:
    """Weight matrices by layer, [units, inputs (+ 1, the bias)]: 'blocks.0' -> what comes into each unit.

    Convolution kernels are flattened. Heads, normalisation and whatever else has no weight matrix are left out.
    """
    parts: dict[str, Arrays] = {}
    for name, values in named.items():
        if name in slots and slots[name]["role"] == "shared" and slots[name]["kind"] != "norm":
            parts.setdefault(slots[name]["layer"], {})[slots[name]["kind"]] = values
    found: Arrays = {}
    for layer, kinds in parts.items():
        if "weight" in kinds:
            columns = [kinds["weight"].reshape(len(kinds["weight"]), -1)]
            columns += [kinds["bias"][:, None]] if "bias" in kinds else []
            found[layer.removeprefix("network.")] = np.concatenate(columns, axis=1)
    if not found:
        raise UserError("the network has no layer with a weight matrix below its heads")
    return found
