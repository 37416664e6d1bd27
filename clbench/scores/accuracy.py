"""Accuracy: the share of images that are answered rightly."""

from clbench.scores.score import Score

ACCURACY = Score(
    "accuracy", mean_name="ACC", better="higher", unit="%", difference="points", factor=100.0, low=0.0, high=1.0
)
