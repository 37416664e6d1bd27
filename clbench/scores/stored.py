"""Which score a result holds."""

from typing import Any

from clbench.scores.accuracy import ACCURACY
from clbench.scores.score import Score


def score_of(result: Any) -> Score:
    """The score of a result's matrices: accuracy where it states none."""
    found: Score = getattr(result, "score", None) or ACCURACY
    return found
