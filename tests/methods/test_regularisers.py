"""What holds for every quadratic pull, those of future methods included."""

from __future__ import annotations

import pytest
import tiny
import torch
from tiny import QUADRATIC

from clbench.learn.trainer import Trainer
from clbench.models.params import Params, copies
from clbench.strategies.ewc import EWC

PULLS = ["gradient", "proximal"]
NOT_SUMMED = ("rwalk",)  # its importance speaks of all tasks so far: see test_definitions.py


@pytest.mark.parametrize("consolidation", PULLS)
@pytest.mark.parametrize("method", QUADRATIC)
def test_zero_strength_is_fine_tuning_and_a_large_one_is_not(method: str, consolidation: str) -> None:
    pull = f"strategy.consolidation={consolidation}"
    plain = tiny.weights(tiny.train("finetuning", "network.dropout=0.2"))
    none, strong = (
        tiny.weights(tiny.train(method, *tiny.bare(method), "network.dropout=0.2", pull, f"strategy.lam={lam}"))
        for lam in ("0", "0.1" if consolidation == "gradient" else "1e3")
    )
    assert tiny.same(none, plain)
    assert not any(strong[name].equal(plain[name]) for name in plain if name.startswith("network."))


@pytest.mark.parametrize("method", QUADRATIC)
def test_at_strength_1e6_the_proximal_pull_holds_the_weights_and_the_gradient_pull_diverges(method: str) -> None:
    sets = (*tiny.bare(method), "strategy.lam=1e6")
    held = tiny.train(method, *sets, "strategy.consolidation=proximal", tasks=1)
    anchor, omega = copies(held.strategy.anchor), copies(held.strategy.omega)
    held.strategy.begin_task(held, held.stream.tasks[1])
    held.fit(held.stream.tasks[1])
    for name, p in held.model.shared.items():
        assert (omega[name] * (p - anchor[name])).abs().max() < 1e-5
    assert held.first_bad.tolist() == [-1, -1]
    loose = tiny.train(method, *sets, "strategy.consolidation=gradient")
    assert all(not p.abs().max() < 1e3 for p in loose.model.shared.values())


@pytest.mark.parametrize("method", QUADRATIC)
def test_the_pull_is_zero_at_the_anchor_and_the_formula_away_from_it(method: str) -> None:
    trainer = tiny.train(method, *tiny.bare(method), "strategy.lam=3", tasks=1)
    strategy, model = trainer.strategy, trainer.model
    strategy.begin_task(trainer, trainer.stream.tasks[1])
    batch = tiny.batch_of(trainer.stream.tasks[1], torch.zeros(0), torch.zeros(0))
    for p in model.params.values():
        p.grad = torch.zeros_like(p)
    strategy.edit_gradients(model, batch)
    assert all(not p.grad.any() for p in model.params.values())
    for p in model.params.values():
        p.data.add_(0.5)
    strategy.edit_gradients(model, batch)
    for name, p in model.params.items():
        expected = 0 * p if name.startswith("head.") else strategy.factor * 3 * 0.5 * strategy.omega[name]
        assert torch.allclose(p.grad, expected, 1e-4, 1e-6)


@pytest.mark.long
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("method", QUADRATIC)
def test_both_consolidations_have_the_fixed_point_of_the_penalised_problem(method: str, momentum: float) -> None:
    """Task loss ½(W - 1)² and penalty ½·f·λ·Ω·W², anchor 0: the minimum is 1 / (1 + f·λ·Ω)."""
    for consolidation in PULLS:
        trainer = tiny.train(
            method, *tiny.bare(method), "strategy.lam=2", f"strategy.consolidation={consolidation}", tasks=1
        )
        strategy, model = trainer.strategy, trainer.model
        strategy.begin_task(trainer, trainer.stream.tasks[1])
        for name, p in model.shared.items():
            strategy.anchor[name].zero_()
            strategy.omega[name].copy_(torch.linspace(0, 3, p.numel()).view_as(p))
            p.data.fill_(0.3)
        shared = list(model.shared.values())
        optimizer = torch.optim.SGD(shared, lr=0.05, momentum=momentum)
        split = trainer.stream.tasks[1].train
        x, y, _ = split[torch.arange(2).expand(2, -1)]
        batch = tiny.batch_of(trainer.stream.tasks[1], x, y, 0.05 / (1 - momentum))
        for _ in range(500):
            for p in shared:
                p.grad = p.detach() - 1
            strategy.edit_gradients(model, batch)
            optimizer.step()
            strategy.after_step(model, batch)
        for name, p in model.shared.items():
            assert torch.allclose(p, 1 / (1 + strategy.factor * 2 * strategy.omega[name]), 1e-4, 1e-5)


