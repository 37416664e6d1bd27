"""One configuration of a run: code defaults < clbench.toml < --preset < --config file < --set < flags."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import yaml

from clbench.errors import UserError
from clbench.options import Option, convert, did_you_mean, options_of
from clbench.registry import networks, strategies
from clbench.results import digest
from clbench.streams.assemble import Common
from clbench.streams.find import find
from clbench.task import Scenario
from clbench.training import Training

SECTIONS = ("strategy", "stream", "network", "train")
PLAIN = ("method", "scenario", "score", "preset", "seeds")
SCENARIOS = get_args(Scenario)
SCORES = ("test", "validation")
Table = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run. `as_dict` is what goes into the result file, verbatim."""

    method: str
    stream: str
    network: str
    scenario: Scenario
    seeds: tuple[int, ...]
    score: str  # the split that fills the matrix: test, or validation while hyper-parameters are chosen
    preset: str | None
    strategy_options: Table
    stream_options: Table
    network_options: Table
    train: Training

    def as_dict(self) -> Table:
        return plain(
            {
                "method": self.method,
                "stream": {"name": self.stream, **self.stream_options},
                "network": {"name": self.network, **self.network_options},
                "scenario": self.scenario,
                "seeds": self.seeds,
                "score": self.score,
                "preset": self.preset,
                "strategy": self.strategy_options,
                "train": asdict(self.train),
            }
        )

    @property
    def digest(self) -> str:
        return digest(self.as_dict())

    @property
    def path(self) -> Path:
        """Where its result lies below the output folder."""
        folder = re.sub(r"[^A-Za-z0-9.-]+", "_", self.stream)
        return Path(folder) / f"{self.method}-{self.digest}.json"


@dataclass(frozen=True)
class Layer:
    """Values from one place, and where in it each stands, for messages."""

    origin: str
    values: Table
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def at(self, *path: str) -> str:
        line = self.lines.get(path)
        return f"{self.origin}:{line}: " if line else (f"{self.origin}: " if self.origin else "")


def resolve(
    method: str | None = None,
    stream: str | None = None,
    *,
    network: str | None = None,
    scenario: str | None = None,
    seeds: tuple[int, ...] | None = None,
    score: str | None = None,
    preset: str | None = None,
    file: Layer | None = None,
    sets: tuple[str, ...] = (),
) -> Config:
    """The whole configuration of one method; UserError for whatever is unknown or out of range."""
    given = file or Layer("", {})
    asked = Layer("--set", parse_sets(sets))
    named = {"method": method, "stream": stream, "network": network, "scenario": scenario, "score": score}
    chosen = {key: value or plain_value(given, key) for key, value in named.items()}
    chosen_preset = preset or plain_value(given, "preset")
    method, stream = chosen["method"] or "anpyc", chosen["stream"] or "permuted-digits"
    network, scenario, score = (
        chosen["network"] or "mlp",
        chosen["scenario"] or "task",
        chosen["score"] or "test",
    )
    function, _ = find(stream)
    known = {
        "strategy": options_of(strategies[method]),
        "stream": {**options_of(Common), **options_of(function)},
        "network": options_of(networks[network]),
        "train": options_of(Training),
    }
    one_of("--scenario", scenario, SCENARIOS)
    one_of("--score", score, SCORES)
    values = {s: {name: o.default for name, o in known[s].items()} for s in SECTIONS}
    for layer in [*default_layers(stream, method, chosen_preset), given, asked]:
        for section in SECTIONS:
            values[section].update(checked(layer, section, known[section], method))
    if score == "validation" and not values["stream"]["validation"]:
        raise UserError("--score validation needs validation images: --set stream.validation=0.1")
    return Config(
        method,
        stream,
        network,
        scenario,  # type: ignore[arg-type]
        seeds or seeds_of(given),
        score,
        chosen_preset,
        values["strategy"],
        values["stream"],
        values["network"],
        Training(**values["train"]),
    )


def resolve_stored(config: Table, path: Path) -> Config:
    """The Config of a result file, its options checked against today's methods and streams."""
    values = {key: value for key, value in config.items() if key != "preset"}
    return replace(resolve(file=Layer(str(path), values)), preset=config.get("preset"))


def checked(layer: Layer, section: str, known: dict[str, Option], method: str) -> Table:
    """The layer's values of one section, converted; strategy.METHOD.option speaks to that method alone."""
    table = layer.values.get(section, {})
    if isinstance(table, str):
        table = {}
    if not isinstance(table, dict):
        raise UserError(f"{layer.at(section)}{section} must be a table of options, got {table!r}")
    found: Table = {}
    for name, value in table.items():
        if name == "name" and section in ("stream", "network"):
            continue
        if section == "strategy" and isinstance(value, dict) and name in strategies:
            if name == method:
                found |= {k: option(layer, known, v, section, name, k) for k, v in value.items()}
            continue
        found[name] = option(layer, known, value, section, name)
    return found


def option(layer: Layer, known: dict[str, Option], value: Any, *path: str) -> Any:
    name, where = path[-1], layer.at(*path)
    if name not in known:
        raise UserError(f"{where}no option {'.'.join(path)}; {did_you_mean(name, known)}")
    return convert(value, known[name].annotation, where + ".".join(path))


def one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{what} {value!r}: {did_you_mean(value, known)}")


