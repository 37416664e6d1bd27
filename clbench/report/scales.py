"""How a score is printed and coloured: digits, the ends of its scale, units in labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.metrics import Array
from clbench.scores import Score

MOST_DIGITS = 8


def percent_like(score: Score) -> bool:
    """Ten or more from bound to bound as printed: two digits are enough, and whole numbers in a cell."""
    bounds = bounds_of(score)
    return bounds is not None and bounds[1] - bounds[0] >= 10


def bounds_of(score: Score) -> tuple[float, float] | None:
    """As printed; None where there is none on either side."""
    if score.low is None or score.high is None:
        return None
    return score.factor * score.low, score.factor * score.high


def digits_of(score: Score, means: Iterable[float]) -> int:
    """Digits after the point for printed means of this score: two, or so many that the smallest shows four."""
    sizes = [abs(mean) for mean in means if mean and math.isfinite(mean)]
    if percent_like(score) or not sizes or min(sizes) >= 1:
        return 2
    return min(MOST_DIGITS, 3 - math.floor(math.log10(min(sizes))))


def labelled(words: str, score: Score) -> str:
    """`mean accuracy (%)`."""
    return f"{words} ({score.unit})" if score.unit else words


@dataclass(frozen=True)
class Scale:
    """The ends between which printed scores are coloured, from the worst, which is dark, to the best."""

    low: float
    high: float
    better: str  # higher | lower

    @property
    def ends(self) -> tuple[float, float]:
        """Worst, best."""
        return (self.low, self.high) if self.better == "higher" else (self.high, self.low)

    def brightness(self, value: float) -> float:
        """0 at the worst end, 1 at the best."""
        worst, best = self.ends
        return min(max((value - worst) / (best - worst), 0.0), 1.0)


def scale_of(score: Score, matrices: Sequence[Array]) -> Scale:
    """The bounds of the score, or where it lacks one the range of what is measured. matrices: as printed"""
    seen = np.concatenate([np.ravel(R) for R in matrices]) if matrices else np.array([])
    seen = seen[np.isfinite(seen)]
    measured = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    low, high = bounds_of(score) or measured
    return Scale(low, high if high > low else low + 1.0, score.better)


def in_a_cell(value: float, score: Score) -> str:
    """Short enough for a square of a heat map: whole percents, or three digits."""
    if percent_like(score):
        return f"{value:.0f}"
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(digits, 0), MOST_DIGITS)}f}"