@pytest.mark.parametrize("method", [m for m in QUADRATIC if m not in NOT_SUMMED])
def test_importance_sums_over_tasks_and_the_anchor_is_where_the_task_ended(method: str) -> None:
    trainer = tiny.train(method, "strategy.lam=0.01", tasks=1)
    strategy, task = trainer.strategy, trainer.stream.tasks[1]
    first = copies(strategy.omega)
    strategy.begin_task(trainer, task)
    strategy.learn(trainer, task)
    draws = [g.get_state() for g in trainer.generators("fisher labels")]
    new = strategy.measure(trainer, task)
    for g, state in zip(trainer.generators("fisher labels"), draws, strict=True):
        g.set_state(state)
    strategy.end_task(trainer, task)
    for name, p in trainer.model.shared.items():
        assert torch.allclose(strategy.omega[name], (first[name] + new[name]).clamp(min=0), 1e-6)
        assert strategy.omega[name].any()
        assert torch.equal(strategy.anchor[name], p)
        assert strategy.anchor[name].data_ptr() != p.data_ptr()


# -- EWC's three forms ------------------------------------------------------------------------------------------


def with_fishers(anchors: str, gamma: float = 1.0) -> tuple[Trainer, list[Params], list[Params]]:
    """An EWC whose Fishers and weights after each of three tasks are random numbers."""
    trainer = tiny.started(tiny.config("ewc", "strategy.lam=3", f"strategy.anchors={anchors}"))
    strategy, shared = trainer.strategy, trainer.model.shared
    assert isinstance(strategy, EWC)
    strategy.gamma = gamma
    g = torch.Generator().manual_seed(0)
    fishers, ends = [], []
    for task in range(3):
        fisher = {n: torch.rand(p.shape, generator=g) for n, p in shared.items()}
        for n, p in shared.items():
            p.data.copy_(torch.randn(p.shape, generator=g))
            fisher[n].flatten()[task::4] = 0  # a fourth of them matters to one task less, or to none
            fisher[n].flatten()[3::4] = 0
        strategy.add_importance(fisher)
        strategy.move_anchor(trainer.model)
        fishers.append(fisher)
        ends.append(copies(shared))
    return trainer, fishers, ends


def pull_of(trainer: Trainer) -> Params:
    strategy, model = trainer.strategy, trainer.model
    strategy.begin_task(trainer, trainer.stream.tasks[1])
    for p in model.params.values():
        p.data.add_(0.25)
        p.grad = torch.zeros_like(p)
    strategy.edit_gradients(model, tiny.batch_of(trainer.stream.tasks[1], torch.zeros(0), torch.zeros(0)))
    return {name: p.grad for name, p in model.shared.items()}


def test_separate_anchors_are_the_sum_of_the_separate_penalties() -> None:
    trainer, fishers, ends = with_fishers("separate")
    found = pull_of(trainer)
    for name, p in trainer.model.shared.items():
        expected = sum(3 * f[name] * (p.detach() - w[name]) for f, w in zip(fishers, ends, strict=True))
        assert torch.allclose(found[name], expected, 1e-4, 1e-5)


def test_online_decays_the_sum_of_fishers_and_huszar_does_not() -> None:
    for anchors, gamma in (("online", 0.5), ("huszar", 1.0)):
        trainer, fishers, ends = with_fishers(anchors, 0.5)
        found = pull_of(trainer)
        for name, p in trainer.model.shared.items():
            total = gamma**2 * fishers[0][name] + gamma * fishers[1][name] + fishers[2][name]
            assert torch.allclose(found[name], 3 * total * (p.detach() - ends[2][name]), 1e-5)
