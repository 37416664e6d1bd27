"""Sums over samples of a function (square, abs) of per-sample gradients, of every shared parameter.

A batch's gradient squared is not the sum of its samples' squares: it is smaller by up to the batch size.
For linear layers the exact sums cost one product: with δ the gradient at a layer's output and a its input,
the gradient of a sample is the outer product δ aᵀ, so Σ f(δ aᵀ) = f(δ)ᵀ f(a) for every multiplicative f.
For a convolution the gradient of a sample is a product too, of δ with the patches of a: what its backward pass
computes, one sample at a time. Networks with other layers take `torch.func`: vmap of grad, in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn import functional

from clbench.learn.params import Params, count
from clbench.learn.task import Task
from clbench.models.base import Model

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

Tap = tuple[Tensor, Tensor]  # two tensors [B, ...] of one layer and seed, such as its input and output
Layer = nn.Linear | nn.Conv2d
SAMPLES_A_CHUNK = 50  # of the general form, whose memory grows with samples times parameters; at most
IMAGES_A_CHUNK = 20  # of a convolution: what stays in the cache of a core; at most


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
    layers = known_layers(model)
    seen = outputs_and_taps(trainer, task, x, layers)
    if seen is None:
        return general(trainer, task, x, choose, value, f)
    outputs, taps = seen
    pairs = deltas_and_inputs(value(outputs, choose(outputs.detach())), taps)
    return in_layers(model, {n: [sums_of(layers[n], d, a, f) for d, a in each] for n, each in pairs.items()})


def batch_gradients(
    trainer: Trainer, task: Task, x: Tensor, y: Tensor, value: Callable[[Tensor, Tensor], Tensor], size: int
) -> Iterator[Params]:
    """Gradient of Σ value(outputs, y) over `size` samples after the other, [S, ...]; x: [S, B, ...], y: [S, B].

    Linear layers go forward and back with the whole of x, which is faster than `size` samples at a time.
    """
    model = trainer.model
    layers = known_layers(model)
    linear = all(type(layer) is nn.Linear for layer in layers.values())
    seen = outputs_and_taps(trainer, task, x, layers) if linear else None
    if seen is None:
        for images, labels in zip(x.split(size, 1), y.split(size, 1), strict=True):
            total = value(trainer.strategy.outputs(model, images, task), labels).sum()
            found = torch.autograd.grad(
                total, list(model.shared.values()), allow_unused=True, materialize_grads=True
            )
            yield dict(zip(model.shared, found, strict=True))
        return
    outputs, taps = seen
    pairs = deltas_and_inputs(value(outputs, y), taps)
    for start in range(0, x.shape[1], size):
        part = slice(start, start + size)
        yield in_layers(
            model, {n: [(d[part].T @ a[part], d[part].sum(0)) for d, a in e] for n, e in pairs.items()}
        )


def outputs_and_taps(
    trainer: Trainer, task: Task, x: Tensor, layers: dict[str, Layer]
) -> tuple[Tensor, dict[str, list[Tap]]] | None:
    """Outputs, and what went through each layer, once; None where the network is more than `layers` on vectors."""
    model = trainer.model
    covered = {f"{n}.{p}" for n, m in layers.items() for p, _ in m.named_parameters()}
    if covered != set(model.shared):
        return None
    with model.one_seed_at_a_time(), tapped(layers) as taps:
        outputs = trainer.strategy.outputs(model, x, task)
    if not isinstance(outputs, Tensor):
        return None
    dimensions = {name: 2 if type(layer) is nn.Linear else 4 for name, layer in layers.items()}
    once = all(len(each) == len(x) and each[0][0].dim() == dimensions[name] for name, each in taps.items())
    return (outputs, taps) if once else None


def deltas_and_inputs(value: Tensor, taps: dict[str, list[Tap]]) -> dict[str, list[Tap]]:
    """(δ, a) of each layer and seed: the gradient of `value` at the layer's output, and its input."""
    deltas = iter(torch.autograd.grad(value.sum(), [output for each in taps.values() for _, output in each]))
    return {name: [(next(deltas), a.detach()) for a, _ in each] for name, each in taps.items()}


def sums_of(layer: Layer, d: Tensor, a: Tensor, f: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Σ f over the samples of one seed, of the gradients of a layer's weight and of its bias."""
    if isinstance(layer, nn.Linear):
        return f(d).T @ f(a), f(d).sum(0)
    assert not isinstance(layer.padding, str)  # is_known() leaves those out
    weight = torch.zeros(layer.weight.numel(), device=d.device)
    d = d.flatten(2)  # [B, maps, places]
    for deltas, images in zip(d.split(IMAGES_A_CHUNK), a.split(IMAGES_A_CHUNK), strict=True):
        patches = functional.unfold(images, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        weight += f(deltas @ patches.mT).sum(0).flatten()
    return weight.view_as(layer.weight), f(d.sum(2)).sum(0)


def in_layers(model: Model, sums: dict[str, list[tuple[Tensor, Tensor]]]) -> Params:
    """(weight, bias) of each layer and seed as tensors [S, ...] of the layers' parameters."""
    found: Params = {}
    for name, each in sums.items():
        found[f"{name}.weight"] = stacked([weight for weight, _ in each])
        if f"{name}.bias" in model.shared:
            found[f"{name}.bias"] = stacked([bias for _, bias in each])
    return found


def stacked(seeds: list[Tensor]) -> Tensor:
    return torch.stack(seeds) if len(seeds) > 1 else seeds[0].unsqueeze(0)  # a view copies nothing


def known_layers(model: Model) -> dict[str, Layer]:
    """The layers below the heads, by name, whose per-sample gradients `sums_of` knows."""
    below = [item for item in model.modules.items() if item[0] not in model.heads]
    return {name: m for prefix, module in below for name, m in module.named_modules(prefix=prefix) if is_known(m)}


def is_known(layer: nn.Module) -> bool:
    if type(layer) is nn.Conv2d:
        return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return type(layer) is nn.Linear


@contextmanager
def tapped(layers: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Tap]]]:
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
    samples = trainer.budget.at_once(count(model.shared), SAMPLES_A_CHUNK)
    sums: Params = {name: torch.zeros_like(model.params[name], requires_grad=False) for name in names}
    for seed in range(len(x)):

        def of_one(shared: Params, image: Tensor, label: Tensor, seed: int = seed) -> Tensor:
            with model.as_seed(seed, shared):
                outputs = strategy.outputs(model, image[None, None], task)
            return value(outputs, label[None, None]).sum()

        shared = {name: model.params[name][seed].detach() for name in names}
        for chunk in torch.arange(x.shape[1], device=x.device).split(samples):
            each = vmap(grad(of_one), in_dims=(None, 0, 0))(shared, x[seed, chunk], target[seed, chunk])
            for name in names:
                sums[name][seed] += f(each[name]).sum(0)
    return sums
