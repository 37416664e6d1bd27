"""What a weight is worth to a task: Fisher information, sensitivity, saliency of the entropy, magnitude.

All run in evaluation mode over the task's training images in their order, or over those that `sampled` drew of
them, change nothing, and (but for sampled Fisher labels, which have a generator of their own) draw nothing.
Results are [S, ...] a shared parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from clbench.config.options import Absent, Count
from clbench.learn.per_sample import add_per_sample_sums, batch_gradients
from clbench.models.base import Model
from clbench.models.params import Params, zeros
from clbench.streams.budget import ACTIVATIONS
from clbench.streams.task import Drawn, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

Labels = Literal["true", "empirical", "exact", "batch"]
Samples = Annotated[Count | None, "images of a task that importance is measured on, drawn (all)", Absent(None)]
AT_ONCE = 500  # images a pass through the network, at most


def at_once(trainer: Trainer, task: Task) -> int:
    """Images a pass through the network, which keeps what the layers of a seed give until it goes back."""
    kept = max(task.train.numbers * ACTIVATIONS, 2 * activations(trainer, task))  # twice: functions give too
    return trainer.budget.at_once(kept, AT_ONCE)


GIVEN: WeakKeyDictionary[Model, int] = WeakKeyDictionary()


@torch.no_grad()
def activations(trainer: Trainer, task: Task) -> int:
    """Numbers that the layers of a network give for one image."""
    model = trainer.model
    if model not in GIVEN:
        given = [0]

        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
            given[0] += output.numel() if isinstance(output, Tensor) else 0

        layers = [layer for module in model.modules.values() for layer in module.modules()]
        hooks = [layer.register_forward_hook(hook) for layer in layers if not list(layer.children())]
        try:
            with model.evaluation(), model.as_seed(0, {}), model.passes.aside():
                trainer.strategy.outputs(model, model.blank(task), task)
        finally:
            for one in hooks:
                one.remove()
        GIVEN[model] = given[0]
    return GIVEN[model]


def sampled(trainer: Trainer, task: Task, images: int | None) -> Task:
    """`task` with so many of its training images, each seed its own; None, or as many as there are: all of them.

    They are drawn anew for every measurement, in the order in which they stand.
    """
    found, device = len(task.train), trainer.model.device
    if images is None or images >= found:
        return task
    index = torch.arange(images, device=device).repeat(len(trainer.model.seeds), 1)
    for row, g in zip(index, trainer.model.drawing(trainer.generators("importance samples")), strict=True):
        if g is not None:
            row.copy_(torch.randperm(found, generator=g, device=device)[:images].sort().values)
    return replace(task, train=Drawn.of(trainer.at_hand(task.train), index))


def measured(how: str, trainer: Trainer, task: Task, size: int, reduction: str, sign: float) -> Params:
    """Importance by the name that options give it: entropy, loss, ewc, mas or magnitude.

    size, reduction, sign: of `saliency`, which entropy and loss go by.
    """
    if how == "ewc":
        return fisher(trainer, task, "true")
    if how == "mas":
        return sensitivity(trainer, task)
    if how == "magnitude":
        return magnitude(trainer.model)
    return saliency(trainer, task, how, size, reduction, sign)


def fisher(trainer: Trainer, task: Task, labels: Labels) -> Params:
    """Diagonal Fisher: mean over samples of the squared per-sample gradient of log p(y | x).

    labels: 'true' draws y from the model, 'empirical' takes the given label, 'exact' sums over all labels
    weighted by p(y | x) (Kunstner et al. 2019 on why these differ). 'batch' is not the Fisher but what many
    programs call so: the squared gradient of a batch's mean loss, smaller by up to the batch size.
    """
    model = trainer.model
    if labels == "batch":
        return squared_batch_gradients(trainer, task)
    total = zeros(model.shared)
    for x, y in model.examples(trainer, task, at_once(trainer, task)):
        add_squares(total, trainer, task, x, y, labels)
    return {name: t.div_(len(task.train)) for name, t in total.items()}


def fisher_of(trainer: Trainer, task: Task, x: Tensor, y: Tensor, labels: Labels) -> Params:
    """The same of one batch of images x [S, B, ...] and labels y [S, B], each seed its own."""
    total = zeros(trainer.model.shared)
    with trainer.model.evaluation(), torch.enable_grad():
        add_squares(total, trainer, task, x, y, labels)
    return {name: t.div_(y.shape[1]) for name, t in total.items()}


def add_squares(total: Params, trainer: Trainer, task: Task, x: Tensor, y: Tensor, labels: Labels) -> None:
    """Add the squared per-sample gradients of a batch."""
    model = trainer.model
    generators = model.drawing(trainer.generators("fisher labels")) if labels == "true" else []
    for choose, weight in label_choices(model, task, labels, y, generators):
        value = weighted_log_likelihood(model, task, weight)
        add_per_sample_sums(total, trainer, task, x, choose, value, torch.square)


Choose = Callable[[Tensor], Tensor]  # outputs [S, B, k] -> labels [S, B], columns of the head


def label_choices(
    model: Model, task: Task, labels: Labels, y: Tensor, generators: list[torch.Generator | None]
) -> list[tuple[Choose, bool]]:
    """The labels to take gradients at, and whether a gradient is weighted by p(y | x)."""
    if labels == "empirical" or "labels" not in model.offers:  # the sample is its own answer
        return [(always(y), False)]
    start = model.columns(task).start
    if labels == "true":
        return [(lambda outputs: drawn(outputs, generators) + start, False)]
    every = range(start, model.columns(task).stop)
    return [(always(torch.full_like(y, c)), True) for c in every]


def always(y: Tensor) -> Choose:
    return lambda outputs: y


def drawn(outputs: Tensor, generators: Sequence[torch.Generator | None]) -> Tensor:
    """One label a sample from softmax(outputs), [S, B]: the first whose cumulated probability exceeds a draw."""
    seeds, batch, _ = outputs.shape
    draws = [
        torch.zeros(batch, 1, device=outputs.device)
        if g is None
        else torch.rand(batch, 1, generator=g, device=outputs.device)
        for g in generators
    ]
    uniform = torch.stack(draws)
    cumulated = outputs.softmax(-1).cumsum(-1)
    return (cumulated[..., :-1] <= uniform).sum(-1).view(seeds, batch)


def weighted_log_likelihood(model: Model, task: Task, weighted: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """log p(y | x), or its product with sqrt(p), whose squared gradient is weighted by p."""

    def value(outputs: Tensor, y: Tensor) -> Tensor:
        log_p = model.log_likelihood(outputs, y, task)
        return log_p * (0.5 * log_p).exp().detach() if weighted else log_p

    return value


def squared_batch_gradients(trainer: Trainer, task: Task) -> Params:
    """Mean over batches of the squared gradient of the batch's mean loss, given labels."""
    model, size = trainer.model, trainer.options.batch_size
    total, batches = zeros(model.shared), 0

    def value(outputs: Tensor, y: Tensor) -> Tensor:
        return -model.log_likelihood(outputs, y, task)

    for gradients, images in gradients_of_batches(trainer, task, value, size):
        for name, t in total.items():
            t.add_(gradients[name].div_(images).square_())
        batches += 1
    return {name: t.div_(batches) for name, t in total.items()}


