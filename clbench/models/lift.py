"""From the modules of one seed to all seeds at once: the one place where the seed axis meets nn.Module.

On a CPU the seeds are unrolled: each runs the single-seed kernels, which was the fastest of three forms in
`python -m benchmarks seeds` and gives every seed what it has alone, to rounding. On a GPU, where small networks
are bound by launches, `torch.func.vmap` makes one batched kernel of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import vmap

from clbench.models.noise import Noise

Outputs = Tensor | tuple[Tensor, ...]
Forward = Callable[..., Outputs]  # of a Seed and its inputs [B, ...]


class Seed:
    """The modules of one seed: `seed("network", x)` runs one, `seed.state` has the tensors by their full names."""

    def __init__(self, modules: Mapping[str, nn.Module], state: Mapping[str, Tensor]) -> None:
        self.modules, self.state = modules, state

    def __call__(self, name: str, *inputs: Any) -> Any:
        """As torch.func.functional_call does it, which looks every name up anew each time."""
        module = self.modules[name]
        places = places_of(module)
        before = [holder[leaf] for holder, leaf, _ in places]
        try:
            for holder, leaf, inner in places:
                holder[leaf] = self.state[f"{name}.{inner}"]
            return module(*inputs)
        finally:
            for (holder, leaf, _), tensor in zip(places, before, strict=True):
                holder[leaf] = tensor


Place = tuple[dict[str, Any], str, str]  # parameters or buffers of a layer, a name in them, and in the network
PLACES: WeakKeyDictionary[nn.Module, list[Place]] = WeakKeyDictionary()


def places_of(module: nn.Module) -> list[Place]:
    """Where the parameters and buffers of a network are kept; its layers stay the same from its first use on."""
    if module not in PLACES:
        PLACES[module] = [
            (holder, leaf, f"{prefix}.{leaf}".lstrip("."))
            for prefix, layer in module.named_modules()
            for holder in (layer._parameters, layer._buffers)
            for leaf, tensor in holder.items()
            if tensor is not None
        ]
    return PLACES[module]


def unrolled(
    forward: Forward,
    modules: Mapping[str, nn.Module],
    state: Mapping[str, Tensor],
    inputs: Sequence[Tensor | None],
    noise: Noise,
    first: int = 0,
) -> Outputs:
    """Inputs [S, B, ...] (or None) -> outputs [S, B, ...], one seed after the other; first: its place."""
    seeds = len(next(t for t in inputs if t is not None))
    each = {name: slices(t, seeds) for name, t in state.items()}
    parts = [None if t is None else slices(t, seeds) for t in inputs]
    found = []
    for s in range(seeds):
        one = Seed(modules, {name: t[s] for name, t in each.items()})
        with noise.of(first + s):
            found.append(forward(one, *[None if t is None else t[s] for t in parts]))
    if isinstance(found[0], Tensor):
        return together(found)  # type: ignore[arg-type]
    return tuple(together(list(part)) for part in zip(*found, strict=True))


def slices(stacked: Tensor, seeds: int) -> Sequence[Tensor]:
    return stacked.unbind(0) if seeds > 1 else (stacked.squeeze(0),)  # a view back-propagates for nothing


def together(each: list[Tensor]) -> Tensor:
    return torch.stack(each) if len(each) > 1 else each[0].unsqueeze(0)


def batched(
    forward: Forward,
    modules: Mapping[str, nn.Module],
    state: Mapping[str, Tensor],
    inputs: Sequence[Tensor | None],
    noise: Noise,
    first: int = 0,
) -> Outputs:
    """The same as one program."""
    dims = tuple(None if t is None else 0 for t in inputs)
    return vmap(lambda state, *x: forward(Seed(modules, state), *x), in_dims=(0, *dims))(dict(state), *inputs)


def lift(device: torch.device) -> Callable[..., Outputs]:
    """The form that is fastest on `device`."""
    return unrolled if device.type == "cpu" else batched
