"""`clbench merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import AcceptModified, AsJson, Format, Quiet, printing


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
    format_: Format = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Join result files of one configuration with different seeds, as made on two machines; checkpoints stay."""
    how = printing(format_, None, as_json, quiet)
    from clbench.report.document import document_of_rows
    from clbench.results.differences import shown
    from clbench.results.merge import merge as make

    done = make(files, output, into, accept_modified)
    rows = [
        {"file": str(m.file), "seeds": m.result.seeds, "sources": [str(path) for path in m.sources]} for m in done
    ]
    lines = []
    for merged in done:
        of = f"{len(merged.sources)} file{'s' * (len(merged.sources) > 1)}"
        lines.append(f"{merged.file}: seeds {shown(merged.result.seeds)} of {of}")
        where = merged.file.with_suffix("")
        lines += [
            f"checkpoints stay in {folder}; evaluate looks for them in {where}" for folder in merged.checkpoints
        ]
    how.show([document_of_rows(rows, "\n".join(lines), rows, "Merged")])
