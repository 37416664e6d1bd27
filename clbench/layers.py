"""Where values come from: clbench.toml files, --config files and --set, each with its lines for messages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from clbench.errors import UserError
from clbench.options import did_you_mean, shown

SECTIONS = ("strategy", "stream", "network", "train")
STUDIES = ("prune-lenet",)  # experiments that are not of a method on a stream
PLAIN = ("method", "scenario", "score", "preset", "seeds")
Table = dict[str, Any]
Lines = dict[tuple[str, ...], int]  # path of keys -> line


@dataclass(frozen=True)
class Layer:
    """Values from one place, and where in it each stands, for messages."""

    origin: str
    values: Table
    lines: Lines = field(default_factory=dict)

    def at(self, *path: Any) -> str:
        """'FILE:LINE: ', the line of the key or of what it stands in."""
        keys = tuple(map(str, path))
        line = next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), None)
        return f"{self.origin}:{line}: " if line else (f"{self.origin}: " if self.origin else "")


def default_layers(stream: str, method: str, preset: str | None, where: str) -> Iterator[Layer]:
    """The sections of every clbench.toml that speak of this stream and method, then those of the preset."""
    files = default_files()
    for file in [*files, *of_preset(files, preset, where)]:
        yield from sections(file, stream, method)


def study_layers(study: str, preset: str | None) -> Iterator[Layer]:
    """[STUDY] of every clbench.toml, then that of the preset."""
    files = default_files()
    for file in [*files, *of_preset(files, preset, "--preset: ")]:
        known_sections(file)
        yield inner(file, study)


def of_preset(files: list[Layer], preset: str | None, where: str) -> list[Layer]:
    """What each file says of the preset; nothing where none is asked for."""
    known = [name for file in files for name in inner(file, "preset").values]
    if preset is not None and preset not in known:
        raise UserError(f"{where}no preset called {preset!r}; {did_you_mean(preset, known)}")
    return [] if preset is None else [inner(inner(file, "preset"), preset) for file in files]


def known_sections(file: Layer) -> None:
    """UserError for a section that nothing reads."""
    for key in file.values:
        if key not in (*SECTIONS, *STUDIES, "preset"):
            raise UserError(f"{file.at(key)}unknown section [{key}]; {did_you_mean(key, (*SECTIONS, *STUDIES))}")


def sections(file: Layer, stream: str, method: str) -> Iterator[Layer]:
    """[train], [network], [strategy.Y], then [stream.X] with .train, .network and .strategy.Y of its own."""
    known_sections(file)
    own = inner(tables(inner(file, "stream")), stream)
    alone = {key: value for key, value in own.values.items() if key not in SECTIONS}
    for layer, values in ((file, {}), (own, {"stream": alone})):
        strategy = inner(tables(inner(layer, "strategy")), method)
        lines = {**layer.lines, **{("strategy", *path): line for path, line in strategy.lines.items()}}
        lines |= {("stream", *path): line for path, line in own.lines.items()}
        general = {s: inner(layer, s).values for s in ("train", "network")}
        yield Layer(layer.origin, {**general, "strategy": strategy.values, **values}, lines)


def tables(layer: Layer) -> Layer:
    """The layer, if it holds nothing but tables, each for a method or stream; else a UserError."""
    for name in layer.values:
        inner(layer, name)
    return layer


def inner(layer: Layer, key: str) -> Layer:
    """One table of a layer, empty where there is none, with its lines."""
    table = layer.values.get(key, {})
    if not isinstance(table, dict):
        raise UserError(f"{layer.at(key)}{key} must be a table, got {shown(table)}")
    return Layer(
        layer.origin, table, {path[1:]: n for path, n in layer.lines.items() if path[0] == key and path[1:]}
    )


def default_files() -> list[Layer]:
    """Every clbench.toml, read."""
    return [Layer(str(path), read_toml(path), toml_lines(read_text(path))) for path in defaults_files()]


def defaults_files() -> list[Path]:
    """The clbench.toml that came with the program, then one in the working folder."""
    here = Path(__file__).parent
    shipped = next(p for p in (here / "clbench.toml", here.parent / "clbench.toml") if p.is_file())
    mine = Path("clbench.toml")
    return [shipped, mine] if mine.is_file() and not mine.samefile(shipped) else [shipped]


def read_toml(path: Path) -> Table:
    try:
        return tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is the one, nesting the other
        raise UserError(f"{path}: not valid TOML: {error}") from None


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
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


# PyYAML raises its own errors for text, and whatever Python has for values: !!int '', !!bool x, 1:1:...:1.0
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)


def read_yaml(path: Path) -> tuple[Table, Lines]:
    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except NOT_YAML as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict) or not all(isinstance(k, str) for k in values):
        raise UserError(f"{path}: expected keys and values, such as 'method: ewc'")
    return values, dict(yaml_lines(node))


def yaml_lines(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode) and len(path) < 4:
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from yaml_lines(value, (*path, str(key.value)))


def toml_lines(text: str) -> Lines:
    lines: Lines = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            lines.setdefault(table, number)
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            lines[(*table, *(part.strip("\"'") for part in key[1].split(".")))] = number
    return lines


def parse_sets(sets: tuple[str, ...]) -> Table:
    """['strategy.lam=1e4'] -> {'strategy': {'lam': '1e4'}}; values are read as YAML."""
    found: Table = {}
    for text in sets:
        path, equals, value = text.partition("=")
        keys = [key.strip() for key in path.split(".")]
        if not all(keys) or not equals or len(keys) not in (2, 3) or keys[0] not in SECTIONS:
            near = ", ".join(f"{s}.NAME=VALUE" for s in SECTIONS)
            raise UserError(f"--set {text!r}: expected one of {near}")
        if keys[1:] == ["name"] and keys[0] in ("stream", "network"):
            raise UserError(f"--set {text!r}: names are given by --{keys[0]}")
        if not value.strip():
            raise UserError(f"--set {text!r}: a value is missing; null says none")
        table = found.setdefault(keys[0], {})
        for key in keys[1:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise UserError(f"--set {text!r}: {key} was set to {shown(table)} before")
        try:
            table[keys[-1]] = yaml.safe_load(value)
        except NOT_YAML as error:
            raise UserError(f"--set {text!r}: {' '.join(str(error).split())}") from None
    return found
