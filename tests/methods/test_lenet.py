"""LeNet: importance of convolutions sample by sample, the lifted form, methods and streams it works with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.resolve import Config
from clbench.errors import UserError
from clbench.learn import importance
from clbench.learn.trainer import Trainer
from clbench.models.lift import batched, unrolled
from clbench.models.params import Params
from clbench.networks.lenet import LeNet
from clbench.registry import networks
from clbench.run.machine import Machine
from clbench.run.train import Train
from clbench.streams.task import Task

SMALL = ("network.maps=3,4", "network.hidden=6,5", "stream.tasks=2")


class Strided(nn.Module):
    """Convolutions of other shapes than LeNet's: strides, dilation, no bias, no padding."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 3, (3, 2), stride=2, padding=(1, 0), bias=False)
        self.second = nn.Conv2d(3, 4, 2, dilation=2)
        self.features = 4 * 2 * 2

    def forward(self, x: Tensor, gates) -> Tensor:
        return self.second(self.first(x).relu()).relu().flatten(1)


class Grouped(Strided):
    """A convolution in groups."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__(input_shape)
        self.second = nn.Conv2d(3, 6, 2, dilation=2, groups=3)
        self.features = 6 * 2 * 2


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    networks.fill()
    monkeypatch.setitem(networks.entries, "strided", Strided)
    monkeypatch.setitem(networks.entries, "grouped", Grouped)


def settings(method: str, network: str = "lenet", *more: str, stream: str = "split-digits") -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    sizes = [s for s in SMALL if network == "lenet" or not s.startswith("network.")]
    return tiny.resolve(method, stream, seeds=(0, 1), sets=(*own, *sizes, *more), network=network)


def learned(network: str, method: str = "finetuning") -> tuple[Trainer, Task]:
    chosen = settings(method, network)
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    return trainer, trainer.stream.tasks[0]


def mean(each: list[Params], f: Callable[[Tensor], Tensor]) -> Params:
    return {name: torch.stack([f(g[name]) for g in each]).mean(0) for name in each[0]}


def label_of(logits: Tensor, label: Tensor) -> Tensor:
    return logits.log_softmax(-1)[label]


@pytest.mark.parametrize("network", ["lenet", "strided", "grouped"])
def test_fisher_and_sensitivity_of_convolutions_are_those_of_single_samples(network: str) -> None:
    trainer, task = learned(network)
    fisher = importance.fisher(trainer, task, "empirical")
    sensitivity = importance.sensitivity(trainer, task)
    for seed in (0, 1):
        with trainer.model.evaluation():
            likelihoods = tiny.one_sample_gradients(trainer, task, seed, label_of)
            norms = tiny.one_sample_gradients(trainer, task, seed, lambda logits, label: logits.square().sum())
        assert tiny.close({n: t[seed] for n, t in fisher.items()}, mean(likelihoods, torch.square), 1e-4, 1e-9)
        assert tiny.close({n: t[seed] for n, t in sensitivity.items()}, mean(norms, torch.abs), 1e-4, 1e-8)


def test_saliency_is_that_of_the_batches_entropy() -> None:
    trainer, task = learned("lenet")
    found = importance.saliency(trainer, task, "entropy", 7, "sum", 1.0)
    model, batches = trainer.model, []
    for start in range(0, len(task.train), 7):
        x = task.train.take(torch.arange(start, min(start + 7, len(task.train)))).expand(2, -1, -1, -1, -1)
        with model.evaluation():
            entropy = model.uncertainty(model(x, task)).sum()
            gradients = torch.autograd.grad(entropy, list(model.shared.values()))
        changes = [g * p.detach() for g, p in zip(gradients, model.shared.values(), strict=True)]
        batches.append([(c + c.square() / 2).clamp(min=0) for c in changes])
    wanted = [torch.stack(each).mean(0) for each in zip(*batches, strict=True)]
    assert tiny.close(found, dict(zip(found, wanted, strict=True)), 1e-4, 1e-9)


def test_lifted_and_unrolled_agree_in_outputs_and_gradients() -> None:
    trainer, task = learned("lenet")
    model = trainer.model
    index = torch.arange(10).expand(2, -1)
    x, y, _ = task.train[index]
    found = {}
    for form in (unrolled, batched):
        model.run = form
        outputs = model(x, task)
        loss = F.cross_entropy(outputs.flatten(0, 1), y.flatten())
        found[form] = [outputs, *torch.autograd.grad(loss, list(model.shared.values()))]
    for a, b in zip(*found.values(), strict=True):
        assert torch.allclose(a, b, 1e-4, 1e-6)


def test_pooling_before_the_relu_is_pooling_after_it() -> None:
    network, x = LeNet((2, 9, 13)), torch.randn(4, 2, 9, 13)
    plain = x
    for block in network.blocks[:2]:
        plain = F.max_pool2d(block(plain).relu(), 2)
    plain = plain.flatten(1)
    for block in network.blocks[2:]:
        plain = block(plain).relu()
    assert torch.allclose(network(x, [None] * 4), plain, 1e-5, 1e-6)


@pytest.mark.parametrize(
    "method", ["ewc", "anpyc", "hat", "xdg", "packnet", "lwf", "derpp", "er-ace", "icarl", "wa"]
)
def test_methods_learn_with_it(method: str, tmp_path: Path) -> None:
    chosen = settings(method)
    runs = Train(chosen).group(chosen.seeds, tmp_path).learn(Machine("cpu"), lambda news: None)
    assert [run.status for run in runs] == ["done", "done"]


def test_vectors_and_tiny_images_are_refused() -> None:
    with pytest.raises(UserError, match="lenet takes images of at least 4x4 pixels"):
        tiny.started(settings("ewc", stream="permuted-digits"))
    with pytest.raises(UserError, match="this stream shows 1x3x9 numbers"):
        LeNet((1, 3, 9))
