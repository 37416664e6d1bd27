"""SGD: one head shared by all tasks."""

from dataclasses import dataclass
from typing import ClassVar

from clbench.registry import strategies
from clbench.strategies.base import Strategy


@strategies.register("sgd")
@dataclass
class SGD(Strategy):
    """One head shared by all tasks, everything trains (paper, section IV-A: single-headed SGD)."""

    paper = "Peng et al. 2021, section IV-A: one head, nothing protected"

    single_head: ClassVar[bool] = True
