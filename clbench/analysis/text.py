"""Analyses as text: markdown and LaTeX have the tables, CSV and JSON every number, a line a seed."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from ..errors import UserError
from ..jsonfile import dumps
from ..report import latex, markdown
from .found import Analysis

FORMATS = ("md", "csv", "json", "latex")


def text(found: list[Analysis], fmt: str) -> str:
    """In one of FORMATS; UserError for csv of several analyses, whose columns differ."""
    grids = [grid for analysis in found for grid in analysis.grids]
    if fmt == "csv":
        return _csv(found)
    if fmt == "json":
        return dumps([_object(analysis) for analysis in found])
    return (latex if fmt == "latex" else markdown).write([], grids)


def _csv(found: list[Analysis]) -> str:
    if len(found) > 1:
        several = ", ".join(analysis.what for analysis in found)
        raise UserError(f"{several} have no columns in common; csv needs --what with one of them")
    file = io.StringIO()
    names = dict.fromkeys(name for row in found[0].rows for name in row)  # tables of two scores name them apart
    writer = csv.DictWriter(file, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found[0].rows)
    return file.getvalue()


def _object(analysis: Analysis) -> dict[str, Any]:
    rows = [{name: None if _nan(value) else value for name, value in row.items()} for row in analysis.rows]
    notes = [{"heading": grid.heading, "notes": grid.notes} for grid in analysis.grids]
    return {"analysis": analysis.what, "tables": notes, "rows": rows}


def _nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
