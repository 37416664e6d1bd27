"""What a matrix holds: the score, its direction, its bounds and how it is printed. Imports no torch."""

from clbench.scores.accuracy import ACCURACY
from clbench.scores.score import Score
from clbench.scores.stored import score_of

__all__ = ["ACCURACY", "Score", "score_of"]
