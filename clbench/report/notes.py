"""The words over and under a table: what its rows share, and what they do not."""

from __future__ import annotations

from typing import Any

from ..scores import ACCURACY, Score
from .cells import Column
from .differences import MISSING, described, differing, flatten, shown
from .table import Row, Table

# Said in the heading or by preset_notes.
APART = {"method", "scenario", "score", "stream", "network", "preset"}


def heading(table: Table, namesakes: list[Table]) -> str:
    """Stream, tasks, scenario, network, split; and in what other tables of a stream of that name differ."""
    config, tasks = table.first.config, len(table.first.tasks)
    stream = _named({name: value for name, value in config["stream"].items() if name != "tasks"})
    network = f", network {_named(config['network'])}" if config.get("network") else ""
    count = f"{tasks} task{'s' if tasks > 1 else ''}"
    scored = "scored" if table.score == ACCURACY else table.score.name
    words = f"{stream}: {count}, scenario {config['scenario']}{network}, {scored} on {config['score']} data"
    apart = _distinction(table, namesakes)
    return f"{words} (of several {table.stream} here, the one with {apart})" if apart else words


def _distinction(table: Table, namesakes: list[Table]) -> str:
    streams = [other.first.config["stream"] for other in namesakes]
    options = described(table.first.config["stream"], differing(streams))
    files = sorted({name for other in namesakes for name in other.first.data})
    checksums = [
        f"{name} of sha256 {table.first.data.get(name, 'none')[:12]}"
        for name in files
        if len({other.first.data.get(name) for other in namesakes}) > 1
    ]
    return ", ".join(([options] if options else []) + checksums)


def _named(options: dict[str, Any]) -> str:
    rest = described({name: value for name, value in options.items() if name != "name"})
    return f"{options.get('name', 'unnamed')} ({rest})" if rest else str(options.get("name", "unnamed"))


def score_notes(score: Score, columns: list[Column]) -> list[str]:
    """Of a score of which less is better: what that means for its columns."""
    if score.better == "higher":
        return []
    changes = [c.name for c in columns if c.metric and c.metric.gives == "difference" and not c.metric.loss]
    losses = f"; above 0, {' and '.join(changes)} are losses" if changes else ""
    return [f"{score.name[:1].upper()}{score.name[1:]}: lower is better{losses}."]


def training_notes(rows: list[Row]) -> list[str]:
    """How rows of one table were trained differently: options of the method itself are not told."""
    own = {"strategy", *APART}
    options: list[dict[str, Any]] = [{k: v for k, v in row.result.config.items() if k not in own} for row in rows]
    options = [{**each, "seeds": row.result.seeds} for each, row in zip(options, rows, strict=True)]
    notes = []
    for name in differing(options):
        values: dict[str, list[str]] = {}
        for row, option in zip(rows, options, strict=True):
            values.setdefault(shown(flatten(option).get(name, MISSING)), []).append(row.label)
        notes.append(f"Rows differ in {name}: {_told(values)}.")
    return notes


def preset_notes(rows: list[Row]) -> list[str]:
    """Which rows a preset made, if any."""
    presets: dict[str, list[str]] = {}
    for row in rows:
        presets.setdefault(row.result.config.get("preset") or "none", []).append(row.label)
    return [] if set(presets) == {"none"} else [f"Preset: {_told(presets)}."]


def _told(values: dict[str, list[str]]) -> str:
    """`5 in ewc; 1 in all others`: the value of most rows comes last, without their names."""
    *fewer, (most, _) = sorted(values.items(), key=lambda item: len(item[1]))
    rest = f"{most} in all {'others' if fewer else 'rows'}"
    return "; ".join([*(f"{value} in {', '.join(labels)}" for value, labels in fewer), rest])
