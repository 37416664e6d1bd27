"""MAS: the sensitivity of the outputs says how far a weight may move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from clbench.config.options import Adjustable, NonNegative
from clbench.learn.importance import Samples, sampled, sensitivity
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("mas")
@dataclass
class MAS(Quadratic):
    """Memory aware synapses: mean absolute per-sample gradient of |logits|² (Aljundi et al. 2018, equation 3)."""

    paper = "Aljundi et al. 2018, Memory aware synapses: learning what (not) to forget"

    lam: Annotated[NonNegative, "strength of the pull", Adjustable] = 1.0
    importance_samples: Samples = None

    factor: ClassVar[float] = 2.0

    def measure(self, trainer: Trainer, task: Task) -> Params:
        return sensitivity(trainer, sampled(trainer, task, self.importance_samples))
