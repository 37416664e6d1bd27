"""Sums over samples of a function (square, abs) of per-sample gradients, of every shared parameter.

A batch's gradient squared is not the sum of its samples' squares: it is smaller by up to the batch size.
For linear layers on vectors the exact sums cost one product: with δ the gradient at a layer's output and a its
input, the gradient of a sample is the outer product δ aᵀ, so Σ f(δ aᵀ) = f(δ)ᵀ f(a) for every multiplicative f.
For a convolution the gradient of a sample is a product too, of δ with the patches of a: what its backward pass
computes, one sample at a time. That was the fastest of four forms on a CPU (`python -m benchmarks per-sample`); a
GPU, where so many small calls are slow, takes products of chunks with unfolded patches. A layer of batch
normalisation in evaluation mode scales each map: a sample's gradient is a sum over its places; a group
normalisation, whose statistics are an image's own, does so too. A transposed convolution is a convolution read
backwards. The gradients of a layer that is used several times are added before f. Networks with other layers take
`torch.func`: vmap of grad, in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from clbench.models.base import Model
from clbench.models.params import Params, count
from clbench.streams.budget import Budget
from clbench.streams.task import Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

Layer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d | _BatchNorm | nn.GroupNorm
Function = Callable[[Tensor], Tensor]  # elementwise and multiplicative: square, abs
SAMPLES_A_CHUNK = 50  # of the general form, whose memory grows with samples times parameters; at most
IMAGES_A_CHUNK = 20  # of unfolded patches; at most


@dataclass(frozen=True)
class Tap:
    """One use of a layer by one seed: its input and output, [B, ...]; the input of a normalisation, normalised."""

    input: Tensor
    output: Tensor


@dataclass(frozen=True)
class Use:
    """The gradient at a use's output, and its input, [B, ...]."""

    delta: Tensor
    input: Tensor


Taps = dict[str, list[list[Tap]]]  # layer -> seed -> its uses
Uses = dict[str, list[list[Use]]]


def add_per_sample_sums(
    total: Params,
    trainer: Trainer,
    task: Task,
    x: Tensor,
    choose: Callable[[Tensor], Tensor],
    value: Callable[[Tensor, Tensor], Tensor],
    f: Function,
) -> None:
    """Add Σ over the batch of f(gradient of value(outputs, choose(outputs))) to `total`, [S, ...]; x: [S, B, ...].

    Memory is that of one seed and one layer: several go one after the other.
    """
    model, strategy = trainer.model, trainer.strategy
    if not model.shared:
        return  # a network that is all head
    layers = known_layers(model)
    if not trusted(trainer, task, x, layers, value):
        for name, sums in general(trainer, task, x, choose, value, f).items():
            total[name].add_(sums)
        return
    if len(x) == 1:
        outputs, taps = outputs_and_taps(trainer, task, x, layers)
        uses = uses_of(value(outputs, choose(outputs.detach())), taps)
        add_layers(total, 0, layers, uses, f, trainer.budget)
        return
    with torch.no_grad(), model.passes.aside():  # one seed alone needs no pass for it
        chosen = choose(strategy.outputs(model, x, task))
    for seed in range(len(x)):
        alone = {name: p[seed].detach().requires_grad_() for name, p in model.shared.items()}
        with model.as_seed(seed, alone):
            outputs, taps = outputs_and_taps(trainer, task, x[seed : seed + 1], layers)
            uses = uses_of(value(outputs, chosen[seed : seed + 1]), taps)
        add_layers(total, seed, layers, uses, f, trainer.budget)


def add_layers(
    total: Params, seed: int, layers: dict[str, Layer], uses: Uses, f: Function, budget: Budget
) -> None:
    """Add what each layer gives, in the place of one seed; `uses` are given away as they are done with."""
    for name, layer in layers.items():
        for parameter, sums in zip(PARAMETERS, sums_of(layer, uses.pop(name)[0], f, budget), strict=True):
            if (shared := total.get(f"{name}.{parameter}")) is not None:
                shared[seed].add_(sums)


