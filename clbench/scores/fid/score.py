"""How far generated images are from real ones, through features: of Inception, or a LeNet's, never called FID."""

from clbench.scores.score import Score

ENOUGH = 5000  # images; of fewer, FID's bias is larger than most differences that are spoken of
FID = Score("FID", mean_name="FID", better="lower", low=0.0)
FID_LENET = Score("FID-lenet", mean_name="FID-lenet", better="lower", low=0.0)
