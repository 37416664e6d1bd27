"""Pruning studies: result files of the kind `pruning` -> studies that share a comparison -> text and pictures."""

from .studies import Comparison, comparisons
from .words import csv, grids, objects

__all__ = ["Comparison", "comparisons", "csv", "grids", "objects"]