def batch_gradients(
    trainer: Trainer, task: Task, x: Tensor, y: Tensor, value: Callable[[Tensor, Tensor], Tensor], size: int
) -> Iterator[Params]:
    """Gradient of Σ value(outputs, y) over `size` samples after the other, [S, ...]; x: [S, B, ...], y: [S, B].

    Linear layers go forward and back with the whole of x, which is faster than `size` samples at a time.
    """
    model = trainer.model
    layers = known_layers(model)
    vectors = all(type(layer) is nn.Linear for layer in layers.values())
    if not (vectors and trusted(trainer, task, x, layers, value)):
        for images, labels in zip(x.split(size, 1), y.split(size, 1), strict=True):
            total = value(trainer.strategy.outputs(model, images, task), labels).sum()
            found = torch.autograd.grad(
                total, list(model.shared.values()), allow_unused=True, materialize_grads=True
            )
            yield dict(zip(model.shared, found, strict=True))
        return
    outputs, taps = outputs_and_taps(trainer, task, x, layers)
    uses = uses_of(value(outputs, y), taps)
    for start in range(0, x.shape[1], size):
        part = slice(start, start + size)
        yield in_layers(model, {name: [of_batch(each, part) for each in seeds] for name, seeds in uses.items()})


def of_batch(uses: list[Use], part: slice) -> Sums:
    """The gradients of a linear layer, summed over some of the samples of one seed."""
    pairs = [(use.delta[part].flatten(0, -2), use.input[part].flatten(0, -2)) for use in uses]
    return sum_of([d.T @ a for d, a in pairs]), sum_of([d.sum(0) for d, _ in pairs])


WELL_KNOWN: WeakKeyDictionary[Model, bool] = WeakKeyDictionary()  # whose layers tell all that there is to know
PROBED = 4  # images that are looked at to find out
NEAR = {"float32": 1e-3, "bf16": 5e-2}  # of the largest sum: rounding is below, a use that was missed above


def trusted(trainer: Trainer, task: Task, x: Tensor, layers: dict[str, Layer], value: Callable) -> bool:
    """Whether the gradients of a few images as `layers` give them are those of autograd: asked once of a model.

    They are not where the network uses a weight without its layer, or in two layers.
    """
    model = trainer.model
    if model not in WELL_KNOWN:
        with model.passes.aside():
            WELL_KNOWN[model] = covered(model, layers) and agree(trainer, task, x[:, :PROBED], layers, value)
    return WELL_KNOWN[model]


def covered(model: Model, layers: dict[str, Layer]) -> bool:
    return not model.aliases and set(model.shared) <= {
        f"{n}.{p}" for n, m in layers.items() for p, _ in m.named_parameters()
    }


def agree(trainer: Trainer, task: Task, x: Tensor, layers: dict[str, Layer], value: Callable) -> bool:
    model = trainer.model
    outputs, taps = outputs_and_taps(trainer, task, x, layers)
    one_each = [len(uses) for seeds in taps.values() for uses in seeds]
    if not isinstance(outputs, Tensor) or not all(one_each):
        return False
    labels = torch.full(x.shape[:2], model.columns(task).start or 0, dtype=torch.int64, device=x.device)
    total = value(outputs, labels)
    expected = torch.autograd.grad(total.sum(), list(model.shared.values()), retain_graph=True, allow_unused=True)
    uses = uses_of(total, taps)

    def sums(f: Function) -> Params:
        each = {n: [sums_of(layers[n], one, f, trainer.budget) for one in seeds] for n, seeds in uses.items()}
        return in_layers(model, each)

    found, largest, near = sums(lambda t: t), sums(torch.abs), NEAR[model.precision]
    return not any(  # so asked that a seed whose numbers are not finite settles nothing
        g is None or bool((found[name] - g).abs().max() > near * largest[name].max())
        for name, g in zip(model.shared, expected, strict=True)
    )


def outputs_and_taps(trainer: Trainer, task: Task, x: Tensor, layers: dict[str, Layer]) -> tuple[Tensor, Taps]:
    """Outputs of all seeds in place, and what went through each layer."""
    model = trainer.model
    with model.one_seed_at_a_time(), tapped(model, layers, len(x)) as taps:
        return trainer.strategy.outputs(model, x, task), taps


