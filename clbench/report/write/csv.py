"""The numbers behind documents as CSV, unrounded: a line a configuration, or a line a run, stage and task."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from clbench.config.printable import printable
from clbench.errors import UserError
from clbench.report.document import Document, Records
from clbench.report.write import Place, writes


@writes("csv", ".csv")
def write(documents: Sequence[Document], place: Place) -> str:
    """Wide: a line a row of the tables, a metric's mean, standard deviation and number of seeds in columns."""
    return _set([document.records() for document in documents])


@writes("csv-long")
def write_long(documents: Sequence[Document], place: Place) -> str:
    """Long: a line a run, stage and task."""
    found = [document.long() for document in documents if document.long is not None]
    if not found:
        raise UserError("there are no runs here to write a line each of; use --format csv")
    return _set(found)


def _set(found: Sequence[Records]) -> str:
    """One after the other, with the columns of all."""
    file = io.StringIO()
    columns = list(dict.fromkeys(name for records in found for name in records.columns))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(cell, columns))
    for row in (row for records in found for row in records.rows):
        writer.writerow([cell(row.get(name, "")) for name in columns])
    return file.getvalue()


def cell(value: Any) -> Any:
    """Text on one line; after an apostrophe where a spreadsheet would run it, unless it is a number."""
    if value is None or isinstance(value, int | float):
        return value
    words = printable(value)
    return f"'{words}" if len(words) > 1 and words[0] in "=+-@" and not is_number(words) else words


def is_number(words: str) -> bool:
    try:
        float(words)
    except ValueError:
        return False
    return True
