"""Gates are a facility of every network that takes them: maps of a convolution as well as units of a layer."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch import Tensor, nn

from clbench.config.resolve import Config
from clbench.learn import importance
from clbench.learn.trainer import Trainer
from clbench.registry import networks, strategies
from clbench.strategies.hat import HAT
from clbench.streams.task import Task

SEEDS = (0, 1)
GATING = [m for m in tiny.METHODS if "gates" in strategies[m]().needs()]


class GatedMaps(nn.Module):
    """A plugin's network: a convolution whose maps are gated, and a layer on the flattened maps."""

    def __init__(self, input_shape: tuple[int, ...], maps: int = 6) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Conv2d(1, maps, 3), nn.Linear(maps * 36, 5)])
        self.widths, self.features = (maps, 5), 5

    def forward(self, x: Tensor, gates) -> Tensor:
        maps = self.blocks[0](x.view(-1, 1, 8, 8)).relu()
        maps = maps if gates[0] is None else maps * gates[0][..., None, None]
        units = self.blocks[1](maps.flatten(1)).relu()
        return units if gates[1] is None else units * gates[1]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    networks.fill()
    monkeypatch.setitem(networks.entries, "gated-maps", GatedMaps)


def settings(method: str, *more: str) -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    return tiny.resolve(method, "split-digits", seeds=SEEDS, sets=(*own, *more), network="gated-maps")


def answers(trainer: Trainer, task: Task) -> Tensor:
    with torch.no_grad():
        x = task.test.take(torch.arange(len(task.test)))
        return trainer.strategy.outputs(trainer.model, x.expand(len(SEEDS), *x.shape), task)


@pytest.mark.parametrize("method", GATING)
def test_seeds_together_equal_seeds_alone(method: str) -> None:
    chosen = settings(method)
    together = tiny.learn(tiny.started(chosen), chosen)
    for place, seed in enumerate(SEEDS):
        alone = tiny.learn(tiny.started(chosen, (seed,)), chosen)
        assert tiny.close(tiny.weights(together, place), tiny.weights(alone))


@pytest.mark.parametrize("method", GATING)
def test_a_shut_map_has_no_part_in_the_answer(method: str) -> None:
    chosen = settings(method)
    trainer = tiny.started(chosen)
    first, strategy = trainer.stream.tasks[0], trainer.strategy
    if isinstance(strategy, HAT):
        with torch.no_grad():
            strategy.embeddings["0/0"].copy_(torch.tensor([6.0, -6, 6, 6, 6, 6]).expand(2, -1))
    else:
        strategy.open["0/0"][:] = torch.tensor([True, False, True, True, True, True])
    before = answers(trainer, first)
    trainer.model.params["network.blocks.0.weight"].data[:, 1].add_(1)
    assert answers(trainer, first).equal(before)
    trainer.model.params["network.blocks.0.weight"].data[:, 0].add_(1)
    assert not answers(trainer, first).equal(before)


def test_hat_protects_maps_and_every_input_that_comes_from_them() -> None:
    chosen = settings("hat", "stream.tasks=3")
    trainer = tiny.started(chosen)
    strategy, tasks = trainer.strategy, trainer.stream.tasks
    assert isinstance(strategy, HAT)
    with torch.no_grad():
        strategy.embeddings["0/0"].copy_(torch.tensor([6.0, -6, 6, -6, -6, -6]).expand(2, -1))
        strategy.embeddings["0/1"].copy_(torch.tensor([6.0, 6, -6, -6, -6]).expand(2, -1))
    strategy.end_task(trainer, tasks[0])
    before, weights = answers(trainer, tasks[0]), tiny.weights(trainer)
    for task in tasks[1:]:
        strategy.begin_task(trainer, task)
        strategy.learn(trainer, task)
        strategy.end_task(trainer, task)
    assert (answers(trainer, tasks[0]) - before).abs().max() <= 1e-6
    changed = tiny.weights(trainer)["network.blocks.1.weight"] != weights["network.blocks.1.weight"]
    assert not changed[:2].unflatten(1, (6, 36))[:, [0, 2]].any()
    assert changed[:2].unflatten(1, (6, 36))[:, [1, 3, 4, 5]].any()
    assert changed[2:].any()


def test_the_importance_of_a_gated_network_is_that_of_its_open_part() -> None:
    """The general form of per-sample gradients, in which one seed at a time meets its own gates."""
    chosen = settings("xdg-ewc", "stream.limit=20", "strategy.closed=0.4")
    trainer = tiny.learn(tiny.started(chosen), chosen)
    task = trainer.stream.tasks[1]
    for p in trainer.model.params.values():
        p.requires_grad_(True)
    found = importance.fisher(trainer, task, "empirical")
    for place in range(len(SEEDS)):
        each = tiny.one_sample_gradients(trainer, task, place, lambda z, y: z.log_softmax(0)[y])
        for name, f in found.items():
            expected = sum(g[name].square() for g in each) / len(task.train)
            assert expected.any()
            assert torch.allclose(f[place], expected, 1e-4, 1e-5 * float(expected.max()))
    assert not trainer.strategy.open["1/0"][0].equal(trainer.strategy.open["1/0"][1])
