"""What there is: `clbench list`, and `clbench data list`, `fetch`, `verify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from clbench.cli.options import (
    AsJson,
    DataRoot,
    Format,
    Output,
    Plugins,
    Quiet,
    load_plugins,
    printing,
    say,
)
from clbench.config.printable import printable
from clbench.errors import UserError


def list_(
    what: Annotated[
        str | None, typer.Argument(help="methods, streams, networks, models or metrics.", show_default=False)
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="Of methods also the paper, what is stored, where it works.")
    ] = False,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """What can be named, with one line each, options and defaults."""
    how = printing(format_, output, as_json, quiet)
    from clbench.cli.catalogue import KINDS, listing, text, value
    from clbench.config.options import did_you_mean
    from clbench.report.document import document_of_rows

    if what is not None and what not in KINDS:
        raise UserError(f"nothing to list called {what!r}; {did_you_mean(what, KINDS)}")
    load_plugins(plugin)
    found: dict[str, Any] = {kind: listing(kind, long) for kind in ([what] if what else KINDS)}
    rows = [
        {
            "kind": kind,
            "name": entry["name"],
            "summary": entry["summary"],
            "options": [f"{o['name']}={value(o['default'])}" for o in entry["options"]],
        }
        for kind, entries in found.items()
        for entry in entries
    ]
    how.show([document_of_rows(rows, text(found), found, "What can be named")])


def as_shown(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for a terminal: their text keeps to its cells."""
    return [{n: printable(value) if isinstance(value, str) else value for n, value in row.items()} for row in rows]


def data_list(
    data_root: DataRoot = None,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Every data set: where it was found, how many images are in it, its licence as its publisher states it."""
    how = printing(format_, output, as_json, quiet)
    from tabulate import tabulate

    from clbench.datasets import catalogue
    from clbench.report.document import document_of_rows

    load_plugins(plugin)

    rows = [
        {
            "name": i.name,
            "status": i.status,
            "train": i.counts and i.counts[0],
            "test": i.counts and i.counts[1],
            "licence": i.licence,
            "where": str(i.path or "-"),
            "source": i.source,
            "what": i.description,
            "note": i.note,
        }
        for i in catalogue(data_root)
    ]
    notes = [f"{row['name']}: {row['note']}" for row in rows if row["note"]]
    bare = [{name: value for name, value in row.items() if name != "note"} for row in rows]
    plain = "\n".join([tabulate(as_shown(bare), headers="keys"), *notes])
    how.show([document_of_rows(bare, plain, rows, "Data sets", notes)])


def data_fetch(
    name: Annotated[str, typer.Argument(help="A data set.")], data_root: DataRoot = None, plugin: Plugins = None
) -> None:
    """Download a data set, with its checksums."""
    from clbench.datasets import fetch

    load_plugins(plugin)
    say(f"{name}: {fetch(name, data_root) or 'has no files'}")


def data_verify(
    name: Annotated[str, typer.Argument(help="A data set.")],
    data_root: DataRoot = None,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare a data set's files with their known checksums; exit code 1 if one differs or is missing."""
    how = printing(format_, output, as_json, quiet)
    from tabulate import tabulate

    from clbench.datasets import verify
    from clbench.report.document import document_of_rows

    load_plugins(plugin)
    checks = verify(name, data_root)
    words = {True: "as published", False: "differs", None: "nothing published"}
    rows = [
        {
            "file": c.file,
            "verdict": words[c.ok] if c.path else "missing",
            "found": c.found or "-",
            "expected": c.expected or "-",
        }
        for c in checks
    ]
    how.show([document_of_rows(rows, tabulate(as_shown(rows), headers="keys"), rows, f"Files of {name}")])
    if any(c.ok is False for c in checks):
        raise typer.Exit(1)
