"""`clbench show`: what is in a file of a training, a pruning study or a sweep, with the origin of every value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tabulate import tabulate

from clbench.config.origins import Origins
from clbench.config.printable import printable
from clbench.report.build.makers import remarks
from clbench.report.document import Document, Records, Section, table_of_words
from clbench.results import AnyResult, PruningResult, Result, SeedRun, jsonfile, load
from clbench.results import sweep_record as sweeps
from clbench.results.differences import flatten, shown
from clbench.results.sweep_record import Record

UNKNOWN = "not stored"  # by a clbench that kept no origins


def read(path: Path, accept_modified: bool = False) -> AnyResult | Record:
    """UserError names the file, and what is wrong with it."""
    raw = jsonfile.read(path)
    return (
        sweeps.load(path) if isinstance(raw, dict) and raw.get("kind") == "sweep" else load(path, accept_modified)
    )


def as_object(path: Path, accept_modified: bool = False) -> dict[str, Any]:
    """For --json: the file's own words, of the configuration a value and its origin each."""
    found = read(path, accept_modified)
    config, origins = configuration(found)
    whole = {name: value for name, value in asdict(found).items() if name not in ("config", "origins")}
    values = {name: {"value": v, "origin": (origins or {}).get(name)} for name, v in flatten(config).items()}
    return {"file": str(path), **whole, "values": values}


def describe(paths: Sequence[Path], accept_modified: bool = False) -> Document:
    """A section a file: what it says of itself, and every option with its origin."""
    each = [(path, read(path, accept_modified)) for path in paths]
    rows = [
        {"file": str(path), "option": name, "value": value, "from": (origins or {}).get(name, UNKNOWN)}
        for path, found in each
        for config, origins in [configuration(found)]
        for name, value in flatten(config).items()
    ]
    return Document(
        "",
        tuple(section(path, found) for path, found in each),
        lambda: [as_object(path, accept_modified) for path in paths],
        lambda: Records.of(rows),
        plain=lambda: "\n\n".join(text(path, accept_modified) for path in paths),
    )


def section(path: Path, found: AnyResult | Record) -> Section:
    config, origins = configuration(found)
    own = of_sweep(found) if isinstance(found, Record) else of_result(found)
    values = [[name, shown(v), (origins or {}).get(name, UNKNOWN)] for name, v in flatten(config).items()]
    facts = table_of_words(str(path), ["", ""], [[name, str(value)] for name, value in own])
    options = table_of_words(f"{path}: options", ["option", "value", "from"], values)
    return Section(str(path), (facts, options))


def configuration(found: AnyResult | Record) -> tuple[dict[str, Any], Origins | None]:
    config = found.plan["config"] if isinstance(found, Record) else found.config
    return config, found.origins


def text(path: Path, accept_modified: bool = False) -> str:
    found = read(path, accept_modified)
    config, origins = configuration(found)
    own = of_sweep(found) if isinstance(found, Record) else of_result(found)
    without = (
        [] if origins else ["", "Where the values came from is not stored: an earlier clbench wrote the file."]
    )
    return "\n".join([printable(path), "", pairs(own), "", table(flatten(config), origins), *without])


def table(values: dict[str, Any], origins: Origins | None) -> str:
    """A line a value: its name, the value, where it came from."""
    names = ["option", "value", "from"] if origins else ["option", "value"]
    rows = [[name, shown(v), *([origins.get(name, UNKNOWN)] if origins else [])] for name, v in values.items()]
    rows = [list(map(printable, row)) for row in rows]
    return tabulate(rows, headers=names, disable_numparse=True)


def pairs(rows: Iterator[tuple[str, Any]]) -> str:
    words = [[printable(name), printable(value)] for name, value in rows]
    return tabulate(words, tablefmt="plain", disable_numparse=True)


def of_sweep(record: Record) -> Iterator[tuple[str, Any]]:
    plan, best = record.plan, record.best
    yield "kind", f"sweep, {plan['search']} search, protocol {plan['protocol']}"
    if plan.get("tune_on"):
        yield "tuned on", plan["tune_on"]["name"]
    yield "status", record.status
    yield "began, ended", times(record.started, record.finished)
    for name, axis in plan["space"].items():
        yield f"searched: {name}", ", ".join(f"{key}={shown(v)}" for key, v in axis.items() if v is not None)
    ended = record.count(*sweeps.ENDED)
    yield "trials", f"{ended} of {plan['trials']} ended, {record.count('done')} done"
    if best is not None:
        yield "best", f"trial {best.number + 1}: validation {best.score:.2f}; {values_of(best.values)}"
    if record.winner:
        yield "winner", record.winner.get("file")


def of_result(result: AnyResult) -> Iterator[tuple[str, Any]]:
    yield "kind", result.kind
    yield "status", f"{result.status}{f': {result.reason}' if result.reason else ''}"
    yield "began, ended", times(result.started, result.finished)
    if isinstance(result, Result):
        yield "tasks", f"{len(result.tasks)}: {', '.join(result.tasks)}"
        yield "protocol", result.protocol
        yield "scored on", f"{result.config['score']} data"
        if result.search:
            yield "chosen by", f"clbench sweep: {result.search.get('record', 'its record is not named')}"
        if other := (result.search or {}).get("tuned_on"):
            yield "tuned on", other.get("name") if isinstance(other, dict) else other
    if isinstance(result, PruningResult):
        yield "layers", values_of(result.layers)
    for run in result.runs:
        yield f"seed {run.seed}", of_seed(result, run)
    for file, checksum in result.data.items():
        yield f"data: {file}", checksum
    for remark in remarks(result):
        yield "remark", remark
    for key, maker in result.makers.items():
        for name, value in maker.items():
            yield f"made by {key}: {name}", shown(value)


def of_seed(result: AnyResult, run: SeedRun) -> str:
    """'done, 6 stages, ACC 97.12 after task 5, 12.3 s'."""
    stages = len(run.seconds)
    reason = f": {run.reason}" if run.reason else ""
    words = [f"{run.status}{reason}", f"{stages} stage{'s' * (stages != 1)}"]
    if stages and run.status != "diverged":
        words.append(result.news([run]))
    return ", ".join([*words, f"{sum(run.seconds):.1f} s"])


def times(started: str, finished: str | None) -> str:
    return f"{started or 'not known'}, {finished or 'not yet'}"


def values_of(table: dict[str, Any]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in table.items())
