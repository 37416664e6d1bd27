"""`clbench merge`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import AcceptModified, AsJson


def merge(
    files: Annotated[list[Path], typer.Argument(help="Result files (or folders of them).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write.", show_default=False)
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Instead: a folder of results, to write into under the name of each configuration, with what is "
            "there.",
            show_default=False,
        ),
    ] = None,
    accept_modified: AcceptModified = False,
    as_json: AsJson = False,
) -> None:
    """Join result files of one configuration with different seeds, as made on two machines; checkpoints stay."""
    from clbench.results.differences import shown
    from clbench.results.merge import merge as make

    done = make(files, output, into, accept_modified)
    if as_json:
        told = [
            {"file": str(m.file), "seeds": m.result.seeds, "sources": [str(path) for path in m.sources]}
            for m in done
        ]
        typer.echo(json.dumps(told, indent=1))
        return
    for merged in done:
        of = f"{len(merged.sources)} file{'s' * (len(merged.sources) > 1)}"
        typer.echo(f"{merged.file}: seeds {shown(merged.result.seeds)} of {of}")
        for folder in merged.checkpoints:
            typer.echo(f"checkpoints stay in {folder}; evaluate looks for them in {merged.file.with_suffix('')}")