def uses_of(value: Tensor, taps: Taps) -> Uses:
    """The gradient of `value` at every layer's output, each time it was used."""
    every = [tap.output for seeds in taps.values() for uses in seeds for tap in uses]
    deltas = iter(torch.autograd.grad(value.sum(), every))
    return {
        name: [[Use(next(deltas).float(), tap.input.detach().float()) for tap in uses] for uses in seeds]
        for name, seeds in taps.items()
    }


PARAMETERS = ("weight", "bias")
Sums = tuple[Tensor, Tensor]  # of a layer's weight and its bias


def sums_of(layer: Layer, uses: list[Use], f: Function, budget: Budget) -> Sums:
    """Σ f over the samples of one seed, of the gradients of a layer's weight and bias."""
    if isinstance(layer, nn.Linear):
        return linear_sums(uses, f, budget)
    if isinstance(layer, nn.Conv2d):
        return convolution_sums(layer, uses, f, budget)
    if isinstance(layer, nn.ConvTranspose2d):
        return transposed_sums(layer, uses, f, budget)
    scaled = sum_of([places(use.delta * use.input) for use in uses])
    return f(scaled).sum(0), f(sum_of([places(use.delta) for use in uses])).sum(0)


def linear_sums(uses: list[Use], f: Function, budget: Budget) -> Sums:
    """On vectors, once: two products. Else a sample's gradient is the product of what went in and out."""
    if len(uses) == 1 and uses[0].delta.dim() == 2:
        d, a = uses[0].delta, uses[0].input
        return f(d).T @ f(a), f(d).sum(0)
    d = torch.cat([use.delta.flatten(1, -2) if use.delta.dim() > 2 else use.delta[:, None] for use in uses], 1)
    a = torch.cat([use.input.flatten(1, -2) if use.input.dim() > 2 else use.input[:, None] for use in uses], 1)
    chunk = budget.at_once(d.shape[2] * a.shape[2], len(d))
    weight = sum_of([f(e.mT @ b).sum(0) for e, b in zip(d.split(chunk), a.split(chunk), strict=True)])
    return weight, f(d.sum(1)).sum(0)


def convolution_sums(layer: nn.Conv2d, uses: list[Use], f: Function, budget: Budget) -> Sums:
    pairs = [(use.delta, *bordered(layer, use.input)) for use in uses]
    form = one_by_one if uses[0].delta.device.type == "cpu" else unfolded
    bias = f(sum_of([places(use.delta) for use in uses])).sum(0)
    return form(layer, pairs, f, budget), bias


def transposed_sums(layer: nn.ConvTranspose2d, uses: list[Use], f: Function, budget: Budget) -> Sums:
    """Of the convolution that it is backwards: what went in is the gradient there, and the gradient the input."""
    pairs = [(use.input, use.delta, tuple(map(int, layer.padding))) for use in uses]
    form = one_by_one if uses[0].delta.device.type == "cpu" else unfolded
    return form(layer, pairs, f, budget), f(sum_of([places(use.delta) for use in uses])).sum(0)


Convolution = nn.Conv2d | nn.ConvTranspose2d
Pair = tuple[Tensor, Tensor, tuple[int, ...]]  # δ, the input, and the zeros to add around it


