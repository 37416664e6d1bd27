"""LwF, HAT, XdG and PackNet against their papers' formulas, and what they promise to leave as it was."""

from __future__ import annotations

import math

import pytest
import tiny
import torch
from plain import assert_close, both
from torch import Tensor
from torch.nn import functional as F

from clbench.learn.trainer import Trainer
from clbench.models.params import Params, copies
from clbench.registry import strategies
from clbench.strategies.hat import HAT
from clbench.strategies.lwf import LwF
from clbench.strategies.packnet import PackNet
from clbench.streams.task import Task


def answers(trainer: Trainer, task: Task) -> Tensor:
    """Outputs for all test images of a task."""
    sweep = trainer.sweep(task, task.test, 1000)
    with torch.no_grad():
        return torch.cat([trainer.strategy.outputs(trainer.model, x, task) for x, _ in sweep], 1)


def learn_one(trainer: Trainer, task: Task) -> None:
    trainer.model.seen = task.index + 1
    trainer.strategy.begin_task(trainer, task)
    trainer.strategy.learn(trainer, task)
    trainer.strategy.end_task(trainer, task)


# -- LwF --------------------------------------------------------------------------------------------------------


def test_lwf_adds_the_divergence_of_every_old_head_from_the_teacher() -> None:
    plain, trainer, chosen = both("lwf", "strategy.lam=0.7", "strategy.temperature=3", "stream.tasks=3")
    tiny.learn(trainer, chosen)
    for task in range(3):
        images, _ = plain.images(plain.tasks[task])
        with torch.no_grad():
            said = [plain(images, old) for old in range(task)]

        def loss(x: Tensor, y: Tensor, rows: Tensor, progress: float) -> Tensor:
            total = F.cross_entropy(plain(x, task), y)
            for old in range(task):
                now, teacher = (plain(x, old) / 3).log_softmax(1), (said[old][rows] / 3).softmax(1)
                total = total + 0.7 * 9 * F.kl_div(now, teacher, reduction="batchmean")
            return total

        plain.fit(task, loss=loss, more=[p for head in plain.heads[:task] for p in head.parameters()])
    plain.assert_equal(trainer)


def test_lwf_without_strength_is_fine_tuning_and_with_next_to_none_nearly() -> None:
    plain = tiny.weights(tiny.train("finetuning"))
    assert tiny.same(tiny.weights(tiny.train("lwf", "strategy.lam=0")), plain)
    little = tiny.weights(tiny.train("lwf", "strategy.lam=1e-9"))
    much = tiny.weights(tiny.train("lwf", "strategy.lam=10"))
    assert tiny.close(little, plain, 1e-4, 1e-5)
    assert not tiny.close(much, plain, 1e-2, 1e-3)


@pytest.mark.parametrize(
    ("scenario", "heads"), [("task", [(0, 2), (2, 4)]), ("domain", [(0, 2)]), ("class", [(0, 4)])]
)
def test_lwf_has_the_old_heads_of_each_scenario(scenario: str, heads: list[tuple[int, int]]) -> None:
    trainer = tiny.train("lwf", "stream.tasks=3", stream="split-digits", scenario=scenario)
    assert isinstance(trainer.strategy, LwF)
    assert [(head.start, head.stop) for head in trainer.strategy.heads] == heads


def test_lwf_warms_the_new_head_up_alone() -> None:
    chosen = tiny.config("lwf", "strategy.warmup_epochs=2", stream="split-digits")
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    before = tiny.weights(trainer)
    seen: list[Params] = []
    trainer.progress = lambda samples: seen.append(tiny.weights(trainer))
    trainer.model.seen = 2
    trainer.strategy.begin_task(trainer, trainer.stream.tasks[1])
    trainer.strategy.learn(trainer, trainer.stream.tasks[1])
    first = "network.blocks.0.weight"
    assert len(seen) == 16
    assert [step[first].equal(before[first]) for step in seen] == [True] * 8 + [False] * 8
    assert not seen[0]["head.weight"].equal(before["head.weight"])
    assert trainer.strategy.samples(trainer.stream.tasks[1], trainer.stream, 2) == 4 * 50


# -- HAT --------------------------------------------------------------------------------------------------------

S_MAX = 40.0  # of the tiny networks, so that gates stay open in part


