"""Pruning studies: result files of the kind `pruning` -> studies that share a comparison -> sections, numbers."""

from clbench.report.build.pruning.studies import Comparison, comparisons
from clbench.report.build.pruning.tables import long_records, objects, records, section

__all__ = ["Comparison", "comparisons", "long_records", "objects", "records", "section"]
