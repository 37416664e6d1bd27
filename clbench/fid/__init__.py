"""How far two sets of images are apart: features of a network, and distances of their distributions.

What is here needs no torch; `lenet` and `inception` make features of images.
"""

from clbench.fid.distance import Distance, Statistics, frechet, frechet_infinity, statistics_of
from clbench.fid.kernel import KID, kid
from clbench.fid.manifolds import PrecisionRecall, precision_recall

__all__ = [
    "KID",
    "Distance",
    "PrecisionRecall",
    "Statistics",
    "frechet",
    "frechet_infinity",
    "kid",
    "precision_recall",
    "statistics_of",
]
