"""Ways to the sums of per-sample gradients of a network's convolutions: images per second of each.

clbench/learn/per_sample.py takes `one at a time` on a CPU and `unfold` on a GPU; this is where that was seen. All
give MAS's importance of the same images, which is compared. Processor time, since it means most on a busy machine;
beside it the share of what a plain forward and backward pass over the same batch does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest import mock

import torch
from tabulate import tabulate
from torch import Tensor, nn

from benchmarks.speed.clock import CPU
from clbench.config.resolve import resolve
from clbench.config.training import Training
from clbench.datasets import Images
from clbench.errors import UserError
from clbench.learn import importance, per_sample
from clbench.learn.trainer import Trainer
from clbench.models.classifier import Classifier
from clbench.models.params import Params, zeros
from clbench.networks.pretrained import build
from clbench.registry import model_kind, networks
from clbench.run.provenance import made_here
from clbench.strategies.finetuning import Finetuning
from clbench.streams.assemble import Common, Part, assemble
from clbench.streams.budget import Budget
from clbench.streams.task import Task

IN_GROUPS = 20  # samples of one convolution, at most
# Of the length of the sums. In double precision they agree to 1e-15; in float32 a batch and a single image give
# other last digits, with which a ReLU or a maximum now and then lets another gradient through.
NEAR = 0.01


def in_groups(layer: nn.Conv2d, pairs: list[per_sample.Pair], f: per_sample.Function, budget: Budget) -> Tensor:
    """Expanded weights: the samples side by side as groups of one convolution, each with weights of its own."""
    total = torch.zeros(layer.weight.shape)
    for rows in torch.arange(len(pairs[0][0])).split(budget.at_once(layer.weight.numel(), IN_GROUPS)):
        n = len(rows)
        like = torch.empty(n * layer.weight.shape[0], *layer.weight.shape[1:])
        each = []
        for d, a, padding in pairs:
            side = [t[rows].reshape(1, -1, *t.shape[2:]) for t in (d, a)]
            groups, mask = n * layer.groups, (False, True, False)
            more = (layer.stride, padding, layer.dilation, False, (0, 0), groups, mask)
            each.append(torch.ops.aten.convolution_backward(*side, like, None, *more)[1])
        total += f(per_sample.sum_of(each).view(n, *layer.weight.shape)).sum(0)
    return total


def by_form(form: Callable[..., Tensor]) -> Callable[[Trainer, Task], Params]:
    def measure(trainer: Trainer, task: Task) -> Params:
        with mock.patch.object(per_sample, "one_by_one", form):
            return importance.sensitivity(trainer, task)

    return measure


def by_vmap(trainer: Trainer, task: Task) -> Params:
    with mock.patch.object(per_sample, "trusted", return_value=False):
        return importance.sensitivity(trainer, task)


def sample_by_sample(trainer: Trainer, task: Task) -> Params:
    """A pass forward and one back for every image."""
    total = zeros(trainer.model.shared)
    for x, _ in trainer.sweep(task, task.train, 1):
        value = trainer.strategy.outputs(trainer.model, x, task).square().sum()
        for t, g in zip(
            total.values(), torch.autograd.grad(value, list(trainer.model.shared.values())), strict=True
        ):
            t += g.abs()
    return {name: t / len(task.train) for name, t in total.items()}


FORMS: dict[str, Callable[[Trainer, Task], Params]] = {
    "one at a time": importance.sensitivity,
    "unfold": by_form(per_sample.unfolded),
    "expanded weights": by_form(in_groups),
    "vmap of grad": by_vmap,
    "sample by sample": sample_by_sample,
}


def measured(
    network: str, sets: tuple[str, ...], images: int, size: int, repeats: int, say: Callable[[str], None] | None
) -> dict[str, Any]:
    """What `table` and --json show; UserError where two forms do not agree."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    trainer = trainer_of(network, sets, images, size)
    task = trainer.stream.tasks[0]
    seconds: dict[str, list[float]] = {name: [] for name in (PLAIN, *FORMS)}
    expected: Params = {}
    for repeat in range(1 + repeats):
        seconds[PLAIN].append(spent(plain_pass, trainer, task)[0])
        for name, form in FORMS.items():
            took, found = spent(form, trainer, task)
            seconds[name].append(took)
            expected = expected or found
            if any((found[n] - t).norm() > NEAR * t.norm() for n, t in expected.items()):
                raise UserError(f"{name} gives other sums than {next(iter(FORMS))}")
        if say:
            say(f"repeat {repeat} of {repeats}" if repeat else "warmed up")
    rates = {name: images / median(each[1:]) for name, each in seconds.items()}
    rows = [{"form": n, "images/s": round(r, 1), "of plain": round(r / rates[PLAIN], 3)} for n, r in rates.items()]
    return {
        "setting": {"network": network, "set": list(sets), "images": images, "size": size, "repeats": repeats},
        "environment": {**made_here(1, CPU, {}), "load": os.getloadavg()},
        "forms": rows,
    }


PLAIN = "a plain pass"


def plain_pass(trainer: Trainer, task: Task) -> None:
    for x, _ in trainer.sweep(task, task.train, importance.at_once(trainer, task)):
        value = trainer.strategy.outputs(trainer.model, x, task).square().sum()
        torch.autograd.grad(value, list(trainer.model.shared.values()))


def spent(what: Callable[[Trainer, Task], Any], trainer: Trainer, task: Task) -> tuple[float, Any]:
    """Seconds of the processor, and what came of it."""
    start = time.process_time()
    found = what(trainer, task)
    return time.process_time() - start, found


def trainer_of(network: str, sets: tuple[str, ...], images: int, size: int) -> Trainer:
    """One untrained seed, and a task of noise in three colours."""
    options = resolve("mas", network=network, sets=tuple(f"network.{one}" for one in sets)).network_options
    if model_kind(networks[network]) != "classifier":
        raise UserError(f"{network} is no network of a classifier")
    noise = torch.randint(256, (images, size, size, 3), generator=torch.Generator().manual_seed(0))
    x, y = noise.to(torch.uint8), torch.arange(images) % 2
    part = Part("all", Images("made", x, y, x[:2], y[:2], ("even", "odd"), {}), (0, 1))
    stream = assemble("made", [part], Common(normalize="standard"), "task", CPU)
    model = Classifier(lambda: build(network, stream.input_shape, options, None), stream, (0,), CPU)
    strategy = Finetuning()
    strategy.start(model, stream)
    return Trainer(model, strategy, stream, Training())


def table(found: dict[str, Any]) -> str:
    setting, load = found["setting"], found["environment"]["load"][0]
    name = f"{setting['network']} ({', '.join(setting['set'])})" if setting["set"] else setting["network"]
    head = f"{name}, {setting['images']} images of {setting['size']}x{setting['size']}x3: images per second of "
    note = f"torch {found['environment']['torch']}, one thread, load of the machine {load:.1f}"
    return "\n".join([f"{head}processor time.", tabulate(found["forms"], headers="keys"), note])
