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
    the network it is in, counted from 0; None: in none. source: the block whose units it takes; None: of none, as
    the first layer and what has one number a unit. kind: `weight` has two axes or more, `bias` one number a
    unit, `norm` is of a normalisation layer. layer: the name of the torch module that holds it.
    """

    role: Literal["shared", "head"]
    block: int | None
    kind: Literal["weight", "bias", "norm"]
    layer: str
    source: int | None = None


def slots_of(modules: Mapping[str, nn.Module], heads: tuple[str, ...]) -> dict[str, Slot]:
    """Of every parameter of one seed's modules, by its full name; the modules named in `heads` are heads."""
    found: dict[str, Slot] = {}
    for prefix, module in modules.items():
        role: Literal["shared", "head"] = "head" if prefix in heads else "shared"
        blocks = blocks_of(module)
        for path, layer in module.named_modules():
            for name, p in layer.named_parameters(recurse=False):
                called = f"{prefix}.{path}".rstrip(".")
                block, source = blocks.get(id(p), (None, None))
                slot = Slot(role, block, kind_of(layer, p.dim()), called, source if p.dim() > 1 else None)
                found.setdefault(f"{called}.{name}", slot)
    return found


def blocks_of(module: nn.Module) -> dict[int, tuple[int | None, int | None]]:
    """The block that each parameter, by its id, is in, and the one before it.

    Of a network's `blocks` one follows the other; where they do not, its `wires` name both of every layer.
    """
    if isinstance(wires := getattr(module, "wires", None), Mapping):
        layers = dict(module.named_modules())
        return {id(p): tuple(wires[name]) for name in wires for p in layers[name].parameters()}
    blocks = getattr(module, "blocks", None)
    if not isinstance(blocks, nn.ModuleList | nn.Sequential):
        return {}
    return {id(p): (k, k - 1 if k else None) for k, block in enumerate(blocks) for p in block.parameters()}


def kind_of(layer: nn.Module, axes: int) -> Literal["weight", "bias", "norm"]:
    if isinstance(layer, NORMALISATIONS):
        return "norm"
    return "weight" if axes > 1 else "bias"


def normalises_over_the_batch(modules: Mapping[str, nn.Module]) -> bool:
    """Whether, in training, an image's outputs depend on the other images of its batch."""
    return any(isinstance(layer, _BatchNorm) for module in modules.values() for layer in module.modules())
