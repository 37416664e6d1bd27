"""How far generated images are from real ones, through features: of Inception, or a LeNet's, never called FID."""

from clbench.scores.score import Score

FID = Score("FID", mean_name="FID", better="lower", low=0.0)
FID_LENET = Score("FID-lenet", mean_name="FID-lenet", better="lower", low=0.0)
