"""A task ends when its training loss has not improved for so many epochs: by losses that are made by hand."""

from __future__ import annotations

import pytest
import tiny
import torch
from tiny import METHODS

from clbench.learn.trainer import Trainer

THREE = ("train.patience=3", "train.epochs=8", "strategy.gdumb.epochs=8")
MADE = torch.tensor(
    [
        [
            3.0,
            2.0,
            2.0,
            2.5,
            2.0,
            1.0,
            1.0,
            1.0,
        ],  # best after the second epoch, and three in which it is not better
        [3.0, 2.0, 1.0, 1.0, 1.5, 0.9, 0.8, 0.7],  # two such and then better: only the number of epochs ends it
    ]
)
EXPECTED = [[True, True]] * 5 + [[False, True]] * 3
RETRAINING = {
    "anpyc": ("strategy.retrain_epochs=8", "strategy.beta=50"),
    "lwf": ("strategy.warmup_epochs=8",),
    "packnet": ("strategy.retrain_epochs=8",),
}


def made(trainer: Trainer) -> list[list[list[bool]]]:
    """Of every fit to come, which seeds learn in each of its epochs, whose losses are those made."""
    fits: list[list[list[bool]]] = []
    epoch = trainer.epoch

    def watched(task, split, turns, number, steps):
        if number == 0:
            fits.append([])
        fits[-1].append(trainer.model.active.tolist())
        epoch(task, split, turns, number, steps)
        return MADE[:, number]

    trainer.epoch = watched  # type: ignore[method-assign]
    return fits


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_every_fit_of_a_method_ends_for_each_seed_after_three_epochs_without_a_lower_loss(method: str) -> None:
    chosen = tiny.config(method, *THREE, *RETRAINING.get(method, ()), "train.lr=0.01", "stream.tasks=3")
    trainer = tiny.started(chosen)
    fits = made(trainer)
    tiny.learn(trainer, chosen)
    assert all(fit == EXPECTED for fit in fits)
    more = {"anpyc": 2 * 2, "lwf": 2, "packnet": 2}.get(method, 0)  # rounds, warm-ups, retrainings of the tasks
    assert len(fits) == (1 if method == "joint" else 3) + more
    assert trainer.model.active.all()  # a seed that stopped learns the next task


@pytest.mark.parametrize(("patience", "epochs"), [(0, [8, 8]), (1, [3, 4]), (2, [4, 5]), (3, [5, 8]), (4, [8, 8])])
def test_epochs_of_each_seed_by_patience(patience: int, epochs: list[int]) -> None:
    chosen = tiny.config("finetuning", "train.epochs=8", f"train.patience={patience}", "train.lr=0.01")
    trainer = tiny.started(chosen)
    fits = made(trainer)
    tiny.learn(trainer, chosen, tasks=1)
    assert [sum(each) for each in zip(*fits[0], strict=True)] == epochs


def test_under_iterations_the_steps_are_the_most_that_there_are() -> None:
    chosen = tiny.config("finetuning", "train.iterations=26", "train.patience=3", "train.lr=0.01")
    trainer = tiny.started(chosen)
    fits = made(trainer)
    tiny.learn(trainer, chosen, tasks=1)
    assert fits == [EXPECTED[:7]]  # six epochs of four steps and one of two


@pytest.mark.parametrize("method", ["finetuning", "ewc", "er", "lwf", "icarl"])
def test_what_patience_compares_is_the_mean_loss_of_the_images_shown(method: str) -> None:
    chosen = tiny.config(method, *THREE, "train.lr=0.01")
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    shown: list[torch.Tensor] = []
    loss, watched, means = trainer.strategy.loss, trainer.watched_loss, []

    def noted(model, batch):
        found = loss(model, batch)
        shown.append(found.detach() * (batch.own or batch.y.shape[1]))
        return found

    def compared(task, training_loss):
        means.append(torch.stack(shown).sum(0) / len(task.train))
        shown.clear()
        assert torch.allclose(training_loss, means[-1], 1e-5)
        return watched(task, training_loss)

    trainer.strategy.loss, trainer.watched_loss = noted, compared  # type: ignore[method-assign]
    trainer.model.seen = 2
    trainer.strategy.begin_task(trainer, trainer.stream.tasks[1])
    trainer.strategy.learn(trainer, trainer.stream.tasks[1])
    assert 1 < len(means) <= 8
