"""Analyses as text: tables in markdown, LaTeX and HTML; CSV and JSON have every number, a line a seed."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clbench.analysis.base import Analysis, Loaded
from clbench.errors import UserError
from clbench.report.write import latex, md
from clbench.results.jsonfile import dumps

FORMATS = ("md", "csv", "json", "latex", "html")
NONE: Loaded = []


def text(found: list[Analysis], fmt: str, pictures: Sequence[Path] = (), loaded: Loaded = NONE) -> str:
    """In one of FORMATS; UserError for csv of several analyses, whose columns differ.

    pictures: drawn already, which LaTeX shows; a page of HTML has its own within it. loaded: the runs behind the
    analyses, of which a page says how they were made.
    """
    grids = [grid for analysis in found for grid in analysis.grids]
    if fmt == "csv":
        return _csv(found)
    if fmt == "json":
        return dumps([_object(analysis) for analysis in found])
    if fmt == "html":
        return _page(found, loaded)
    if fmt == "latex":
        shown = {path.as_posix(): path.stem.replace("-", " ") for path in pictures if path.suffix == ".png"}
        return latex.write([], grids, shown)
    return md.write([], grids)


def _page(found: list[Analysis], loaded: Loaded) -> str:
    from clbench.report.write import html  # jinja2, which the other formats do without

    parts = []
    for analysis in found:
        with tempfile.TemporaryDirectory() as folder:
            drawn = [path for path in analysis.draw(Path(folder)) if path.suffix == ".png"]
            images = {path.stem: path.read_bytes() for path in drawn}
        runs = [(path.stem, path, result) for path, result in loaded] if analysis is found[-1] else []
        parts.append(html.Further(analysis.what, analysis.grids, images, runs))
    return html.write([], [], parts)


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
