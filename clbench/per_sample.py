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

Tap = tuple[Tensor, Tensor]  # two tensors [B, ...] of one layer and seed, such as its input and output
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
    seen = outputs_and_taps(trainer, task, x)
    if seen is None:
        return general(trainer, task, x, choose, value, f)
    outputs, taps = seen
    pairs = deltas_and_inputs(value(outputs, choose(outputs.detach())), taps)
    return products(model, {name: [(f(d), f(a)) for d, a in each] for name, each in pairs.items()})


def batch_gradients(
    trainer: Trainer, task: Task, x: Tensor, y: Tensor, value: Callable[[Tensor, Tensor], Tensor], size: int
) -> Iterator[Params]:
    """Gradient of Σ value(outputs, y) over `size` samples after the other, [S, ...]; x: [S, B, ...], y: [S, B].

    Linear layers go forward and back with the whole of x, which is faster than `size` samples at a time.
    """
    model = trainer.model
    seen = outputs_and_taps(trainer, task, x)
    if seen is None:
        for images, labels in zip(x.split(size, 1), y.split(size, 1), strict=True):
            total = value(trainer.strategy.outputs(model, images, task), labels).sum()
            yield dict(zip(model.shared, torch.autograd.grad(total, list(model.shared.values())), strict=True))
        return
    outputs, taps = seen
    pairs = deltas_and_inputs(value(outputs, y), taps)
    for start in range(0, x.shape[1], size):
        part = slice(start, start + size)
        yield products(model, {name: [(d[part], a[part]) for d, a in each] for name, each in pairs.items()})


def outputs_and_taps(trainer: Trainer, task: Task, x: Tensor) -> tuple[Tensor, dict[str, list[Tap]]] | None:
    """Outputs, and what went through each layer; None where the network is more than linear layers on vectors."""
    model = trainer.model
    layers = linear_layers(model)
    if layers is None:
        return None
    with model.one_seed_at_a_time(), tapped(layers) as taps:
        outputs = trainer.strategy.outputs(model, x, task)
    once = all(len(each) == len(x) and each[0][0].dim() == 2 for each in taps.values())
    return (outputs, taps) if once else None


def deltas_and_inputs(value: Tensor, taps: dict[str, list[Tap]]) -> dict[str, list[Tap]]:
    """(δ, a) of each layer and seed: the gradient of `value` at the layer's output, and its input."""
    deltas = iter(torch.autograd.grad(value.sum(), [output for each in taps.values() for _, output in each]))
    return {name: [(next(deltas), a.detach()) for a, _ in each] for name, each in taps.items()}


def products(model: Classifier, pairs: dict[str, list[Tap]]) -> Params:
    """Σ δ aᵀ over the samples, as gradients of the layers' parameters, [S, ...]."""
    sums: Params = {}
    for name, each in pairs.items():
        sums[f"network.{name}.weight"] = stacked([d.T @ a for d, a in each])
        if f"network.{name}.bias" in model.shared:
            sums[f"network.{name}.bias"] = stacked([d.sum(0) for d, _ in each])
    return sums


def stacked(seeds: list[Tensor]) -> Tensor:
    return torch.stack(seeds) if len(seeds) > 1 else seeds[0].unsqueeze(0)  # a view copies nothing


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
