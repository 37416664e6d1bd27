"""`clbench show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import AcceptModified, AsJson, Format, Output, Quiet, printing


def show(
    files: Annotated[list[Path], typer.Argument(help="Files of trainings, pruning studies or sweeps.")],
    accept_modified: AcceptModified = False,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """What is in a result file: every value with its origin, stages, seeds, data, and what made it."""
    how = printing(format_, output, as_json, quiet)
    from clbench.report.build.contents import describe

    how.show([describe(files, accept_modified)])
