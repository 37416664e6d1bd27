"""Importance against its definition: a loop over single images with plain autograd."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tiny
import torch
from torch import Tensor, nn

from clbench.learn import importance
from clbench.learn.trainer import Trainer
from clbench.models.params import Params
from clbench.registry import networks
from clbench.streams.task import Task


@pytest.fixture(autouse=True)
def convolutional(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin network that has other layers than linear ones."""

    class Convolutional(nn.Module):
        def __init__(self, input_shape: tuple[int, ...], maps: int = 3) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, maps, 3), nn.Linear(maps * 36, 5)
            self.features = 5

        def forward(self, x: Tensor, gates) -> Tensor:
            return self.second(self.first(x.view(-1, 1, 8, 8)).relu().flatten(1)).relu()

    networks.fill()
    monkeypatch.setitem(networks.entries, "convolutional", Convolutional)


NETWORKS = ["mlp", "convolutional"]
SEEDS = (0, 1)


def trained(network: str, scenario: str = "task") -> tuple[Trainer, Task]:
    sets = ("stream.limit=30", *(("network.maps=3",) if network == "convolutional" else ()))
    own = [s for s in (*tiny.TINY, *sets) if network == "mlp" or not s.startswith("network.hidden")]
    chosen = tiny.resolve(
        "finetuning", "split-digits", scenario=scenario, seeds=SEEDS, sets=tuple(own), network=network
    )
    trainer = tiny.learn(tiny.started(chosen), chosen)
    for p in trainer.model.params.values():
        p.requires_grad_(True)
    return trainer, trainer.stream.tasks[1]


def assert_mean(found: Params, trainer: Trainer, task: Task, of_gradient: Callable[..., list[Params]]) -> None:
    for place in range(len(SEEDS)):
        each = of_gradient(place)
        for name, f in found.items():
            expected = sum(g[name] for g in each) / len(task.train)
            assert expected.abs().max() > 1e-6
            assert torch.allclose(f[place], expected, 1e-4, 1e-5 * float(expected.abs().max()))


def squares(gradients: list[Params]) -> list[Params]:
    return [{name: g.square() for name, g in each.items()} for each in gradients]


def log_p(logits: Tensor, label: Tensor) -> Tensor:
    return logits.log_softmax(0)[label]


