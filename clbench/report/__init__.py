"""Reports: result files in, tables and plots out. Only reads; never imports torch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..results import find, load
from . import csv, json, latex, markdown
from .cells import columns
from .rows import tables
from .table import Row, Table

__all__ = ["FORMATS", "Row", "Table", "read", "report"]

FORMATS: dict[str, Callable[[list[Table]], str]] = {
    "md": markdown.write,
    "csv": csv.write,
    "latex": latex.write,
    "json": json.write,
}
log = logging.getLogger(__name__)


def report(paths: list[Path], fmt: str = "md", metrics: list[str] | None = None, plots: Path | None = None) -> str:
    """The results in the files and folders given, as text in one of FORMATS, with the metrics as columns.

    With `plots`, pictures go into that folder; markdown ends with their list, and each is logged.
    UserError: no such format or metric, no result found, a damaged result, a folder not writable.
    """
    if fmt not in FORMATS:
        raise UserError(f"no report format called {fmt!r}; there are {', '.join(FORMATS)}")
    found = read(paths, metrics)
    text = FORMATS[fmt](found)
    if plots is None:
        return text
    from .plots import draw  # matplotlib is slow to import and often not needed

    pictures = draw(found, plots)
    for picture in pictures:
        log.info("wrote %s", picture)
    return text + "".join(["\nPlots:\n\n", *(f"- {picture}\n" for picture in pictures)] if fmt == "md" else [])


def read(paths: list[Path], metrics: list[str] | None = None) -> list[Table]:
    """The tables behind a report. Names of metrics are those of `clbench.metrics.METRICS`, and the costs."""
    chosen = columns(metrics)
    files = find(paths)
    if not files:
        raise UserError(f"no results in {', '.join(map(str, paths)) or 'no paths'}; `clbench train` writes them")
    return tables([(file, load(file)) for file in files], chosen)
