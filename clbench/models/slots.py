"""What each parameter is: shared or a task's own, in which block, a weight, a bias or of a normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

NORMALISATIONS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Slot:
    """The place of one parameter in its model.

    role: `shared` by all tasks, or of a `head`, parts of which belong to one task. block: which gateable block of
    the network it is in, counted from 0; None: in none. kind: `weight` has two axes or more, `bias` one number a
    unit, `norm` is of a normalisation layer. layer: the name of the torch module that holds it. reads: the block
    whose units are the inputs of its layer; None: the network's own input.

    A network whose layers are a chain has them in `blocks`, a block a gate, and block k reads block k - 1. Any
    other says of each layer by name which block it is of and which it reads: `wiring = {"conv2": (1, 0)}`.
    """

    role: Literal["shared", "head"]
    block: int | None
    kind: Literal["weight", "bias", "norm"]
    layer: str
    reads: int | None = None


def slots_of(modules: Mapping[str, nn.Module], heads: tuple[str, ...]) -> dict[str, Slot]:
    """Of every parameter of one seed's modules, by its full name; the modules named in `heads` are heads."""
    found: dict[str, Slot] = {}
    for prefix, module in modules.items():
        role: Literal["shared", "head"] = "head" if prefix in heads else "shared"
        blocks = blocks_of(module)
        wiring = getattr(module, "wiring", {})
        for path, layer in module.named_modules():
            for name, p in layer.named_parameters(recurse=False):
                called = f"{prefix}.{path}".rstrip(".")
                block, reads = wiring.get(path) or chained(blocks.get(id(p)))
                slot = Slot(role, block, kind_of(layer, p.dim()), called, reads)
                found.setdefault(f"{called}.{name}", slot)
    return found


def blocks_of(module: nn.Module) -> dict[int, int]:
    """Which of the network's `blocks` each parameter, by its id, is in."""
    blocks = getattr(module, "blocks", None)
    if not isinstance(blocks, nn.ModuleList | nn.Sequential):
        return {}
    return {id(p): k for k, block in enumerate(blocks) for p in block.parameters()}


def chained(block: int | None) -> tuple[int | None, int | None]:
    """A block, and the one before it."""
    return block, block - 1 if block else None


def kind_of(layer: nn.Module, axes: int) -> Literal["weight", "bias", "norm"]:
    if isinstance(layer, NORMALISATIONS):
        return "norm"
    return "weight" if axes > 1 else "bias"


def normalises_over_the_batch(modules: Mapping[str, nn.Module]) -> bool:
    """Whether, in training, an image's outputs depend on the other images of its batch."""
    return any(isinstance(layer, _BatchNorm) for module in modules.values() for layer in module.modules())
