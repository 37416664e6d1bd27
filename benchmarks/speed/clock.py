"""Seconds on the wall and of the processor, and what a table says of several of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Clock:
    """Seconds on the wall and of the processor."""

    wall: float
    cpu: float

    @staticmethod
    def now(device: torch.device = CPU) -> Clock:
        """When all that a GPU was asked for is done."""
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return Clock(time.perf_counter(), time.process_time())

    def __add__(self, other: Clock) -> Clock:
        return Clock(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Clock) -> Clock:
        return Clock(self.wall - other.wall, self.cpu - other.cpu)

    def over(self, other: Clock, times: float = 1.0) -> Clock:
        return Clock(times * self.wall / other.wall, times * self.cpu / other.cpu)


def spread(values: Iterable[float], name: str, digits: int | None = 3) -> dict[str, float]:
    """Median under `name`, and the extremes; digits: after the point, None for whole numbers."""
    found = list(values)
    numbers = {name: median(found), "lowest": min(found), "highest": max(found)}
    return {key: round(number, digits) for key, number in numbers.items()}


def ratios(found: list[Clock]) -> dict[str, Any]:
    """Median and extremes by the wall, median by the processor."""
    numbers = spread((clock.wall for clock in found), "ratio")
    return {**numbers, "processor time": round(median(clock.cpu for clock in found), 3)}


def judged(value: float, target: float | None, at_most: bool = False) -> dict[str, Any]:
    """A target beside what was measured, and whether it is reached; None where there is none."""
    ok = None if target is None else (value <= target if at_most else value >= target)
    return {"target": target, "ok": ok}