def plain_value(layer: Layer, key: str) -> str | None:
    """A top-level name in a file: `stream: x`, or the `name` of a table `stream: {name: x}`."""
    value = layer.values.get(key)
    if isinstance(value, dict):
        value = value.get("name")
    if value is not None and not isinstance(value, str):
        raise UserError(f"{layer.at(key)}{key} must be a name, got {value!r}")
    return value


def methods_of(file: Layer | None) -> list[str]:
    """The methods a file names, as text with commas or as a list; else the default."""
    value = (file.values.get("method") if file else None) or "anpyc"
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise UserError(f"{file.at('method') if file else ''}method must be a name or a list, got {value!r}")
    return [name.strip() for name in found]


def seeds_of(layer: Layer) -> tuple[int, ...]:
    """`seeds: 5` means 0..4, `seeds: [3, 5]` those."""
    value = layer.values.get("seeds", 1)
    found = tuple(range(value)) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(found, (list, tuple)) or not found:
        raise UserError(f"{layer.at('seeds')}seeds must be a number of seeds or a list of them, got {value!r}")
    return checked_seeds(tuple(found), f"{layer.at('seeds')}seeds")


def checked_seeds(found: tuple[Any, ...], where: str) -> tuple[int, ...]:
    if any(not isinstance(s, int) or isinstance(s, bool) or s < 0 for s in found):
        raise UserError(f"{where}: seeds are whole numbers from 0 up, got {list(found)}")
    if len(set(found)) < len(found):
        raise UserError(f"{where}: a seed occurs twice in {list(found)}")
    return found


# -- where values come from -----------------------------------------------------------------------------------


def default_layers(stream: str, method: str, preset: str | None) -> Iterator[Layer]:
    """The sections of every clbench.toml that speak of this stream and method, then those of the preset."""
    tables = [(path, read_toml(path)) for path in defaults_files()]
    for path, table in tables:
        yield from sections(str(path), table, stream, method)
    if preset is None:
        return
    presets = [(path, table.get("preset", {})) for path, table in tables]
    known = [name for _, table in presets for name in table]
    if preset not in known:
        raise UserError(f"no preset called {preset!r}; {did_you_mean(preset, known)}")
    for path, table in presets:
        yield from sections(f"{path} (preset {preset})", table.get(preset, {}), stream, method)


def sections(origin: str, table: Table, stream: str, method: str) -> Iterator[Layer]:
    """[train], [network], [strategy.Y], then [stream.X] with .train, .network and .strategy.Y of its own."""
    unknown = [key for key in table if key not in (*SECTIONS, "preset")]
    if unknown:
        raise UserError(f"{origin}: unknown section [{unknown[0]}]; {did_you_mean(unknown[0], SECTIONS)}")
    general = {s: table.get(s, {}) for s in ("train", "network")}
    yield Layer(origin, {**general, "strategy": table.get("strategy", {}).get(method, {})})
    own = table.get("stream", {}).get(stream, {})
    layer = {s: own.get(s, {}) for s in ("train", "network")}
    layer["strategy"] = own.get("strategy", {}).get(method, {})
    layer["stream"] = {key: value for key, value in own.items() if key not in SECTIONS}
    yield Layer(f"{origin} [stream.{stream}]", layer)


def defaults_files() -> list[Path]:
    """The clbench.toml that came with the program, then one in the working folder."""
    here = Path(__file__).parent
    shipped = next(p for p in (here / "clbench.toml", here.parent / "clbench.toml") if p.is_file())
    mine = Path("clbench.toml")
    return [shipped, mine] if mine.is_file() and not mine.samefile(shipped) else [shipped]


def read_toml(path: Path) -> Table:
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None


def read_file(path: Path) -> Layer:
    """A --config file, YAML or TOML, with the line of every key."""
    if path.suffix == ".toml":
        values, lines = read_toml(path), toml_lines(read_text(path))
    elif path.suffix in (".yaml", ".yml"):
        values, lines = read_yaml(path)
    else:
        raise UserError(f"{path}: a configuration file ends in .yaml, .yml or .toml")
    layer = Layer(str(path), values, lines)
    for key in values:
        if key not in (*PLAIN, *SECTIONS):
            raise UserError(f"{layer.at(key)}unknown key {key!r}; {did_you_mean(key, (*PLAIN, *SECTIONS))}")
    return layer


def read_yaml(path: Path) -> tuple[Table, dict[tuple[str, ...], int]]:
    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict) or not all(isinstance(k, str) for k in values):
        raise UserError(f"{path}: expected keys and values, such as 'method: ewc'")
    return values, dict(yaml_lines(node))


def yaml_lines(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode) and len(path) < 4:
        for key, value in node.value:
            yield (*path, str(key.value)), key.start_mark.line + 1
            yield from yaml_lines(value, (*path, str(key.value)))


def toml_lines(text: str) -> dict[tuple[str, ...], int]:
    lines: dict[tuple[str, ...], int] = {}
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
        keys = path.strip().split(".")
        if not equals or len(keys) not in (2, 3) or keys[0] not in SECTIONS:
            near = ", ".join(f"{s}.NAME=VALUE" for s in SECTIONS)
            raise UserError(f"--set {text!r}: expected one of {near}")
        table = found.setdefault(keys[0], {})
        for key in keys[1:-1]:
            table = table.setdefault(key, {})
        try:
            table[keys[-1]] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:
            raise UserError(f"--set {text!r}: {' '.join(str(error).split())}") from None
    return found


def plain(value: Any) -> Any:
    """The same value in JSON's types, so that what is written reads back equal."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value
