"""XdG: every task has a random subset of the hidden units to itself; alone, or with EWC or SI on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from clbench.config.options import Fraction
from clbench.errors import UserError
from clbench.models.base import Model
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.strategies.ewc import EWC
from clbench.strategies.si import SI
from clbench.streams.draws import generator
from clbench.streams.task import Stream, Task

OPEN = Cost(1, "hidden unit", per_task=True)


@strategies.register("xdg")
@dataclass
class XdG(Strategy):
    """Context-dependent gating: a fixed random gate of 0s and 1s a task on every hidden unit (Masse et al. 2018).

    The gate multiplies the unit's output, after the bias; exactly round(closed · units) of a layer are closed.
    """

    paper = (
        "Masse et al. 2018, Alleviating catastrophic forgetting using context-dependent gating and synaptic "
        "stabilization"
    )
    stores: ClassVar[tuple[Cost, ...]] = (OPEN,)
    own_head = True
    scenarios = ("task",)
    statistics = "per-task"
    remembers: ClassVar[tuple[str, ...]] = ("open",)

    closed: Annotated[Fraction, "share of each layer's units that a task may not use"] = 0.8

    def needs(self) -> tuple[str, ...]:
        return ("gates", *super().needs())

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        for layer, units in enumerate(model.units):
            if round(self.closed * units) >= units:
                raise UserError(
                    f"strategy.closed={self.closed:g} closes all {units} units of layer {layer + 1}; take less "
                    f"than {(units - 0.5) / units:.4g}, or more units"
                )
        draws = [generator(seed, "gates", model.device) for seed in model.seeds]
        self.open = {  # "task/layer" -> bool [S, units]
            f"{task.index}/{k}": torch.stack([self.drawn(units, g) for g in draws])
            for task in stream.tasks
            for k, units in enumerate(model.units)
        }

    def drawn(self, units: int, draws: torch.Generator) -> Tensor:
        """One gate, bool [units]."""
        return torch.randperm(units, generator=draws, device=draws.device) >= round(self.closed * units)

    def outputs(self, model: Model, x: Tensor, task: Task) -> Tensor:
        layers = range(len(model.units))
        return model(x, task, [self.open[f"{task.index}/{k}"].float().unsqueeze(1) for k in layers])


@strategies.register("xdg-ewc")
@dataclass
class XdGWithEWC(XdG, EWC):
    """Context-dependent gating with elastic weight consolidation (Masse et al. 2018)."""

    stores: ClassVar[tuple[Cost, ...]] = (OPEN, *EWC.stores)
    remembers = ("open", *EWC.remembers)


@strategies.register("xdg-si")
@dataclass
class XdGWithSI(XdG, SI):
    """Context-dependent gating with synaptic intelligence (Masse et al. 2018)."""

    stores: ClassVar[tuple[Cost, ...]] = (OPEN, *SI.stores)
    remembers = ("open", *SI.remembers)
