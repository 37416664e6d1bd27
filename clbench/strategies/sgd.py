"""SGD: one head shared by all tasks."""

from dataclasses import dataclass
from typing import ClassVar

from clbench.registry import strategies
from clbench.strategies.base import Strategy


@strategies.register("sgd")
@dataclass
class SGD(Strategy):
    """One head shared by all tasks, everything trains (paper, section IV-A: single-headed SGD)."""

    single_head: ClassVar[bool] = True
