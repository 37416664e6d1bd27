"""From a network of one seed to all seeds at once: the one place where the seed axis meets nn.Module.

On a CPU the seeds are unrolled: each runs the single-seed kernels, which was the fastest of three forms in
`python -m benchmarks seeds` and gives every seed the very bits it has alone. On a GPU, where small networks
are bound by launches, `torch.func.vmap` makes one batched kernel of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

Gates = Sequence[Tensor | None]


def features_and_head(network: nn.Module, state: dict[str, Tensor], x: Tensor, gates: Gates) -> Tensor:
    """One seed: x [B, ...] -> outputs [B, k]. `state` has the network's names and head.weight, head.bias."""
    inner = {name.removeprefix("network."): v for name, v in state.items() if name.startswith("network.")}
    features = functional_call(network, inner, (x, gates), tie_weights=False)  # `state` has every name
    return F.linear(features, state["head.weight"], state["head.bias"])


def unrolled(network: nn.Module, state: dict[str, Tensor], x: Tensor, gates: Gates) -> Tensor:
    """x [S, B, ...] -> [S, B, k], a seed after the other."""
    seeds = len(x)
    each = {name: slices(v, seeds) for name, v in state.items()}
    inputs, gate_slices = slices(x, seeds), [None if g is None else slices(g, seeds) for g in gates]
    outputs = [
        features_and_head(
            network,
            {name: v[s] for name, v in each.items()},
            inputs[s],
            [None if g is None else g[s] for g in gate_slices],
        )
        for s in range(seeds)
    ]
    return torch.stack(outputs) if seeds > 1 else outputs[0].unsqueeze(0)


def slices(stacked: Tensor, seeds: int) -> Sequence[Tensor]:
    return stacked.unbind(0) if seeds > 1 else (stacked.squeeze(0),)  # a view back-propagates for nothing


def batched(network: nn.Module, state: dict[str, Tensor], x: Tensor, gates: Gates) -> Tensor:
    """x [S, B, ...] -> [S, B, k] as one program."""
    dims = [None if g is None else 0 for g in gates]
    lifted = vmap(lambda s, x, *g: features_and_head(network, s, x, g), in_dims=(0, 0, *dims))
    return lifted(state, x, *gates)


def lift(device: torch.device):
    """The form that is fastest on `device`."""
    return unrolled if device.type == "cpu" else batched
