"""How long a fit is, and what goes on from one fit to the next: iterations and keep_optimizer."""

from __future__ import annotations

import pytest
import tiny
import torch
from plain import both
from tiny import METHODS
from torch.nn import functional as F

from clbench.config.training import Training
from clbench.learn.optimizers import new_optimizer
from clbench.run.train import Train

KEPT = ("train.keep_optimizer=true", "train.optimizer=adam", "train.lr=0.01")
STOPPING = ("train.epochs=6", "train.patience=1", "train.batch_size=8", "train.lr=0.05")


@pytest.mark.parametrize("optimizer", ["adam", "nadam", "sgd"])
def test_one_optimizer_for_all_tasks_is_a_kept_one(optimizer: str) -> None:
    """Torch's own, made once for the layers that tasks share, and once a task for its head."""
    sets = (f"train.optimizer={optimizer}", "train.lr=0.01", "train.keep_optimizer=true", "stream.tasks=3")
    plain, trainer, chosen = both("finetuning", *sets)
    options = trainer.options
    shared = new_optimizer(options, list(plain.shared.values()))
    for task in plain.tasks:
        own = new_optimizer(options, list(plain.heads[task.index].parameters()))
        x, y = plain.images(task)
        for _ in range(options.epochs):
            for rows in torch.randperm(len(x), generator=plain.order).split(options.batch_size):
                shared.zero_grad()
                own.zero_grad()
                F.cross_entropy(plain(x[rows], task.index), y[rows]).backward()
                shared.step()
                own.step()
    tiny.learn(trainer, chosen)
    plain.assert_equal(trainer)
    anew = tiny.train("finetuning", *sets[:2], "stream.tasks=3", stream="split-digits", seeds=trainer.model.seeds)
    assert not tiny.close(tiny.weights(anew), tiny.weights(trainer), 1e-3, 1e-4)


def test_nothing_is_kept_by_default() -> None:
    assert tiny.train("finetuning", "train.optimizer=adam").optimizer_state == {}


@pytest.mark.parametrize(("scenario", "kept"), [("task", False), ("domain", True), ("class", True)])
def test_the_head_s_state_is_kept_where_tasks_share_it(scenario: str, kept: bool) -> None:
    trainer = tiny.train("finetuning", *KEPT, stream="split-digits", scenario=scenario)
    assert ("exp_avg/head.weight" in trainer.optimizer_state) == kept
    assert trainer.optimizer_state["exp_avg/network.blocks.0.weight"].any()


def test_a_kept_optimizer_leaves_the_heads_of_earlier_tasks() -> None:
    first, both_tasks = (tiny.train("finetuning", *KEPT, stream="split-digits", tasks=n) for n in (1, 2))
    head = "head.weight"
    assert torch.equal(first.model.params[head][:, :2], both_tasks.model.params[head][:, :2])
    assert not torch.equal(first.model.params[head][:, 2:], both_tasks.model.params[head][:, 2:])


def test_a_seed_that_stops_early_keeps_its_optimizer_s_state() -> None:
    trainer = tiny.train("finetuning", *KEPT, *STOPPING, seeds=(0, 3, 4))
    steps = trainer.optimizer_state["step/network.blocks.0.weight"].tolist()
    assert steps == trainer.steps.tolist()
    assert len(set(steps)) > 1


def test_frozen_layers_keep_their_state_for_when_they_thaw() -> None:
    chosen = tiny.config("sgd-f", *KEPT)
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    before = dict(trainer.optimizer_state)
    trainer.fit(trainer.stream.tasks[1])
    assert tiny.same(trainer.optimizer_state, before)


# -- iterations -------------------------------------------------------------------------------------------------


def test_lengths_of_epochs() -> None:
    assert list(Training(epochs=3, batch_size=16).lengths(50)) == [4, 4, 4]
    counted = Training(epochs=3, batch_size=16, iterations=10)
    assert list(counted.lengths(50)) == [4, 4, 2]
    assert list(counted.lengths(50, epochs=1)) == [4]
    assert list(Training(batch_size=16, iterations=8).lengths(50)) == [4, 4]
    assert list(Training(batch_size=16, iterations=3).lengths(50)) == [3]


def test_iterations_are_the_first_steps_of_as_many_epochs() -> None:
    whole = tiny.train("finetuning", "train.epochs=2", tasks=1)
    same = tiny.train("finetuning", "train.iterations=8", "train.epochs=7", tasks=1)
    assert tiny.same(tiny.weights(whole), tiny.weights(same))
    cut = tiny.train("finetuning", "train.iterations=6", "train.lr_step=1", tasks=1)
    assert cut.steps.tolist() == [6, 6]
    assert cut.trained == 50 + 2 * 16


def test_progress_reaches_one_in_a_cut_epoch_too() -> None:
    trainer = tiny.started(tiny.config("finetuning"))
    task = trainer.stream.tasks[0]
    assert [b.progress for b in trainer.batches(task, task.train, 0.1, steps=3)] == [0, 0.5, 1]


def test_patience_watches_the_mean_loss_of_what_a_cut_epoch_showed() -> None:
    trainer = tiny.started(tiny.config("finetuning", "train.lr=1e-12"))
    task = trainer.stream.tasks[0]
    turns = trainer.turns(task, 1.0)
    whole, cut = (trainer.epoch(task, task.train, turns, 0, steps) for steps in (4, 1))
    assert torch.allclose(whole, cut, rtol=0.2)


@pytest.mark.parametrize("sets", [("train.epochs=3",), ("train.iterations=6",)])
@pytest.mark.parametrize("method", METHODS)
def test_the_estimate_of_a_run_is_what_it_trains(method: str, sets: tuple[str, ...]) -> None:
    chosen = tiny.config(method, *sets, stream="split-digits")
    trainer = tiny.started(chosen)
    planned = Train(chosen).plan(trainer)[1:]
    trained = []
    for task in trainer.stream.tasks:
        before = trainer.trained
        trainer.model.seen = task.index + 1
        trainer.strategy.begin_task(trainer, task)
        trainer.strategy.learn(trainer, task)
        trainer.strategy.end_task(trainer, task)
        trained.append((trainer.trained - before) * len(chosen.seeds))
    assert planned == trained
