"""Importance sample by sample: what a pass over a batch gives is what one backward pass a sample gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tiny
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.learn import importance, per_sample
from clbench.learn.trainer import Trainer
from clbench.models.params import Params
from clbench.registry import networks
from clbench.streams.budget import Budget
from clbench.streams.task import Task

SEEDS = (0, 1)


class Network(nn.Module):
    """Layers that `features` uses; the numbers of an 8x8 image go in as [B, 1, 8, 8]."""

    features = 4

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.make()

    def forward(self, x: Tensor, gates) -> Tensor:
        return self.answer(x.view(-1, 1, 8, 8))


class Shapes(Network):
    """Strides, sizes that differ in height and width, dilation, groups, no bias."""

    def make(self) -> None:
        self.first = nn.Conv2d(1, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)
        self.second = nn.Conv2d(4, 6, 2, dilation=2, groups=2)
        self.third = nn.Conv2d(6, 4, 1, stride=2)

    def answer(self, x: Tensor) -> Tensor:
        return self.third(self.second(self.first(x).relu()).relu()).mean((2, 3))


class Borders(Network):
    """Padding by name, and of other things than zeros."""

    def make(self) -> None:
        self.first = nn.Conv2d(1, 3, (3, 5), padding="same", dilation=(2, 1))
        self.second = nn.Conv2d(3, 4, 3, padding=(2, 1), padding_mode="reflect", stride=2)

    def answer(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu()).mean((2, 3))


class Residual(Network):
    """Batch norm with and without its own scale, a block used twice, a bottleneck with a strided way past it."""

    def make(self) -> None:
        self.stem, self.norm = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.block, self.bare = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False)
        self.squeeze, self.within = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 2, 3, stride=2, padding=1, bias=False)
        self.widen, self.past = nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 1, stride=2)
        self.last = nn.BatchNorm1d(4)

    def answer(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x)).relu()
        for _ in range(2):
            x = self.norm(self.bare(self.block(x)).relu() + x).relu()
        x = self.widen(self.within(self.squeeze(x).relu()).relu()) + self.past(x)
        return self.last(x.relu().mean((2, 3)))


class Tokens(Network):
    """A linear layer on each row of an image, used twice, and one on vectors, used twice."""

    def make(self) -> None:
        self.rows, self.whole = nn.Linear(8, 8), nn.Linear(8, 8)
        self.out = nn.Linear(8, 4)

    def answer(self, x: Tensor) -> Tensor:
        x = self.rows(self.rows(x.flatten(0, 1)).relu()).tanh().mean(1)
        return self.out(self.whole(self.whole(x).relu()).tanh())


class Half(Shapes):
    """With a first layer that is not to be trained."""

    def make(self) -> None:
        super().make()
        self.first.requires_grad_(False)


class Upwards(Network):
    """Transposed convolutions of several strides and groups, and group normalisations, one used twice."""

    def make(self) -> None:
        self.down, self.norm = nn.Conv2d(1, 4, 4, stride=4), nn.GroupNorm(2, 4)
        self.up = nn.ConvTranspose2d(4, 6, (4, 3), stride=(2, 1), padding=(1, 0), groups=2, bias=False)
        self.wide, self.last = nn.GroupNorm(3, 6), nn.ConvTranspose2d(6, 4, 2, dilation=2)

    def answer(self, x: Tensor) -> Tensor:
        x = self.norm(self.norm(self.down(x)).relu())
        return self.last(self.wide(self.up(x.relu())).relu()).square().mean((2, 3))


KNOWN = {
    "shapes": Shapes,
    "borders": Borders,
    "residual": Residual,
    "tokens": Tokens,
    "half": Half,
    "upwards": Upwards,
}


class Rectified(Shapes):
    """With a layer that has weights of another kind."""

    def make(self) -> None:
        super().make()
        self.act = nn.PReLU(4)

    def answer(self, x: Tensor) -> Tensor:
        return self.act(super().answer(x))


class Behind(Tokens):
    """Uses a weight without its layer too."""

    def answer(self, x: Tensor) -> Tensor:
        return super().answer(x) + F.linear(x.mean((1, 2)), self.out.weight)


class Tied(Tokens):
    """Two layers of one weight."""

    def make(self) -> None:
        super().make()
        self.whole.weight = self.rows.weight


OTHERS = {"rectified": Rectified, "behind": Behind, "tied": Tied}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    networks.fill()
    for name, network in {**KNOWN, **OTHERS}.items():
        monkeypatch.setitem(networks.entries, name, network)


def learned(network: str, *sets: str) -> tuple[Trainer, Task]:
    """A trainer whose network has learned a task, its running statistics no longer those of the start."""
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    chosen = tiny.resolve("finetuning", "split-digits", seeds=SEEDS, sets=(*own, *sets), network=network)
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    return trainer, trainer.stream.tasks[0]


def log_p(logits: Tensor, label: Tensor) -> Tensor:
    return logits.log_softmax(-1)[label]


def squared_norm(logits: Tensor, label: Tensor) -> Tensor:
    return logits.square().sum()


def assert_as_single_samples(trainer: Trainer, task: Task) -> None:
    for measure, value, f in (
        (lambda: importance.fisher(trainer, task, "empirical"), log_p, torch.square),
        (lambda: importance.sensitivity(trainer, task), squared_norm, torch.abs),
    ):
        found = measure()
        assert found.keys() == trainer.model.shared.keys()
        for seed in range(len(SEEDS)):
            with trainer.model.evaluation():
                each = tiny.one_sample_gradients(trainer, task, seed, value)
            assert_mean({name: t[seed] for name, t in found.items()}, each, f)


def assert_mean(found: Params, each: list[Params], f: Callable[[Tensor], Tensor]) -> None:
    for name, t in found.items():
        expected = torch.stack([f(g[name]) for g in each]).mean(0)
        assert expected.any(), name
        assert torch.allclose(t, expected, 1e-4, 1e-5 * float(expected.max())), name


def refused(*_: object) -> Params:
    raise AssertionError("the general form was taken")


@pytest.mark.long
@pytest.mark.parametrize("form", ["one_by_one", "unfolded"])
@pytest.mark.parametrize("network", KNOWN)
def test_known_layers_give_the_sums_of_single_samples(
    network: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(per_sample, "general", refused)
    monkeypatch.setattr(per_sample, "one_by_one", getattr(per_sample, form))
    assert_as_single_samples(*learned(network))


REGISTERED = {"vgg9": ("network.width=0.05",), "resnet18-small": ("network.width=0.05",), "resnet32": ()}


@pytest.mark.parametrize("network", REGISTERED)
def test_registered_networks_of_images_take_the_fast_form(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_sample, "general", refused)
    trainer, task = learned(network, *REGISTERED[network], "stream.limit=6", "train.epochs=1", "stream.tasks=1")
    found = importance.sensitivity(trainer, task)
    for seed in range(len(SEEDS)):
        with trainer.model.evaluation():
            each = tiny.one_sample_gradients(trainer, task, seed, squared_norm)
        for name, t in found.items():
            expected = torch.stack([g[name].abs() for g in each]).mean(0)
            # images together and alone differ in their last digits, with which a ReLU may open another way
            assert (t[seed] - expected).norm() <= 1e-2 * expected.norm(), name


@pytest.mark.parametrize("network", OTHERS)
def test_other_networks_take_the_general_form_and_give_the_same(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, task = learned(network)
    with monkeypatch.context() as patch:
        patch.setattr(per_sample, "general", refused)
        with pytest.raises(AssertionError, match="general form"):
            importance.sensitivity(trainer, task)
    assert_as_single_samples(trainer, task)


@pytest.mark.parametrize("network", KNOWN)
def test_a_seed_that_is_not_finite_leaves_the_others_their_bits(network: str) -> None:
    trainer, task = learned(network)
    expected = importance.fisher(trainer, task, "empirical")
    again, task = learned(network)
    with torch.no_grad():
        for p in again.model.params.values():
            p[0] = torch.nan
    found = importance.fisher(again, task, "empirical")
    assert all(found[name][1].equal(expected[name][1]) for name in expected)


def test_a_small_budget_takes_fewer_images_at_once_and_gives_the_same() -> None:
    trainer, task = learned("residual")
    expected, whole = importance.sensitivity(trainer, task), importance.at_once(trainer, task)
    trainer.budget = Budget(bytes=2**18)
    layers = 4 * 64 * 7 + 2 * 64 + 2 * 16 + 4 * 16 * 2 + 4  # what they give for an image; heads apart
    assert importance.at_once(trainer, task) == 2**16 // (4 * 2 * layers) < whole
    assert tiny.close(importance.sensitivity(trainer, task), expected, 1e-4, 1e-6)
