"""Sums over samples of a function (square, abs) of per-sample gradients, of every shared parameter.

A batch's gradient squared is not the sum of its samples' squares: it is smaller by up to the batch size.
For linear layers the exact sums cost one product: with δ the gradient at a layer's output and a its input,
the gradient of a sample is the outer product δ aᵀ, so Σ f(δ aᵀ) = f(δ)ᵀ f(a) for every multiplicative f.
Other layers take `torch.func`: vmap of grad, in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from clbench.models.classifier import Classifier
from clbench.params import Params
from clbench.task import Task

if TYPE_CHECKING:
    from clbench.training import Trainer

Tap = tuple[Tensor, Tensor]  # a layer's input and output for one seed
SAMPLES_A_CHUNK = 50  # of the general form, whose memory grows with samples times parameters


def per_sample_sums(
    trainer: Trainer,
    task: Task,
    x: Tensor,
    choose: Callable[[Tensor], Tensor],
    value: Callable[[Tensor, Tensor], Tensor],
    f: Callable[[Tensor], Tensor],
) -> Params:
    """Σ over the batch of f(gradient of value(outputs, choose(outputs))), [S, ...]; x: [S, B, ...]."""
    model = trainer.model
    if not model.shared:
        return {}  # a network that is all head
    layers = linear_layers(model)
    if layers is None:
        return general(trainer, task, x, choose, value, f)
    with model.one_seed_at_a_time(), tapped(layers) as taps:
        outputs = trainer.strategy.outputs(model, x, task)
    if any(len(t) != len(x) or t[0][0].dim() != 2 for t in taps.values()):
        return general(trainer, task, x, choose, value, f)
    target = choose(outputs.detach())
    wanted = [output for each in taps.values() for _, output in each]
    deltas = iter(torch.autograd.grad(value(outputs, target).sum(), wanted))
    sums: Params = {}
    for name, each in taps.items():
        pairs = [(f(next(deltas)), f(a.detach())) for a, _ in each]
        sums[f"network.{name}.weight"] = torch.stack([d.T @ a for d, a in pairs])
        if layers[name].bias is not None:
            sums[f"network.{name}.bias"] = torch.stack([d.sum(0) for d, _ in pairs])
    return sums


def linear_layers(model: Classifier) -> dict[str, nn.Linear] | None:
    """The network's linear layers by name, or None where some parameter belongs to another kind of layer."""
    layers = {name: m for name, m in model.network.named_modules() if type(m) is nn.Linear}
    covered = {f"network.{n}.{p}" for n, m in layers.items() for p, _ in m.named_parameters()}
    return layers if covered == set(model.shared) else None


@contextmanager
def tapped(layers: dict[str, nn.Linear]) -> Iterator[dict[str, list[Tap]]]:
    """Collect what goes into and comes out of each layer, once a seed."""
    taps: dict[str, list[Tap]] = {name: [] for name in layers}
    hooks = [
        layer.register_forward_hook(lambda _, args, out, name=name: taps[name].append((args[0], out)))
        for name, layer in layers.items()
    ]
    try:
        yield taps
    finally:
        for hook in hooks:
            hook.remove()


def general(
    trainer: Trainer,
    task: Task,
    x: Tensor,
    choose: Callable[[Tensor], Tensor],
    value: Callable[[Tensor, Tensor], Tensor],
    f: Callable[[Tensor], Tensor],
) -> Params:
    """The same sums for any layers: per-sample gradients by vmap, a seed and a chunk of samples at a time."""
    model, strategy = trainer.model, trainer.strategy
    with torch.no_grad():
        target = choose(strategy.outputs(model, x, task))
    names = list(model.shared)
    sums: Params = {name: torch.zeros_like(model.params[name], requires_grad=False) for name in names}
    for seed in range(len(x)):

        def of_one(shared: Params, image: Tensor, label: Tensor, seed: int = seed) -> Tensor:
            with model.as_seed(seed, shared):
                outputs = strategy.outputs(model, image[None, None], task)
            return value(outputs, label[None, None]).sum()

        shared = {name: model.params[name][seed].detach() for name in names}
        for chunk in torch.arange(x.shape[1], device=x.device).split(SAMPLES_A_CHUNK):
            each = vmap(grad(of_one), in_dims=(None, 0, 0))(shared, x[seed, chunk], target[seed, chunk])
            for name in names:
                sums[name][seed] += f(each[name]).sum(0)
    return sums
