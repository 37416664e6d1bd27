"""`clbench show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import AcceptModified, AsJson


def show(
    files: Annotated[list[Path], typer.Argument(help="Files of trainings, pruning studies or sweeps.")],
    accept_modified: AcceptModified = False,
    as_json: AsJson = False,
) -> None:
    """What is in a result file: every value with its origin, stages, seeds, data, and what made it."""
    from clbench.report import show as shown

    if as_json:
        typer.echo(json.dumps([shown.as_object(path, accept_modified) for path in files], indent=1))
    else:
        typer.echo("\n\n".join(shown.text(path, accept_modified) for path in files))
