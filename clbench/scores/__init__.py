"""What a matrix holds: the score, its direction, its bounds and how it is printed. Imports no torch."""

from clbench.scores.accuracy import ACCURACY
from clbench.scores.score import Score

__all__ = ["ACCURACY", "Score"]