def gradients_of_batches(
    trainer: Trainer, task: Task, value: Callable[[Tensor, Tensor], Tensor], size: int
) -> Iterator[tuple[Params, int]]:
    """Gradient of Σ value(outputs, y) over each `size` images of a task, [S, ...], and how many they are.

    Nothing for a network that is all head.
    """
    if not trainer.model.shared:
        return
    left = len(task.train)
    for x, y in trainer.model.examples(trainer, task, size * max(at_once(trainer, task) // size, 1)):
        for gradients in batch_gradients(trainer, task, x, y, value, size):
            yield gradients, min(size, left)
            left -= size


def sensitivity(trainer: Trainer, task: Task) -> Params:
    """Mean over samples of the absolute per-sample gradient of the squared L2 norm of the logits (MAS)."""
    total = zeros(trainer.model.shared)

    def squared_norm(outputs: Tensor, y: Tensor) -> Tensor:
        return trainer.model.response(outputs).flatten(2).square().sum(-1)

    for x, y in trainer.model.examples(trainer, task, at_once(trainer, task)):
        add_per_sample_sums(total, trainer, task, x, always(y), squared_norm, torch.abs)
    return {name: t.div_(len(task.train)) for name, t in total.items()}


def saliency(trainer: Trainer, task: Task, of: str, size: int, reduction: str, sign: float) -> Params:
    """Mean over importance batches of max(g · δW + ½ g² · δW², 0), δW = sign · W (paper, equations 3 and 7).

    g is the gradient of the predictions' entropy (`of` = entropy: label-free) or of the loss, reduced (sum or
    mean) over a batch of `size` images; the diagonal Hessian is approximated by g². With either sign a parameter
    counts nothing while g · δW is between -2 and 0; sign 0 takes for each parameter and batch the sign that gives
    more, |g · W| + ½ g² · W².
    """
    model = trainer.model
    shared = model.shared
    total, batches = zeros(shared), 0

    def value(outputs: Tensor, y: Tensor) -> Tensor:
        return model.uncertainty(outputs) if of == "entropy" else -model.log_likelihood(outputs, y, task)

    for gradients, images in gradients_of_batches(trainer, task, value, size):
        scale = (sign or 1.0) if reduction == "sum" else (sign or 1.0) / images
        for name, p in shared.items():
            change = gradients[name].mul_(p.detach())
            if scale != 1:
                change.mul_(scale)
            if not sign:
                change.abs_()
            total[name].add_(change.addcmul_(change, change, value=0.5).relu_())
        batches += 1
    return {name: t.div_(batches) for name, t in total.items()}


def magnitude(model: Model) -> Params:
    """|W|."""
    return {name: p.detach().abs() for name, p in model.shared.items()}
