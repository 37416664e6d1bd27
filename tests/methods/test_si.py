"""SI against a trace worked by hand."""

from __future__ import annotations

import pytest
import tiny
import torch

from clbench.learn.trainer import Trainer
from clbench.models.params import copies


def steps(trainer: Trainer, task: int, gradients: list[float], rate: float = 0.1) -> None:
    """Plain SGD on one number that all weights share, with these gradients of the task loss."""
    strategy, model = trainer.strategy, trainer.model
    strategy.begin_task(trainer, trainer.stream.tasks[task])
    optimizer = torch.optim.SGD(list(model.shared.values()), lr=abs(rate), maximize=rate < 0)
    batch = tiny.batch_of(trainer.stream.tasks[task], torch.zeros(0), torch.zeros(0), rate)
    for g in gradients:
        for p in model.shared.values():
            p.grad = torch.full_like(p, g)
        strategy.edit_gradients(model, batch)
        optimizer.step()
        strategy.after_step(model, batch)
    strategy.end_task(trainer, trainer.stream.tasks[task])


def si(consolidation: str) -> Trainer:
    sets = ("strategy.lam=2", "strategy.xi=0.1", f"strategy.consolidation={consolidation}")
    trainer = tiny.started(tiny.config("si", *sets))
    for p in trainer.model.shared.values():
        p.data.fill_(1.0)
    trainer.strategy.start(trainer.model, trainer.stream)
    return trainer


def assert_everywhere(params: dict[str, torch.Tensor], value: float) -> None:
    for tensor in params.values():
        assert torch.allclose(tensor, torch.tensor(value), 1e-5), (tensor.flatten()[0], value)


# Task 1, rate 0.1, W = 1, gradients 2, -1, 3: steps -0.2, +0.1, -0.3.
# -Σ g·ΔW = 0.4 + 0.1 + 0.9 = 1.4; W = 0.6, displacement -0.4: Ω = 1.4 / (0.16 + 0.1).
OMEGA_1 = 1.4 / 0.26


@pytest.mark.parametrize("consolidation", ["gradient", "proximal"])
def test_path_integral_of_task_one(consolidation: str) -> None:
    trainer = si(consolidation)
    steps(trainer, 0, [2, -1, 3])
    assert_everywhere(trainer.model.shared, 0.6)
    assert_everywhere(trainer.strategy.path, 1.4)
    assert_everywhere(trainer.strategy.omega, OMEGA_1)


def test_the_path_of_task_two_takes_the_task_gradient_alone_and_the_step_actually_made() -> None:
    # g = 1, 1. Step 1: at the anchor, no pull: -0.1. Step 2: the pull is 2·2·Ω·(-0.1).
    trainer = si("gradient")
    steps(trainer, 0, [2, -1, 3])
    second = -0.1 * (1 + 2 * 2 * OMEGA_1 * -0.1)
    steps(trainer, 1, [1, 1])
    path = 0.1 - second
    assert_everywhere(trainer.strategy.path, path)
    assert_everywhere(trainer.strategy.omega, max(0, OMEGA_1 + path / ((second - 0.1) ** 2 + 0.1)))


def test_the_path_of_task_two_under_the_proximal_pull() -> None:
    # One step: W' = 0.5, k·Ω = 2·2·0.1·Ω, W = (0.5 + kΩ·0.6) / (1 + kΩ).
    trainer = si("proximal")
    steps(trainer, 0, [2, -1, 3])
    k = 0.4 * OMEGA_1
    moved = (0.5 + k * 0.6) / (1 + k) - 0.6
    steps(trainer, 1, [1])
    assert_everywhere(trainer.strategy.path, -moved)
    assert_everywhere(trainer.strategy.omega, OMEGA_1 - moved / (moved**2 + 0.1))


def test_importance_never_falls_below_zero() -> None:
    # Momentum can make a step against the gradient; here every one is.
    trainer = si("gradient")
    steps(trainer, 0, [1], rate=-0.1)
    assert_everywhere(trainer.strategy.path, -0.1)
    assert_everywhere(trainer.strategy.omega, 0.0)


def test_in_real_training_the_path_is_not_zero() -> None:
    trainer = tiny.train("si", tasks=1)
    before = copies(trainer.strategy.omega)
    assert all((omega > 0).float().mean() > 0.3 for omega in before.values())
