"""The winner's values into the user's clbench.toml, where later trainings find them; comments stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from clbench.config.files import read_text
from clbench.config.parsing import NOT_TOML, explained, parsed_toml
from clbench.errors import UserError
from clbench.results.atomic import make_ready, write_whole
from clbench.results.sweep_record import Record
from clbench.sweep.display import judged
from clbench.sweep.plan import Plan
from clbench.sweep.space import format_settings

FILE = Path("clbench.toml")
OWN = ("strategy.", "train.")  # sections that can hold for one method alone


def require_possible(plan: Plan, file: Path = FILE) -> None:
    """UserError, before anything is run, where the search cannot end in defaults, or these not in the file."""
    if plan.protocol == "continual":
        raise UserError(
            "--write-defaults: a continual search chooses anew for every task; there is no one value to write"
        )
    if not any(axis.name.startswith(OWN) for axis in plan.axes):
        raise UserError("--write-defaults writes the method's options and training, and neither is searched")
    inner(read(file), (*keys_of(plan.base.as_dict()), "train"), file)
    make_ready(file)


def write(record: Record, path: Path, file: Path = FILE) -> str:
    """Put the best trial's options of the method into [tuned.STREAM.SCENARIO.NETWORK.strategy.Y], those of its
    training into the .train of that; a line about it.

    They hold where they were tuned: other scenarios and networks do not take them, and no other method.
    Options of stream and network hold for every method of the stream and are not written.
    UserError: no trial has finished, the file is no TOML or not writable.
    """
    best = record.best
    config = record.plan["config"]
    if best is None:
        raise UserError(f"{path}: no trial has finished, so there is nothing to write into {file}")
    document = read(file)
    keys = keys_of(config)
    reached = record.scored(best.score or 0.0)
    found = f"{judged(record)}, validation {record.measure.mean_name} {reached}"
    origin = f"clbench sweep, {found}, {', '.join(search_of(record))}: {path}"
    own, left = split(best.values)
    put(document, keys, own, file, origin)
    write_whole(file, tomlkit.dumps(document).encode())
    note = (
        f" ({format_settings(left)} would hold for every method of the stream and was not written)" if left else ""
    )
    header = ".".join(key if re.fullmatch(r"[\w-]+", key) else f'"{key}"' for key in keys)
    told = {(name if place == "strategy" else f"train.{name}"): v for (place, name), v in own.items()}
    return f"{file}: [{header}] {format_settings(told)}{note}"


Own = dict[tuple[str, str], Any]  # ('strategy', 'lam') or ('train', 'lr') -> value


def split(values: Mapping[str, Any]) -> tuple[Own, dict[str, Any]]:
    """What of 'strategy.lam', 'train.lr' .. is the method's own, and what is not."""
    own = {
        (section := name.partition(".")[0], name.removeprefix(f"{section}.").rpartition(".")[2]): value
        for name, value in values.items()
        if name.startswith(OWN)
    }
    return own, {name: value for name, value in values.items() if not name.startswith(OWN)}


def put(document: Any, keys: tuple[str, ...], own: Own, file: Path, comment: str = "") -> None:
    """Into the method's table at `keys`, what is of its training into the .train of that; all else stays."""
    for section in dict.fromkeys(section for section, _ in own):
        table = inner(document, keys if section == "strategy" else (*keys, section), file)
        for (place, name), value in own.items():
            if place == section:
                table[name] = value
                if comment:
                    table[name].comment(comment)


def keys_of(config: dict[str, Any]) -> tuple[str, ...]:
    """Of the table that holds for such a configuration alone."""
    where = (config["stream"]["name"], config["scenario"], config["network"]["name"])
    return ("tuned", *where, "strategy", config["method"])


FEW_TRIALS, FEW_EPOCHS = 5, 2  # up to which a search says little of a training as long as a paper's


def search_of(record: Record) -> list[str]:
    """'12 trials', 'at most 2,500 training images a task', '5 epochs': what the values were found with."""
    ended, images, (epochs, unit) = record.count("done"), limit_of(record), length_of(record)
    shown = f"at most {images:,} training images a task" if images else "all training images"
    return [f"{ended} trial{'s' * (ended != 1)}", shown, f"{epochs} {unit}{'s' * (epochs != 1)}"]


def cautions(record: Record) -> list[str]:
    """Why the values may not hold for a whole training, if they may not; ties are not told apart."""
    trials, images, length = search_of(record)
    epochs, unit = length_of(record)
    few = [trials] if record.count("done") < FEW_TRIALS else []
    few += [images] if limit_of(record) else []
    few += [length] if unit == "epoch" and epochs <= FEW_EPOCHS else []
    found = [f"these values were found with little ({', '.join(few)}); search again for whole trainings"]
    return [*(found if few else []), *elsewhere(record), *([tie] if (tie := record.tie) else [])]


def elsewhere(record: Record) -> list[str]:
    """What else a winner of other data was trained with than later trainings will be."""
    if not (other := record.plan.get("tune_on")):
        return []
    own = record.plan["config"]["stream"]["name"]
    return [
        f"the winner had the training of {other['name']}, on which the values were found; "
        f"later trainings on {own} have that of {own}"
    ]


def limit_of(record: Record) -> int | None:
    limit: int | None = record.plan["config"]["stream"].get("limit")
    return limit


def length_of(record: Record) -> tuple[int, str]:
    """How long a task is trained: so many epochs, or steps; the best trial's where they are searched."""
    found = record.best.values if record.best else {}
    train = {**record.plan["config"]["train"], **{n.removeprefix("train."): v for n, v in found.items()}}
    return (train["iterations"], "step") if train.get("iterations") else (train["epochs"], "epoch")


def read(file: Path) -> tomlkit.TOMLDocument:
    if not file.exists():
        return tomlkit.document()
    try:
        words = read_text(file)
        parsed_toml(words)  # which holds it to bounds
        return tomlkit.parse(words)
    except (NOT_TOML, TOMLKitError) as error:
        raise UserError(explained(error, file, "TOML")) from None


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
