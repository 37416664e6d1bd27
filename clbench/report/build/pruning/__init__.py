"""Pruning studies: result files of the kind `pruning` -> studies that share a comparison -> text and pictures."""

from clbench.report.build.pruning.studies import Comparison, comparisons
from clbench.report.build.pruning.tables import csv, grids, objects

__all__ = ["Comparison", "comparisons", "csv", "grids", "objects"]
