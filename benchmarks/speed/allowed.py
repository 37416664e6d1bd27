"""The share of a bare loop's speed that a method's own arithmetic leaves: what it computes besides is counted.

Replay: every step trains on as many images more as the memory gives (DER++ twice). LwF: the teacher sees every
image of the task once, forward; each step goes through the old heads too. HAT: gates multiply what layers give
(forward one operation, backward three at most), and after each step a protected weight moves between two values
(three). The regularisers' few operations a weight and step are not allowed for: they have a target of their own.
"""

from __future__ import annotations

from itertools import islice

from benchmarks.speed.arithmetic import Work
from clbench.learn.trainer import Trainer
from clbench.strategies.derpp import DERPP
from clbench.strategies.hat import HAT
from clbench.strategies.lwf import LwF
from clbench.strategies.replay import Replay
from clbench.streams.task import Task


def allowed(trainer: Trainer, work: Work, tasks: tuple[Task, ...]) -> float:
    """1 where a method adds nothing that is counted. tasks: those that are timed."""
    plain = sum(passes(trainer, task) * len(task.train) for task in tasks) * work.step
    return plain / (plain + sum(added(trainer, work, task) for task in tasks))


def added(trainer: Trainer, work: Work, task: Task) -> float:
    """Operations of one seed in learning `task` besides those of a plain training."""
    strategy, model, images = trainer.strategy, trainer.model, passes(trainer, task) * len(task.train)
    steps = sum(islice(trainer.options.lengths(len(task.train)), trainer.options.epochs))
    if isinstance(strategy, Replay):
        drawn = min(strategy.replay, strategy.memory.size)
        batches = (strategy.alpha > 0) + (strategy.beta > 0) if isinstance(strategy, DERPP) else 1
        return batches * steps * drawn * work.step
    if isinstance(strategy, LwF):
        old_heads = 2 * model.params["head.weight"].shape[-1] * task.columns[0]  # operations of a forward pass
        return len(task.train) * work.forward + 3 * images * old_heads
    if isinstance(strategy, HAT):
        weights = sum(p[0].numel() for p in model.shared.values())
        return 4 * images * work.outputs + 3 * steps * weights
    return 0.0


def passes(trainer: Trainer, task: Task) -> float:
    return trainer.options.passes(len(task.train))
