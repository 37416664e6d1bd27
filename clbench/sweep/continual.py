"""Hyper-parameters chosen task by task, from the task at hand alone: FACIL's and De Lange's search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clbench.config.options import convert, options_of
from clbench.learn.trainer import Trainer
from clbench.results import Run
from clbench.run import checkpoint
from clbench.run.experiment import SeedGroup
from clbench.run.machine import Machine
from clbench.run.train import Train
from clbench.streams.task import Split, Task


@dataclass(frozen=True)
class Continual(Train):
    """A method whose every seed tries rates and strengths on a task's own training images before it learns it.

    The maximal plasticity search and the stability decay of De Lange et al. 2021 (A continual learning survey,
    section 4): the rate that is best with a strength of 0 gives the reference accuracy; then, from the largest
    strength down, the first that loses at most the tolerated share of it. Accuracy is that of validation images of
    the task at hand; no image of another task and no test image is looked at. The task is then learned from all
    its training images with what was chosen.
    """

    @property
    def title(self) -> str:
        return f"{super().title}, choosing task by task"

    def seeds_at_once(self, machine: Machine, device: torch.device, processes: int) -> int:
        return 1

    def learn_task(self, group: SeedGroup, trainer: Trainer, task: Task, runs: list[Run]) -> None:
        chosen = self.choose(trainer, replace(task, test=None))
        runs[0].chosen.append(chosen)
        self.set(trainer, chosen["rate"], chosen["strength"])
        super().learn_task(group, trainer, replace(task, train=unite(task)), runs)

    def choose(self, trainer: Trainer, task: Task) -> dict[str, Any]:
        """The rate and strength of this task, and the accuracy of everything that was tried."""
        asked = self.config.continual
        assert asked is not None
        tried = {rate: self.attempt(trainer, task, rate, 0.0) for rate in asked["rates"]}
        rate = max(tried, key=lambda rate: tried[rate])
        found = {"rate": rate, "rates": [[r, tried[r]] for r in asked["rates"]], "strengths": []}
        if task.index == 0:  # nothing to forget yet
            return {**found, "strength": asked["values"][0]}
        for strength in asked["values"]:
            accuracy = self.attempt(trainer, task, rate, strength)
            found["strengths"].append([strength, accuracy])
            if accuracy >= (1 - asked["tolerance"]) * tried[rate]:
                break
        return {**found, "strength": strength}

    def attempt(self, trainer: Trainer, task: Task, rate: float, strength: float) -> float:
        """Accuracy on the task's validation images once learned so, -1 if that diverges. Leaves no trace."""
        with undone(trainer):
            self.set(trainer, rate, strength)
            trainer.model.seen = task.index + 1
            trainer.strategy.begin_task(trainer, task)
            trainer.strategy.learn(trainer, task)
            accuracy = trainer.score(task, task.validation)[0]
        return -1.0 if accuracy is None else accuracy

    def set(self, trainer: Trainer, rate: float, strength: float) -> None:
        assert self.config.continual is not None
        trainer.options = replace(trainer.options, lr=rate)
        name = self.config.continual["strength"]
        annotation = options_of(type(trainer.strategy))[name].annotation
        setattr(trainer.strategy, name, convert(strength, annotation, name))

    def plan(self, trainer: Trainer) -> list[int]:
        """At most: a strength that is good enough ends the search."""
        asked = self.config.continual or {}
        most = 1 + len(asked["rates"]) + len(asked["values"])
        return [most * samples for samples in super().plan(trainer)]


def unite(task: Task) -> Split:
    """The task's training images and those held out of them."""
    assert task.validation is not None  # build_stream() sees to it
    rows = torch.cat([task.train.rows, task.validation.rows])
    labels = torch.cat([task.train.labels, task.validation.labels])
    order = rows.argsort()
    return replace(task.train, rows=rows[order], labels=labels[order])


@contextmanager
def undone(trainer: Trainer) -> Iterator[None]:
    """Whatever is learned in here is forgotten: weights, state, draws and counts are put back."""
    kept = checkpoint.Checkpoint(copied(checkpoint.collect(trainer)), {})
    drawn, trained, options = set(trainer.draws_of), trainer.trained, trainer.options
    try:
        yield
    finally:
        for purpose in set(trainer.draws_of) - drawn:
            del trainer.draws_of[purpose]
        checkpoint.restore(trainer, kept, Path("what was before the search"))
        trainer.trained, trainer.options, trainer.kept = trained, options, None


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On a CPU, a checkpoint's tensors are the very ones that are trained."""
    return {name: t.clone() for name, t in tensors.items()}
