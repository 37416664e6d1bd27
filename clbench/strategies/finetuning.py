"""Fine-tuning: every task has its own head, everything trains, nothing is protected."""

from dataclasses import dataclass

from clbench.registry import strategies
from clbench.strategies.base import Strategy


@strategies.register("finetuning")
@dataclass
class Finetuning(Strategy):
    """Own head per task, everything trains, nothing is protected (paper, section IV-A)."""

    paper = "Peng et al. 2021, section IV-A: fine-tuning"
    own_head = True