def test_hat_gates_masks_compensates_and_counts_as_its_paper_says() -> None:
    sets = (f"strategy.s_max={S_MAX}", "strategy.sparsity=0.5", "train.lr=0.05")
    plain, trainer, chosen = both("hat", *sets)
    assert isinstance(trainer.strategy, HAT)
    e = {key: value[0].detach().clone().requires_grad_(True) for key, value in trainer.strategy.embeddings.items()}
    tiny.learn(trainer, chosen)
    taken = [torch.zeros(15), torch.zeros(7)]
    for task in (0, 1):
        mine, s_now = [e[f"{task}/0"], e[f"{task}/1"]], 0.0

        def loss(x: Tensor, y: Tensor, rows: Tensor, progress: float) -> Tensor:
            nonlocal s_now
            s_now = 1 / S_MAX + (S_MAX - 1 / S_MAX) * progress
            gates = [torch.sigmoid(s_now * each) for each in mine]
            opened = sum((a * (1 - t)).sum() for a, t in zip(gates, taken, strict=True))
            return F.cross_entropy(plain(x, task, gates), y) + 0.5 * opened / sum((1 - t).sum() for t in taken)

        def edit() -> None:
            for each in mine:
                slope = (torch.cosh((s_now * each.detach()).clamp(-50, 50)) + 1) / (torch.cosh(each.detach()) + 1)
                each.grad.mul_(S_MAX / s_now * slope)  # type: ignore[union-attr]
            for k, linear in enumerate(plain.layers):
                for unit in range(len(linear.bias)):
                    linear.bias.grad[unit] *= 1 - taken[k][unit]  # type: ignore[index]
                    for source in range(linear.weight.shape[1]):
                        both_taken = min(taken[k][unit], taken[k - 1][source]) if k else taken[k][unit]
                        linear.weight.grad[unit, source] *= 1 - both_taken  # type: ignore[index]

        def after() -> None:
            for each in mine:
                each.clamp_(-6, 6)

        plain.fit(task, loss=loss, edit=edit, after=after, more=mine)
        gates = [torch.sigmoid(S_MAX * each.detach()) for each in mine]
        taken = [torch.maximum(t, a) for t, a in zip(taken, gates, strict=True)]
    plain.assert_equal(trainer)
    for key, value in trainer.strategy.embeddings.items():
        assert_close(value[0].detach(), e[key].detach(), key)
    for k in (0, 1):
        assert_close(trainer.strategy.taken[str(k)][0], taken[k], f"taken {k}")
        assert 0 < taken[k].sum() < len(taken[k])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_hat_with_gates_that_are_shut_or_open_never_changes_an_earlier_answer(optimizer: str) -> None:
    sets = (f"train.optimizer={optimizer}", "train.lr=0.01", "train.weight_decay=0.01", "stream.tasks=3")
    chosen = tiny.config("hat", *sets)
    trainer = tiny.started(chosen)
    strategy, tasks = trainer.strategy, trainer.stream.tasks
    assert isinstance(strategy, HAT)
    learn_one(trainer, tasks[0])
    with torch.no_grad():
        for k in strategy.taken:
            e = strategy.embeddings[f"0/{k}"]
            e.copy_(torch.where(torch.arange(e.shape[1]) % 2 == 0, 6.0, -6.0))
            strategy.taken[k].zero_()
    strategy.end_task(trainer, tasks[0])
    before, weights = answers(trainer, tasks[0]), tiny.weights(trainer)
    for task in tasks[1:]:
        learn_one(trainer, task)
    assert (answers(trainer, tasks[0]) - before).abs().max() <= 1e-6
    assert not tiny.weights(trainer)["network.blocks.0.weight"].equal(weights["network.blocks.0.weight"])


def test_hat_as_trained_leaks_no_more_than_its_half_open_gates_allow() -> None:
    """Gates strictly between 0 and 1 are the leak: none here, so answers stay; with a flat slope they do not."""
    for s_max, leaks in ((400.0, False), (2.0, True)):
        chosen = tiny.config("hat", f"strategy.s_max={s_max}", "train.epochs=4")
        trainer = tiny.started(chosen)
        tasks, strategy = trainer.stream.tasks, trainer.strategy
        assert isinstance(strategy, HAT)
        learn_one(trainer, tasks[0])
        half_open = sum(int(((t > 1e-6) & (t < 1 - 1e-6)).sum()) for t in strategy.taken.values())
        before = answers(trainer, tasks[0])
        learn_one(trainer, tasks[1])
        changed = float((answers(trainer, tasks[0]) - before).abs().max())
        assert (half_open > 0) == leaks
        assert (changed > 1e-6) == leaks


def test_hat_with_no_unit_left_has_a_finite_loss() -> None:
    chosen = tiny.config("hat")
    trainer = tiny.started(chosen)
    assert isinstance(trainer.strategy, HAT)
    learn_one(trainer, trainer.stream.tasks[0])
    for taken in trainer.strategy.taken.values():
        taken.fill_(1.0)
    before = copies(trainer.model.shared)
    learn_one(trainer, trainer.stream.tasks[1])
    assert tiny.finite(trainer)
    assert tiny.same(copies(trainer.model.shared), before)


