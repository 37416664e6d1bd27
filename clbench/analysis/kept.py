"""Arrays of one stage from the checkpoints beside a result. The only file here that needs torch, and late."""

from __future__ import annotations

import re

import numpy as np

from ..errors import UserError
from ..metrics import Array
from ..report.cells import finished
from ..report.table import Row
from .found import Lacking

Arrays = dict[str, Array]


def arrays(row: Row, stage: int | None, prefix: str) -> tuple[int, dict[int, Arrays]]:
    """The stage (None: the last) and, of every finished seed, its tensors below `prefix` as float64, in order.

    Lacking: the result has not that stage, or its checkpoint was not kept. UserError: the checkpoint is damaged.
    """
    from .. import checkpoint  # imports torch

    reached = min(len(run.matrix) for run in finished(row.result)) - 1
    wanted = reached if stage is None else stage
    if wanted > reached:
        raise Lacking(f"{row.path}: stage {wanted} is not in the result, which has stages 0 to {reached}")
    found: dict[int, Arrays] = {}
    for seeds in dict.fromkeys(tuple(run.together) for run in finished(row.result)):
        kept = checkpoint.stages(row.path.with_suffix(""), seeds)
        if wanted not in kept:
            raise Lacking(_not_kept(row, wanted, sorted(kept)))
        held = checkpoint.read(kept[wanted])
        mine = {"config": row.result.digest, "stage": wanted, "seeds": list(seeds)}
        if {name: held.record.get(name) for name in mine} != mine:
            raise checkpoint.damaged(kept[wanted], "it is of another configuration, stage or group of seeds")
        part = checkpoint.part(held.tensors, prefix)
        names = sorted(part, key=in_order)
        found |= {
            seed: {name: part[name][s].numpy().astype(np.float64) for name in names}
            for s, seed in enumerate(seeds)
            if seed in row.seeds
        }
    return wanted, found


def _not_kept(row: Row, stage: int, kept: list[int]) -> str:
    have = f"kept: {', '.join(map(str, kept))}" if kept else "none is kept"
    return f"{row.path}: no checkpoint of stage {stage} ({have}); train it with --force --checkpoints all"


def in_order(name: str) -> list[tuple[int, str]]:
    """A key that puts blocks.2 before blocks.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def layers(named: Arrays) -> Arrays:
    """Weight matrices by layer, [units, inputs (+ 1, the bias)]: 'blocks.0' -> what comes into each unit.

    Convolution kernels are flattened. Heads, normalisation and whatever else has no weight matrix are left out.
    """
    found: Arrays = {}
    for name, weight in named.items():
        module, _, kind = name.rpartition(".")
        if kind == "weight" and weight.ndim >= 2 and module.startswith("network."):
            bias = named.get(f"{module}.bias")
            columns = [weight.reshape(len(weight), -1), *([] if bias is None else [bias[:, None]])]
            found[module.removeprefix("network.")] = np.concatenate(columns, axis=1)
    if not found:
        raise UserError("the network has no layer with a weight matrix below its heads")
    return found
