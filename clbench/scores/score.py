"""A score: what the numbers of a matrix are, which of them are better, and how they are printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Score:
    """What R[stage][task] holds. A printed number is a stored one times `factor`, in `unit`.

    mean_name: what the mean over all tasks after the last one is called. difference: the unit of a difference of
    two printed numbers. low, high: bounds of stored numbers, None where there is none.
    """

    name: str
    mean_name: str
    better: Direction
    unit: str = ""
    difference: str = ""
    factor: float = 1.0
    low: float | None = None
    high: float | None = None

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is: a number times it is the better the larger it is."""
        return 1 if self.better == "higher" else -1
