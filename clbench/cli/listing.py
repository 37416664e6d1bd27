"""What there is: `clbench list`, and `clbench data list`, `fetch`, `verify`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from clbench.cli.options import (
    AsJson,
    DataRoot,
    Plugins,
)
from clbench.errors import UserError


def list_(
    what: Annotated[
        str | None, typer.Argument(help="methods, streams, networks, models or metrics.", show_default=False)
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="Of methods also the paper, what is stored, where it works.")
    ] = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """What can be named, with one line each, options and defaults."""
    from clbench.cli.catalogue import KINDS, listing, text
    from clbench.config.options import did_you_mean
    from clbench.registry import load_plugin

    if what is not None and what not in KINDS:
        raise UserError(f"nothing to list called {what!r}; {did_you_mean(what, KINDS)}")
    for path in plugin or []:
        load_plugin(path)
    found: dict[str, Any] = {kind: listing(kind, long) for kind in ([what] if what else KINDS)}
    typer.echo(json.dumps(found, indent=1) if as_json else text(found))


def data_list(data_root: DataRoot = None, plugin: Plugins = None, as_json: AsJson = False) -> None:
    """Every data set: where it was found, how many images are in it, its licence as its publisher states it."""
    from tabulate import tabulate

    from clbench.datasets import catalogue
    from clbench.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)

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
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    notes = [f"{row['name']}: {row.pop('note')}" for row in rows if row["note"]]
    bare = [{name: value for name, value in row.items() if name != "note"} for row in rows]
    typer.echo("\n".join([tabulate(bare, headers="keys"), *notes]))


def data_fetch(
    name: Annotated[str, typer.Argument(help="A data set.")], data_root: DataRoot = None, plugin: Plugins = None
) -> None:
    """Download a data set, with its checksums."""
    from clbench.datasets import fetch
    from clbench.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)
    typer.echo(f"{name}: {fetch(name, data_root) or 'has no files'}")


def data_verify(
    name: Annotated[str, typer.Argument(help="A data set.")],
    data_root: DataRoot = None,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Compare a data set's files with their known checksums; exit code 1 if one differs or is missing."""
    from tabulate import tabulate

    from clbench.datasets import verify
    from clbench.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)
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
    typer.echo(json.dumps(rows, indent=1) if as_json else tabulate(rows, headers="keys"))
    if any(c.ok is False for c in checks):
        raise typer.Exit(1)
