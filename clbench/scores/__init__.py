"""What a matrix holds: the score, its direction, its bounds and how it is printed. Imports no torch."""

from clbench.scores.accuracy import ACCURACY
from clbench.scores.fid.score import FID, FID_LENET
from clbench.scores.score import Score
from clbench.scores.stored import score_of

__all__ = ["ACCURACY", "FID", "FID_LENET", "Score", "score_of"]
