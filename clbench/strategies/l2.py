"""L2: every weight is pulled alike to where the task before left it, the control of the other regularisers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch

from clbench.config.options import Adjustable, NonNegative
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("l2")
@dataclass
class L2(Quadratic):
    """Importance 1 for every shared weight, however many tasks there were (Hsu et al. 2018).

    The gradient is lam · (W - anchor): their coefficient, whose penalty has no 1/2, is lam / 2.
    """

    paper = (
        "Hsu et al. 2018, Re-evaluating continual learning scenarios: a categorization and case for strong "
        "baselines"
    )

    lam: Annotated[NonNegative, "strength of the pull", Adjustable] = 0.02

    def measure(self, trainer: Trainer, task: Task) -> Params:
        """What a task adds to the importance: 1 the first, 0 each later one."""
        return {n: torch.full_like(p, task.index == 0) for n, p in trainer.model.shared.items()}