@pytest.mark.parametrize("scenario", ["task", "class"])
@pytest.mark.parametrize("network", NETWORKS)
def test_empirical_fisher(network: str, scenario: str) -> None:
    trainer, task = trained(network, scenario)
    found = importance.fisher(trainer, task, "empirical")
    assert_mean(
        found, trainer, task, lambda place: squares(tiny.one_sample_gradients(trainer, task, place, log_p))
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_the_squared_batch_gradient_is_that_of_the_mean_loss(network: str) -> None:
    trainer, task = trained(network)
    found = importance.fisher(trainer, task, "batch")

    def squared_batches(place: int) -> list[Params]:
        each = tiny.one_sample_gradients(trainer, task, place, log_p)
        parts = [each[n : n + 16] for n in range(0, 30, 16)]
        means = [{name: sum(g[name] for g in part) / len(part) for name in part[0]} for part in parts]
        return [{name: g / len(parts) * len(task.train) for name, g in one.items()} for one in squares(means)]

    assert_mean(found, trainer, task, squared_batches)


@pytest.mark.parametrize("network", NETWORKS)
def test_exact_fisher_sums_over_all_labels_weighted_by_their_probability(network: str) -> None:
    trainer, task = trained(network)

    def all_labels(place: int) -> list[Params]:
        found = []
        for c in range(2):

            def value(logits: Tensor, label: Tensor, c: int = c) -> Tensor:
                return logits.log_softmax(0)[c] * logits.softmax(0)[c].sqrt().detach()

            found += squares(tiny.one_sample_gradients(trainer, task, place, value))
        return found

    assert_mean(importance.fisher(trainer, task, "exact"), trainer, task, all_labels)


@pytest.mark.parametrize("network", NETWORKS)
def test_true_fisher_draws_its_labels_from_the_model(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, task = trained(network)
    labels: list[Tensor] = []
    draw = importance.drawn

    def kept(outputs: Tensor, generators: list[torch.Generator]) -> Tensor:
        labels.append(draw(outputs, generators))
        return labels[-1]

    monkeypatch.setattr(importance, "drawn", kept)
    found = importance.fisher(trainer, task, "true")
    drawn = torch.cat(labels, 1)
    assert drawn.shape == (2, 30)
    assert not drawn.equal((task.train.labels - 2).expand(2, -1))

    def at_drawn_labels(place: int) -> list[Params]:
        each = iter(drawn[place])
        return squares(
            tiny.one_sample_gradients(trainer, task, place, lambda logits, _: log_p(logits, next(each)))
        )

    assert_mean(found, trainer, task, at_drawn_labels)


@pytest.mark.parametrize("scenario", ["task", "class"])
@pytest.mark.parametrize("network", NETWORKS)
def test_sensitivity(network: str, scenario: str) -> None:
    trainer, task = trained(network, scenario)

    def absolute(place: int) -> list[Params]:
        each = tiny.one_sample_gradients(trainer, task, place, lambda logits, label: logits.square().sum())
        return [{name: g.abs() for name, g in one.items()} for one in each]

    assert_mean(importance.sensitivity(trainer, task), trainer, task, absolute)


def test_labels_are_drawn_with_the_probabilities_of_the_model() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log().expand(1, 20000, 4)
    found = importance.drawn(logits, [torch.Generator().manual_seed(0)])
    shares = torch.bincount(found.flatten(), minlength=4) / 20000
    assert torch.allclose(shares, torch.tensor([0.1, 0.2, 0.3, 0.4]), atol=0.015)


def test_a_label_without_probability_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, **options: torch.zeros(*shape[:2]))
    logits = torch.tensor([-torch.inf, 0.0, 0.0]).expand(1, 3, 3)
    assert importance.drawn(logits, [torch.Generator()]).eq(1).all()


def test_fisher_of_softmax_regression_is_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """One linear layer whose units are the logits: F_cj = mean of p_c (1 - p_c) x_j²."""

    class Regression(nn.Module):
        def __init__(self, input_shape: tuple[int, ...]) -> None:
            super().__init__()
            self.layer, self.features = nn.Linear(64, 2), 2

        def forward(self, x: Tensor, gates) -> Tensor:
            return self.layer(x.flatten(1))

    monkeypatch.setitem(networks.entries, "regression", Regression)
    chosen = tiny.resolve(
        "ewc",
        "split-digits",
        sets=("stream.tasks=1", "stream.limit=30", "train.epochs=1"),
        seeds=SEEDS,
        network="regression",
    )
    trainer = tiny.started(chosen)
    task = trainer.stream.tasks[0]
    with torch.no_grad():
        trainer.model.params["head.weight"].copy_(torch.eye(2))
        trainer.model.params["head.bias"].zero_()
    found = importance.fisher(trainer, task, "exact")
    x = task.train.take(torch.arange(30)).flatten(1)
    for place in range(2):
        w, b = (trainer.model.params[f"network.layer.{n}"][place].detach() for n in ("weight", "bias"))
        p = (x @ w.T + b).softmax(1)
        spread = p * (1 - p)
        assert torch.allclose(found["network.layer.weight"][place], spread.T @ x.square() / 30, 1e-4, 1e-8)
        assert torch.allclose(found["network.layer.bias"][place], spread.mean(0), 1e-4, 1e-8)


@pytest.mark.parametrize("of", ["entropy", "loss"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("sign", [1.0, -1.0, 0.0])  # 0: whichever gives more
def test_saliency_is_equation_7(of: str, reduction: str, sign: float) -> None:
    trainer, task = trained("mlp")
    model = trainer.model
    found = importance.saliency(trainer, task, of, 8, reduction, sign)
    for place in range(2):
        total = {name: torch.zeros_like(p[place]) for name, p in model.shared.items()}
        batches = torch.arange(30).split(8)
        for rows in batches:
            x = task.train.take(rows).expand(2, -1, *trainer.stream.input_shape)
            q = model(x, task)[place].softmax(1)
            given = q[torch.arange(len(rows)), task.train.labels[rows] - 2]
            value = -(q * q.log()).sum(1) if of == "entropy" else -given.log()
            value = value.sum() if reduction == "sum" else value.mean()
            gradients = torch.autograd.grad(value, list(model.shared.values()))
            for (name, p), g in zip(model.shared.items(), gradients, strict=True):
                both = [way * p[place].detach() for way in ([sign] if sign else [1.0, -1.0])]
                each = [g[place] * change + 0.5 * g[place] ** 2 * change**2 for change in both]
                total[name] += torch.stack(each).amax(0).clamp(min=0)
        for name, t in total.items():
            assert t.any()
            assert torch.allclose(found[name][place], t / len(batches), 1e-3, 1e-4 * float(t.max()))


def test_methods_of_a_network_without_shared_layers_have_nothing_to_protect() -> None:
    plain, *protected = (
        tiny.weights(tiny.train(method, "network.hidden=[]", *tiny.bare(method)))
        for method in ("finetuning", *tiny.QUADRATIC)
    )
    for found in protected:
        assert tiny.same(found, plain)
