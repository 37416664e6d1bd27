"""Training on the images of several tasks is as long as training on each of them, whatever counts its length."""

from __future__ import annotations

import pytest
import tiny
import torch

from clbench.config.training import Training
from clbench.learn.memory import of_all_so_far
from clbench.run.train import Train

STEPS = ("stream.tasks=3", "train.iterations=6")


def test_joint_takes_the_steps_of_all_tasks_and_shows_as_many_images_as_fine_tuning() -> None:
    joint, finetuning = (tiny.train(method, *STEPS, stream="split-digits") for method in ("joint", "finetuning"))
    assert joint.steps.tolist() == finetuning.steps.tolist() == [18, 18]
    assert abs(joint.trained - finetuning.trained) < 3 * 16  # but for the short last batch of a pass


def test_joint_by_steps_is_joint_by_as_many_epochs() -> None:
    images = ("stream.tasks=3", "stream.limit=32", "train.lr_step=2")  # 2 batches a task, 6 of all three
    by_epochs = tiny.train("joint", *images, "train.epochs=3", stream="split-digits")
    by_steps = tiny.train("joint", *images, "train.iterations=6", stream="split-digits")
    assert tiny.same(tiny.weights(by_epochs), tiny.weights(by_steps))


def test_what_unites_tasks_says_of_how_many_its_images_are() -> None:
    stream = tiny.started(tiny.config("finetuning", "stream.tasks=3")).stream
    assert [task.unites for task in stream.tasks] == [1, 1, 1]
    assert stream.union().unites == 3
    assert [of_all_so_far(task).unites for task in stream.tasks] == [1, 2, 3]
    training = Training(batch_size=16, iterations=5)
    assert list(training.lengths(50, tasks=3)) == [4, 4, 4, 3]
    assert training.passes(50, tasks=3) == 3 + 3 * 16 / 50
    assert list(training.lengths(50, epochs=2, tasks=3)) == [4, 4]  # a method's own epochs are passes


@pytest.mark.parametrize("passes", ["0", "6"])
def test_gdumb_without_a_length_of_its_own_trains_the_steps_of_its_tasks(passes: str) -> None:
    sets = (*STEPS, f"strategy.gdumb.epochs={passes}", "strategy.gdumb.memory_size=30")
    chosen = tiny.config("gdumb", *sets, stream="split-digits")
    trainer = tiny.started(chosen)
    planned = Train(chosen).plan(trainer)[1:]
    steps, trained = [], []
    for task in trainer.stream.tasks:
        before, shown = trainer.steps.clone(), trainer.trained
        tiny.learn_task(chosen, trainer, task)
        steps.append((trainer.steps - before).tolist())
        trained.append((trainer.trained - shown) * len(chosen.seeds))
    assert steps == ([[6, 6], [12, 12], [18, 18]] if passes == "0" else [[12, 12]] * 3)  # 30 images, batches of 16
    assert planned == trained


def test_the_rate_of_gdumb_falls_at_the_same_share_of_a_training_that_steps_count() -> None:
    """12 steps are 3 passes over a task: a fall after 1 of them is one after 20 of 60 passes over the memory."""
    trainer = tiny.started(tiny.config("gdumb", "train.iterations=12", "train.lr_step=1", stream="split-digits"))
    task, falls = trainer.stream.tasks[0], []
    fit = trainer.fit
    trainer.fit = lambda *args, **options: falls.append(options["stretch"]) or fit(*args, **options)  # type: ignore[method-assign, func-returns-value]
    trainer.strategy.learn(trainer, task)
    assert falls == [20]
    assert torch.isfinite(trainer.model.params["head.weight"]).all()
