"""What a method keeps between tasks, in bytes, as a function of network, memory and number of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal[
    "shared weight",  # weights and biases of every layer but the heads
    "weight of its generator",  # that a method trains beside a classifier, for itself
    "connection",  # shared weights without the biases
    "hidden unit",  # what a gate multiplies
    "stored image",
    "pixel of a stored image",
    "output of a stored image",  # of all heads
    "run",
]


@dataclass(frozen=True)
class Cost:
    """So many bytes for each `unit` of one seed, once or for every task of the stream."""

    bytes: int
    unit: Unit
    per_task: bool = False

    def __str__(self) -> str:
        count = "1 byte" if self.bytes == 1 else f"{self.bytes} bytes"
        return f"{count} a {self.unit}" + (" and task" if self.per_task else "")


def total(costs: Sequence[Cost], counts: Mapping[str, int], tasks: int) -> int:
    """Bytes of one seed, given how many of each unit there are."""
    return sum(c.bytes * counts[c.unit] * (tasks if c.per_task else 1) for c in costs)


def described(costs: Sequence[Cost]) -> str:
    """'8 bytes a shared weight + 1 byte a hidden unit and task', or 'nothing'."""
    return " + ".join(map(str, costs)) or "nothing"