# -- XdG --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [0.0, 0.8])
def test_xdg_closes_exactly_its_share_of_every_layer(closed: float) -> None:
    trainer = tiny.started(tiny.config("xdg", f"strategy.closed={closed}", "network.hidden=15,7"))
    for key, gate in trainer.strategy.open.items():
        units = 15 if key.endswith("/0") else 7
        assert (~gate).sum(1).tolist() == [round(closed * units)] * 2
    assert closed == 0 or not trainer.strategy.open["0/0"].equal(trainer.strategy.open["1/0"])


def test_xdg_trains_the_network_of_the_open_units() -> None:
    plain, trainer, chosen = both("xdg", "strategy.closed=0.4")
    tiny.learn(trainer, chosen)
    for task in (0, 1):
        gates = [trainer.strategy.open[f"{task}/{k}"][0].float() for k in (0, 1)]

        def loss(x: Tensor, y: Tensor, rows: Tensor, progress: float) -> Tensor:
            return F.cross_entropy(plain(x, task, gates), y)

        plain.fit(task, loss=loss)
    plain.assert_equal(trainer)


@pytest.mark.parametrize(("gated", "alone"), [("xdg", "finetuning"), ("xdg-ewc", "ewc"), ("xdg-si", "si")])
def test_xdg_with_all_gates_open_is_the_method_without_gates(gated: str, alone: str) -> None:
    open_, plain = (
        tiny.weights(tiny.train(m, *sets)) for m, sets in ((gated, ("strategy.closed=0",)), (alone, ()))
    )
    assert tiny.same(open_, plain)
    assert not tiny.same(tiny.weights(tiny.train(gated, "strategy.closed=0.4")), plain)


# -- PackNet ----------------------------------------------------------------------------------------------------


def test_packnet_trains_prunes_by_magnitude_and_trains_again() -> None:
    plain, trainer, chosen = both("packnet", "strategy.prune=60", "strategy.retrain_epochs=2")
    assert isinstance(trainer.strategy, PackNet)
    tiny.learn(trainer, chosen)
    owner = [torch.zeros_like(linear.weight) for linear in plain.layers]
    for task in (0, 1):

        def frozen(mine: bool = False) -> None:
            """No gradient for what earlier tasks own (or all that is not this task's), nor for old biases."""
            for linear, own in zip(plain.layers, owner, strict=True):
                linear.weight.grad[(own != task + 1) if mine else (own > 0)] = 0  # type: ignore[index]
                if task:
                    linear.bias.grad.zero_()  # type: ignore[union-attr]

        plain.fit(task, edit=frozen)
        for linear, own in zip(plain.layers, owner, strict=True):
            free = (own == 0).nonzero().tolist()
            free.sort(key=lambda at, w=linear.weight.detach().abs(): float(w[at[0], at[1]]))
            given_up = free[: math.floor(0.6 * len(free))] if task == 0 else []  # the last task is not pruned
            for at in free:
                own[at[0], at[1]] = task + 1
            with torch.no_grad():
                for at in given_up:
                    own[at[0], at[1]], linear.weight[at[0], at[1]] = 0, 0
        if task == 0:
            plain.fit(task, edit=lambda: frozen(mine=True))
    plain.assert_equal(trainer)
    for k, own in enumerate(owner):
        assert trainer.strategy.owner[f"network.blocks.{k}.weight"][0].equal(own.to(torch.uint8))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_packnet_never_changes_an_earlier_answer(optimizer: str) -> None:
    sets = (f"train.optimizer={optimizer}", "train.lr=0.01", "train.weight_decay=0.1", "stream.tasks=4")
    chosen = tiny.config("packnet", *sets)
    trainer = tiny.started(chosen)
    kept: list[Tensor] = []
    for task in trainer.stream.tasks:
        learn_one(trainer, task)
        for earlier, before in zip(trainer.stream.tasks, kept, strict=False):
            assert (answers(trainer, earlier) - before).abs().max() <= 1e-6
        kept.append(answers(trainer, task))
    assert not kept[0].equal(kept[1])
    owners = torch.cat([o.flatten() for o in trainer.strategy.owner.values()])
    assert sorted(set(owners.tolist())) == [1, 2, 3, 4]


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [m for m in tiny.METHODS if "gates" in strategies[m]().needs()])
def test_a_network_without_gates_is_refused(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from clbench.errors import UserError
    from clbench.registry import networks

    class Gateless(torch.nn.Module):
        """A network that a plugin brings."""

        def __init__(self, input_shape: tuple[int, ...]) -> None:
            super().__init__()
            self.layer, self.features = torch.nn.Linear(math.prod(input_shape), 4), 4

        def forward(self, x: Tensor, gates) -> Tensor:
            return self.layer(x.flatten(1))

    monkeypatch.setitem(networks.entries, "gateless", Gateless)
    chosen = tiny.resolve(method, "split-digits", network="gateless")
    with pytest.raises(UserError, match=rf"^{method} gates hidden units, and this network takes no gates"):
        tiny.started(chosen)
