"""Which sections of the clbench.toml files hold for a run: general ones, its stream's, those tuned for it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from clbench.config.files import SECTIONS, Layer, Lines, Table, read_text, toml_lines, toml_of
from clbench.config.options import did_you_mean
from clbench.config.scenario import Scenario
from clbench.errors import UserError

STUDIES = ("prune-lenet",)  # experiments that are not of a method on a stream
TUNED = ("source", "train", "strategy")  # what [tuned.STREAM.SCENARIO.NETWORK] may hold
SCENARIOS = get_args(Scenario)
KNOWN = (*SECTIONS, "tuned", *STUDIES)


@dataclass(frozen=True)
class Kind:
    """What a run is, as far as defaults depend on it. network: its name; options of it make no other one.

    lent: whether the run is on another stream, and takes the values of this one.
    """

    method: str
    stream: str
    scenario: str
    network: str
    lent: bool = False


def default_layers(kind: Kind, preset: str | None, where: str, values_of: str | None = None) -> Iterator[Layer]:
    """The sections of every clbench.toml that speak of this run, then those of the preset.

    values_of: a stream whose sections hold in place of its own, but for what the stream itself is.
    """
    files = default_files()
    for file in [*files, *of_preset(files, preset, where)]:
        if values_of is None:
            yield from sections(file, kind)
            continue
        for layer in sections(file, kind):
            yield replace(layer, values={name: table for name, table in layer.values.items() if name == "stream"})
        for layer in sections(file, replace(kind, stream=values_of, lent=values_of != kind.stream)):
            yield replace(layer, values={name: table for name, table in layer.values.items() if name != "stream"})


def study_layers(study: str, preset: str | None) -> Iterator[Layer]:
    """[STUDY] of every clbench.toml, then that of the preset."""
    files = default_files()
    for file in [*files, *of_preset(files, preset, "--preset: ")]:
        known_sections(file)
        yield file.inner(study)


def of_preset(files: list[Layer], preset: str | None, where: str) -> list[Layer]:
    """What each file says of the preset; nothing where none is asked for."""
    known = [name for file in files for name in file.inner("preset").values]
    if preset is not None and preset not in known:
        raise UserError(f"{where}no preset called {preset!r}; {did_you_mean(preset, known)}")
    if preset is None:
        return []
    return [replace(file.inner("preset").inner(preset), note=f"preset {preset}") for file in files]


def known_sections(file: Layer) -> None:
    """UserError for a section that nothing reads."""
    for key in file.values:
        if key not in (*KNOWN, "preset"):
            raise UserError(f"{file.at(key)}unknown section [{key}]; {did_you_mean(key, KNOWN)}")


def sections(file: Layer, kind: Kind) -> Iterator[Layer]:
    """[train], [network], [strategy.Y]; [stream.X], [network.N] with their own; [tuned.X.SCENARIO.NETWORK]."""
    known_sections(file)
    own = tables(file.inner("stream")).inner(kind.stream)
    alone = {key: value for key, value in own.values.items() if key not in SECTIONS}
    yield of_method(file, kind, {})
    yield of_method(own, kind, {"stream": alone}, {("stream", *path): n for path, n in own.lines.items()})
    yield of_network(file, kind)  # a network that brings an optimiser of its own needs the rate that goes with it
    yield of_network(own, kind)
    yield of_method(tuned(file, kind), kind, {})


def of_method(layer: Layer, kind: Kind, more: dict, lines: dict | None = None) -> Layer:
    """Its [train] and [network], and the method's own of [strategy], whose .train is of that method alone."""
    strategy, network = tables(layer.inner("strategy")).inner(kind.method), layer.inner("network")
    own = strategy.inner("train").values
    moved = {path if path[0] == "train" else ("strategy", *path): n for path, n in strategy.lines.items()}
    general = {name: value for name, value in network.values.items() if not isinstance(value, dict)}
    options = {name: value for name, value in strategy.values.items() if name != "train"}
    values = {"train": {**layer.inner("train").values, **own}, "network": general, "strategy": options, **more}
    return replace(layer, values=values, lines={**layer.lines, **moved, **(lines or {})})


def of_network(layer: Layer, kind: Kind) -> Layer:
    """Its [network.NETWORK], with the .train and .strategy.Y that hold with that network."""
    if not isinstance(layer.inner("network").values.get(kind.network), dict):
        return replace(layer, values={}, lines={})
    own = layer.inner("network").inner(kind.network)
    options = {name: value for name, value in own.values.items() if name not in ("train", "strategy")}
    lines = {("network", *path): line for path, line in own.lines.items()}
    return of_method(own, kind, {"network": options}, lines)


def tuned(file: Layer, kind: Kind) -> Layer:
    """What was tuned for this stream, scenario and network; UserError for a section that could never hold."""
    streams = tables(file.inner("tuned"))
    for stream in streams.values:
        scenarios = tables(streams.inner(stream))
        for scenario in scenarios.values:
            if scenario not in SCENARIOS:
                near = did_you_mean(scenario, SCENARIOS)
                raise UserError(
                    f"{scenarios.at(scenario)}[tuned.{stream}.{scenario}]: expected "
                    f"[tuned.STREAM.SCENARIO.NETWORK], and no scenario is called so; {near}"
                )
            for network, table in tables(scenarios.inner(scenario)).values.items():
                for key in table:
                    if key not in TUNED:
                        at = scenarios.inner(scenario).at(network, key)
                        raise UserError(f"{at}unknown key {key!r} of tuned values; {did_you_mean(key, TUNED)}")
    found = streams.inner(kind.stream).inner(kind.scenario).inner(kind.network)
    words = f"tuned for {kind.scenario}, {kind.network}{f' on {kind.stream}' if kind.lent else ''}"
    return replace(found, note=f"{found.note}, {words}" if found.note else words)


def tables(layer: Layer) -> Layer:
    """The layer, if it holds nothing but tables, each for something by its name; else a UserError."""
    for name in layer.values:
        layer.inner(name)
    return layer


def default_files() -> list[Layer]:
    """Every clbench.toml, read: the one that came with the program, then one in the working folder."""
    return [read(path, "" if n else "shipped clbench.toml") for n, path in enumerate(defaults_files())]


def default_names() -> frozenset[str]:
    """Every option that a clbench.toml sets anywhere, by its last name: lam, lr .."""
    return _names(tuple((path, read_text(path)) for path in defaults_files()))


@functools.lru_cache(maxsize=4)
def _names(files: tuple[tuple[Path, str], ...]) -> frozenset[str]:
    found: set[str] = set()
    waiting: list[Any] = [_read(path, text)[0] for path, text in files]
    while waiting:
        for name, value in waiting.pop().items():
            if isinstance(value, dict):
                waiting.append(value)
            else:
                found.add(name)
    return frozenset(found)


def read(path: Path, name: str = "") -> Layer:
    values, lines = _read(path, read_text(path))
    return Layer(str(path), copy.deepcopy(values), lines, name)


@functools.lru_cache(maxsize=4)  # a sweep resolves hundreds of configurations, each from the same files
def _read(path: Path, text: str) -> tuple[Table, Lines]:
    return toml_of(path, text), toml_lines(text)


def defaults_files() -> list[Path]:
    """The clbench.toml that came with the program, then one in the working folder."""
    here = Path(__file__).parent.parent
    shipped = next(p for p in (here / "clbench.toml", here.parent / "clbench.toml") if p.is_file())
    mine = Path("clbench.toml")
    return [shipped, mine] if mine.is_file() and not mine.samefile(shipped) else [shipped]
