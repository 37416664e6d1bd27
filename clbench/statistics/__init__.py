"""How sure a number is: intervals of a mean, paired tests over seeds, ranks over streams. Pure functions."""

from clbench.statistics.estimates import deviation_difference, mean_difference, mean_of
from clbench.statistics.intervals import bootstrap_interval, t_interval
from clbench.statistics.paired import PairedTests, holm, paired_tests, seeds_needed, smallest_p
from clbench.statistics.ranks import Agreement, agreement, average_ranks, cliques, friedman, nemenyi_difference

__all__ = [
    "Agreement",
    "PairedTests",
    "agreement",
    "average_ranks",
    "bootstrap_interval",
    "cliques",
    "deviation_difference",
    "friedman",
    "holm",
    "mean_difference",
    "mean_of",
    "nemenyi_difference",
    "paired_tests",
    "seeds_needed",
    "smallest_p",
    "t_interval",
]
