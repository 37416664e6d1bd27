"""Values from one place, such as a file or --set, and the line of each: for messages, and as its origin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from clbench.config.options import did_you_mean, shown
from clbench.config.parsing import (
    NOT_TOML,
    NOT_YAML,
    composed_yaml,
    constructed_yaml,
    explained,
    parsed_toml,
    parsed_yaml,
)
from clbench.config.printable import printable
from clbench.errors import UserError
from clbench.results import bounds

SECTIONS = ("strategy", "stream", "network", "train")
PLAIN = ("method", "scenario", "score", "preset", "seeds")
Table = dict[str, Any]
Lines = dict[tuple[str, ...], int]  # path of keys -> line


@dataclass(frozen=True)
class Layer:
    """Values from one place, and where in it each stands. `name`: what origins call it, if not by `origin`;
    `note`: what holds of all its values, as 'preset quick'."""

    origin: str
    values: Table
    lines: Lines = field(default_factory=dict)
    name: str = ""
    note: str = ""

    def line(self, path: tuple[Any, ...]) -> int | None:
        """Of the key, or of what it stands in."""
        keys = tuple(map(str, path))
        return next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), None)

    def at(self, *path: Any) -> str:
        """'FILE:LINE: ', in front of a message."""
        line = self.line(path)
        return f"{self.origin}:{line}: " if line else (f"{self.origin}: " if self.origin else "")

    def place(self, *path: Any) -> str:
        """'FILE:LINE (note)', the origin of a value."""
        line, name = self.line(path), printable(self.name or self.origin)  # results keep it, as text
        return f"{name}{f':{line}' if line else ''}{f' ({self.note})' if self.note else ''}"

    def inner(self, key: str) -> Layer:
        """One of its tables, empty where there is none, with its lines; UserError where it is no table."""
        table = self.values.get(key, {})
        if not isinstance(table, dict):
            raise UserError(f"{self.at(key)}{key} must be a table, got {shown(table)}")
        lines = {path[1:]: n for path, n in self.lines.items() if path[0] == key and path[1:]}
        return replace(self, values=table, lines=lines)


def read_toml(path: Path) -> Table:
    return toml_of(path, read_text(path))


def toml_of(path: Path, text: str) -> Table:
    """The tables of a file with this text."""
    try:
        return parsed_toml(text)
    except NOT_TOML as error:
        raise UserError(explained(error, path, "TOML")) from None


def read_text(path: Path) -> str:
    try:
        return bounds.read_text(path, bounds.CONFIGURATION_CHARACTERS)
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None


def read_file(path: Path, also: tuple[str, ...] = ()) -> Layer:
    """A --config file, YAML or TOML, with the line of every key; `also`: keys it may have too."""
    if path.suffix == ".toml":
        values, lines = read_toml(path), toml_lines(read_text(path))
    elif path.suffix in (".yaml", ".yml"):
        values, lines = read_yaml(path)
    else:
        raise UserError(f"{path}: a configuration file ends in .yaml, .yml or .toml")
    layer = Layer(str(path), values, lines)
    for key in values:
        if key not in (known := (*PLAIN, *SECTIONS, *also)):
            raise UserError(f"{layer.at(key)}unknown key {key!r}; {did_you_mean(key, known)}")
    return layer


def read_yaml(path: Path) -> tuple[Table, Lines]:
    text = read_text(path)
    try:
        node = composed_yaml(text)
        lines = dict(yaml_lines(node))
        require_once(node, path)
        values = constructed_yaml(node)
    except NOT_YAML as error:
        raise UserError(explained(error, path, "YAML")) from None
    if not isinstance(values, dict) or not all(isinstance(k, str) for k in values):
        raise UserError(f"{path}: expected keys and values, such as 'method: ewc'")
    return values, lines


def require_once(node: Any, path: Path, depth: int = 0) -> None:
    """UserError for a key that stands twice in a table, of which YAML would take the last without a word."""
    if depth > 4 or not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if (name := str(key.value)) in seen:
            raise UserError(f"{path}:{key.start_mark.line + 1}: {name} stands twice here")
        seen.add(name)
        require_once(value, path, depth + 1)


def yaml_lines(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode) and len(path) < 4:
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from yaml_lines(value, (*path, str(key.value)))
    if isinstance(node, yaml.SequenceNode) and len(path) < 4:
        for index, value in enumerate(node.value):
            yield (*path, str(index)), value.start_mark.line + 1
            yield from yaml_lines(value, (*path, str(index)))


PART = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""  # of a dotted key; a quoted one may hold dots itself
KEY = rf"{PART}(?:\s*\.\s*{PART})*"


def toml_lines(text: str) -> Lines:
    lines: Lines = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(rf"\s*\[\s*({KEY})\s*\]", line):
            table = parts(header[1])
            for length in range(1, len(table) + 1):  # what it stands in begins here, if nowhere before
                lines.setdefault(table[:length], number)
        elif key := re.match(rf"\s*({KEY})\s*=", line):
            lines[(*table, *parts(key[1]))] = number
    return lines


def parts(key: str) -> tuple[str, ...]:
    """'stream."split:my.npz".train' -> ('stream', 'split:my.npz', 'train')."""
    return tuple(part.strip("\"'") for part in re.findall(PART, key))


def parse_sets(sets: tuple[str, ...]) -> Table:
    """['strategy.lam=1e4'] -> {'strategy': {'lam': '1e4'}}; values are read as YAML."""
    found: Table = {}
    for text in sets:
        path, equals, value = text.partition("=")
        keys = keys_of(path, text, whole=bool(equals))
        if not value.strip():
            raise UserError(f"--set {shown(text)}: a value is missing; null says none")
        try:
            read = parsed_yaml(value)
        except NOT_YAML as error:
            raise UserError(f"--set {shown(text)}: {' '.join(str(error).split())}") from None
        put(found, keys, read, text)
    return found


def options_given(given: Mapping[str, Any]) -> Table:
    """The same of values: {'strategy.lam': 100, 'train': {'epochs': 3}} -> a table a section."""
    if (fault := bounds.fault(dict(given))) is not None:
        raise UserError(f"set: {fault}")
    found: Table = {}
    seen: set[str] = set()
    for path, value in each_given(given):
        if path in seen:
            raise UserError(f"--set {shown(path)}: {path} was set before")
        seen.add(path)
        put(found, keys_of(path, path), value, path)
    return found


def each_given(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """'train.epochs', 3 of {'train': {'epochs': 3}}."""
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from each_given(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", native(value)


def native(value: Any) -> Any:
    """A number or a list where numpy has its own, a path as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value) if isinstance(value, Path) else value


def keys_of(path: str, text: str, whole: bool = True) -> list[str]:
    """['strategy', 'lam'] of 'strategy.lam'; UserError where it names no option or `text` is not `whole`."""
    keys = [key.strip() for key in path.split(".")]
    if not all(keys) or not whole or len(keys) not in (2, 3) or keys[0] not in SECTIONS:
        near = ", ".join(f"{s}.NAME=VALUE" for s in SECTIONS)
        raise UserError(f"--set {shown(text)}: expected one of {near}")
    if keys[1:] == ["name"] and keys[0] in ("stream", "network"):
        raise UserError(f"--set {shown(text)}: names are given by --{keys[0]}")
    return keys


def put(found: Table, keys: list[str], value: Any, text: str) -> None:
    """Into the table of tables; UserError where a value stands in the way."""
    table = found.setdefault(keys[0], {})
    for key in keys[1:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise UserError(f"--set {shown(text)}: {key} was set to {shown(table)} before")
    table[keys[-1]] = value
