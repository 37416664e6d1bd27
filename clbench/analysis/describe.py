"""Analyses as a document: tables and pictures; CSV and JSON have every number, a line a seed."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.analysis.base import Analysis, Loaded
from clbench.errors import UserError
from clbench.report.build import methods
from clbench.report.build.provenance import run
from clbench.report.compose import findings
from clbench.report.document import Document, Note, Records, Section

NONE: Loaded = []


def describe(found: Sequence[Analysis], loaded: Loaded = NONE, without: Sequence[str] = ()) -> Document:
    """A section an analysis. loaded: the runs behind them; without: a line on each analysis that is left out."""
    runs = [run(path.stem, path, result) for path, result in loaded]
    sections = [one.section(runs if one is found[-1] else ()) for one in found]
    notes = [Section("left out", tuple(map(Note, without)))] if without else []
    return Document(
        "",
        (*sections, *notes),
        lambda: [one.as_object() for one in found],
        lambda: _records(found),
        lambda: methods.long_records(findings(loaded).tables),
    )


def _records(found: Sequence[Analysis]) -> Records:
    """UserError for several analyses, whose columns differ; tables of two scores name them apart."""
    if len(found) > 1:
        several = ", ".join(one.what for one in found)
        raise UserError(f"{several} have no columns in common; csv needs --what with one of them")
    return Records.of(found[0].rows)
