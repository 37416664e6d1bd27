"""The winner's values into the user's clbench.toml, where later trainings find them; comments stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from clbench.errors import UserError
from clbench.results.atomic import write_whole
from clbench.results.jsonfile import text
from clbench.results.sweep_record import Record
from clbench.sweep.plan import Plan
from clbench.sweep.space import said

FILE = Path("clbench.toml")


def require_possible(plan: Plan) -> None:
    """UserError, before anything is run, where the search cannot end in defaults."""
    if plan.protocol == "continual":
        raise UserError(
            "--write-defaults: a continual search chooses anew for every task; there is no one value to write"
        )
    if not any(axis.name.startswith("strategy.") for axis in plan.axes):
        raise UserError("--write-defaults writes options of the method alone, and none is searched")


def write(record: Record, path: Path, file: Path = FILE) -> str:
    """Put the best trial's strategy options into [tuned.STREAM.SCENARIO.NETWORK.strategy.Y]; a line about it.

    They hold where they were tuned: other scenarios and networks do not take them.
    Options of train, stream and network hold for every method of the stream and are not written.
    UserError: no trial has finished, the file is no TOML or not writable.
    """
    best = record.best
    config = record.plan["config"]
    if best is None:
        raise UserError(f"{path}: no trial has finished, so there is nothing to write into {file}")
    own = {
        n.removeprefix("strategy.").split(".")[-1]: v for n, v in best.values.items() if n.startswith("strategy.")
    }
    document = read(file)
    where = (config["stream"]["name"], config["scenario"], config["network"]["name"])
    keys = ("tuned", *where, "strategy", config["method"])
    table = inner(document, keys, file)
    reached = record.scored(best.score or 0.0)
    origin = f"clbench sweep, {record.plan['protocol']}, validation {record.measure.mean_name} {reached}: {path}"
    for name, value in own.items():
        table[name] = value
        table[name].comment(origin)
    write_whole(file, tomlkit.dumps(document).encode())
    left = {n: v for n, v in best.values.items() if not n.startswith("strategy.")}
    note = f" ({said(left)} would hold for every method of the stream and was not written)" if left else ""
    header = ".".join(key if re.fullmatch(r"[\w-]+", key) else f'"{key}"' for key in keys)
    return f"{file}: [{header}] {said(own)}{note}"


def read(file: Path) -> tomlkit.TOMLDocument:
    if not file.exists():
        return tomlkit.document()
    try:
        return tomlkit.parse(text(file))
    except TOMLKitError as error:
        raise UserError(f"{file}: not valid TOML: {' '.join(str(error).split())}") from None


def inner(document: Any, keys: tuple[str, ...], file: Path) -> Table:
    """The table at `keys`, made where there is none."""
    table = document
    for depth, key in enumerate(keys):
        if key not in table:
            table[key] = tomlkit.table(is_super_table=depth < len(keys) - 1)
        table = table[key]
        if not isinstance(table, dict):
            raise UserError(f"{file}: {'.'.join(keys[: depth + 1])} must be a table")
    return table