def bordered(layer: nn.Conv2d, a: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """The input, with its border unless that is of zeros and even, and the zeros that are still to be added."""
    if layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        return a, tuple(layer.padding)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return functional.pad(a, layer._reversed_padding_repeated_twice, mode), (0, 0)


def one_by_one(layer: Convolution, pairs: list[Pair], f: Function, budget: Budget) -> Tensor:
    """Σ f of a convolution's gradients, each by a backward pass of its own."""
    total, like = torch.zeros(layer.weight.shape), torch.empty(layer.weight.shape)
    for n in range(len(pairs[0][0])):
        total += f(sum_of([weight_gradient(layer, d[n : n + 1], a[n : n + 1], p, like) for d, a, p in pairs]))
    return total


def weight_gradient(layer: Convolution, d: Tensor, a: Tensor, padding: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.ops.aten.convolution_backward(
        d, a, like, None, layer.stride, padding, layer.dilation, False, (0, 0), layer.groups, (False, True, False)
    )[1]


def unfolded(layer: Convolution, pairs: list[Pair], f: Function, budget: Budget) -> Tensor:
    """The same by products of chunks of samples: δ times the patches of the input."""
    groups, total = layer.groups, torch.zeros(layer.weight.numel(), device=pairs[0][0].device)
    numbers = layer.weight.numel() + sum(
        a[0].numel() * layer.kernel_size[0] * layer.kernel_size[1] for _, a, _ in pairs
    )
    for rows in torch.arange(len(pairs[0][0])).split(budget.at_once(numbers, IMAGES_A_CHUNK)):
        part, each = slice(int(rows[0]), int(rows[-1]) + 1), []
        for d, a, padding in pairs:
            patches = functional.unfold(a[part], layer.kernel_size, layer.dilation, padding, layer.stride)
            each.append(d[part].flatten(2).unflatten(1, (groups, -1)) @ patches.unflatten(1, (groups, -1)).mT)
        total += f(sum_of(each)).sum(0).flatten()
    return total.view(layer.weight.shape)


def places(t: Tensor) -> Tensor:
    """[B, maps, ...] -> [B, maps], summed over all places of a map."""
    return t.flatten(2).sum(2) if t.dim() > 2 else t


def sum_of(each: list[Tensor]) -> Tensor:
    return sum(each[1:], each[0])


def in_layers(model: Model, sums: dict[str, list[Sums]]) -> Params:
    """(weight, bias) of each layer and seed as tensors [S, ...] of the layers' parameters that are shared."""
    found: Params = {}
    for name, each in sums.items():
        for parameter, tensors in zip(PARAMETERS, zip(*each, strict=True), strict=True):
            if f"{name}.{parameter}" in model.shared:
                found[f"{name}.{parameter}"] = stacked(list(tensors))
    return found


def stacked(seeds: list[Tensor]) -> Tensor:
    return torch.stack(seeds) if len(seeds) > 1 else seeds[0].unsqueeze(0)  # a view copies nothing


def known_layers(model: Model) -> dict[str, Layer]:
    """The layers below the heads, by name, whose per-sample gradients `sums_of` knows and some method asks for."""
    below = [item for item in model.modules.items() if item[0] not in model.heads]
    every = {name: m for prefix, module in below for name, m in module.named_modules(prefix=prefix) if is_known(m)}
    return {
        name: m
        for name, m in every.items()
        if any(f"{name}.{p}" in model.shared for p, _ in m.named_parameters(recurse=False))
    }


def is_known(layer: nn.Module) -> bool:
    if isinstance(layer, _BatchNorm):
        return type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d) and layer.track_running_stats
    if type(layer) is nn.ConvTranspose2d:
        return not any(layer.output_padding) and layer.padding_mode == "zeros"
    return type(layer) in (nn.Linear, nn.Conv2d, nn.GroupNorm)


@contextmanager
def tapped(model: Model, layers: dict[str, Layer], seeds: int) -> Iterator[Taps]:
    """Collect what goes into and comes out of each layer, a list a seed in place."""
    taps: Taps = {name: [[] for _ in range(seeds)] for name in layers}

    def hook(name: str, layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        place = (model.noise.place or 0) - (model.only or 0)
        a = normalised(layer, given[0]) if isinstance(layer, _BatchNorm | nn.GroupNorm) else given[0]
        taps[name][place].append(Tap(a, output))

    hooks = [
        layer.register_forward_hook(lambda m, given, out, name=name: hook(name, m, given, out))
        for name, layer in layers.items()
    ]
    try:
        yield taps
    finally:
        for one in hooks:
            one.remove()


@torch.no_grad()
def normalised(layer: _BatchNorm | nn.GroupNorm, x: Tensor) -> Tensor:
    """By the running statistics of the seed whose turn it is, or each image's own; [B, maps, ...]."""
    if isinstance(layer, nn.GroupNorm):
        return functional.group_norm(x, layer.num_groups, eps=layer.eps)
    assert layer.running_mean is not None  # is_known() leaves others out
    assert layer.running_var is not None
    shape = (1, -1, *[1] * (x.dim() - 2))
    scale = (layer.running_var + layer.eps).rsqrt()
    return (x - layer.running_mean.view(shape)) * scale.view(shape)


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
            with model.passes.aside(len(chunk)):
                each = vmap(grad(of_one), in_dims=(None, 0, 0))(shared, x[seed, chunk], target[seed, chunk])
            for name in names:
                sums[name][seed] += f(each[name]).sum(0)
    return sums
