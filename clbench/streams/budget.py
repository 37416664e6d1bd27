"""One budget in bytes decides what is kept as floats, and how much goes through a network at once.

It is a number of the run and not of the machine, so that the same run does the same everywhere: how many images go
at once decides the last digits of sums.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOAT = 4  # bytes
ACTIVATIONS = 16  # numbers that a pass holds for each number of its input, roughly


@dataclass(frozen=True)
class Budget:
    """A half for a task's images as floats, a quarter for what goes through the network at once."""

    bytes: int = 2**31

    @classmethod
    def of(cls, gib: float) -> Budget:
        """As `train.budget` says it."""
        return cls(int(gib * 2**30))

    def keeps(self, numbers: int) -> bool:
        """Whether so many numbers stay in memory as floats."""
        return numbers * FLOAT <= self.bytes // 2

    def images_at_once(self, pixels: int, most: int) -> int:
        """Images of so many numbers each in one pass; `most` is enough for small ones."""
        return self.at_once(pixels * ACTIVATIONS, most)

    def at_once(self, numbers: int, most: int) -> int:
        """Of things that take so many floats each: as many as fit, at least one, at most `most`."""
        return max(1, min(most, self.bytes // 4 // (FLOAT * max(numbers, 1))))
