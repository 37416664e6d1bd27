"""One configuration of a run: code defaults < clbench.toml < --preset < --config file < --set < flags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from clbench.config import origins
from clbench.config.defaults import SCENARIOS, Kind, default_layers
from clbench.config.files import SECTIONS, Layer, Table, parse_sets
from clbench.config.options import (
    Option,
    absent_of,
    convert,
    did_you_mean,
    each_named,
    options_of,
    shown,
    without_absent,
)
from clbench.config.scenario import Scenario
from clbench.config.training import Training
from clbench.errors import UserError
from clbench.registry import networks, strategies, streams
from clbench.results import digest, place_of

SCORES = ("test", "validation")
NAMED = {"method": "anpyc", "stream": "permuted-digits", "network": "mlp", "scenario": "task", "score": "test"}
MOST_SEEDS = 1000
LARGEST_SEED = 10**18 - 1
LONGEST_NAME = 10_000  # characters, as the schemas of results have it: a stream may be named by several paths


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run. `as_dict` is what goes into the result file, verbatim.

    `seeds` are those asked for: a result file has the seeds that it has, and they are no part of its identity.
    `origins`: where each value came from, by its name as in `values`; two that differ in them alone are equal.
    """

    method: str
    stream: str
    network: str
    scenario: Scenario
    seeds: tuple[int, ...] = field(compare=False)
    score: str  # the split that fills the matrix: test, or validation while hyper-parameters are chosen
    preset: str | None
    strategy_options: Table
    stream_options: Table
    network_options: Table
    train: Training
    continual: Table | None = None  # a search within the run, task by task: clbench/sweep/continual.py
    origins: origins.Origins = field(default_factory=dict, compare=False, repr=False)

    def values(self) -> Table:
        """Every value by its name: 'method', 'stream.name', 'stream.tasks', 'train.lr' .."""
        sections = {
            "stream": {"name": self.stream, **self.stream_options},
            "network": {"name": self.network, **self.network_options},
            "strategy": self.strategy_options,
            "train": asdict(self.train),
        }
        own = {f"{s}.{name}": value for s, table in sections.items() for name, value in table.items()}
        named = {name: getattr(self, name) for name in ("method", "scenario", "seeds", "score", "preset")}
        searched = {f"continual.{name}": value for name, value in (self.continual or {}).items()}
        return plain({**named, **own, **searched})

    def as_dict(self) -> Table:
        """In JSON's types, without the options that are younger than results and say nothing."""
        known = options_for(self.method, self.stream, self.network)
        options = {"strategy": self.strategy_options, "stream": self.stream_options}
        options |= {"network": self.network_options, "train": asdict(self.train)}
        said = {section: without_absent(options[section], known[section]) for section in SECTIONS}
        return plain(
            {
                **({"continual": self.continual} if self.continual else {}),
                "method": self.method,
                "stream": {"name": self.stream, **said["stream"]},
                "network": {"name": self.network, **said["network"]},
                "scenario": self.scenario,
                "score": self.score,
                "preset": self.preset,
                "strategy": said["strategy"],
                "train": said["train"],
            }
        )

    @property
    def digest(self) -> str:
        return digest(self.as_dict())

    @property
    def path(self) -> Path:
        """Where its result lies below the output folder."""
        return place_of(self.stream, self.method, self.digest)


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
    asked: Sequence[Layer] = (),
    named_at: str = "--method",
    values_of: str | None = None,
) -> Config:
    """The whole configuration of one method; UserError for whatever is unknown or out of range.

    `asked`: further options, which win over those of `sets`. `named_at`: where the method was asked for.
    `values_of`: a stream whose sections of the clbench.toml files hold for method, network and training in place
    of its own, which then say what the stream itself is and nothing else.
    """
    given = file or Layer("", {})
    flags = {"method": method, "stream": stream, "network": network, "scenario": scenario, "score": score}
    flags["preset"] = preset
    asked_for = {key: value if value is not None else plain_value(given, key) for key, value in flags.items()}
    where = {key: f"--{key}: " if value is not None else given.at(key) for key, value in flags.items()}
    if method is not None:
        where["method"] = f"{named_at}: "
    named: Table = {**NAMED, **{key: value for key, value in asked_for.items() if value is not None}}
    for key in ("method", "stream", "network", "scenario"):
        require_one(where[key], key, named[key])
    with prefix_errors(where["stream"]):
        registered = streams.registered_as(named["stream"])
    if asked_for["network"] is None:
        named["network"] = streams.described(registered).facts["network"] or NAMED["network"]
    method, stream, network, scenario, score = (named[key] for key in NAMED)
    with prefix_errors(where["method"]):
        strategies.require(method)
    with prefix_errors(where["network"]):
        networks.require(network)
    one_of(where["scenario"] + "scenario", scenario, SCENARIOS)
    one_of(where["score"] + "score", score, SCORES)
    known = options_for(method, stream, network)
    values = {s: {name: o.default for name, o in known[s].items()} for s in SECTIONS}
    came = {f"{s}.{name}": origins.CODE for s in SECTIONS for name in known[s]}
    kind = Kind(method, stream, scenario, network)
    defaults = default_layers(kind, named.get("preset"), where["preset"], values_of)
    layers = [*defaults, given, Layer("--set", parse_sets(sets)), *asked]
    given_at = [(layer, path) for layer in layers for path in paths_of(layer, known, method)]  # names, then values
    for source, path in given_at:
        section, name = path[0], path[-1]
        value = converted(source, known[section][name], *path)
        values[section][name] = value
        came[f"{section}.{name}"] = origins.of(source.place(*path), value, known[section][name].default)
    if score == "validation" and not values["stream"]["validation"]:
        raise UserError(f"{where['score']}score validation needs validation images: --set stream.validation=0.1")
    return Config(
        method,
        stream,
        network,
        scenario,  # type: ignore[arg-type]
        seeds or seeds_of(given),
        score,
        named.get("preset"),
        values["strategy"],
        values["stream"],
        values["network"],
        Training(**values["train"]),
        origins={**origins_of_names({**flags, "seeds": seeds}, given, named_at), **came},
    )


def resolve_each(methods: list[str] | None, *, file: Layer | None = None, **more: Any) -> list[Config]:
    """The configurations of several methods; where that is None, of those that the file names, or the default."""
    stated = file is not None and "method" in file.values
    named_at = "--method" if methods is not None else file.place("method") if file and stated else origins.CODE
    names = methods_of(file) if methods is None else methods
    return [resolve(name, file=file, named_at=named_at, **more) for name in names]


def origins_of_names(flags: Table, file: Layer, named_at: str) -> origins.Origins:
    """Where the method, the stream and the like were named: by a flag, in the file, or not at all."""
    found = {}
    for key, flag in flags.items():
        name = f"{key}.name" if key in ("stream", "network") else key
        silent = key not in file.values or (name != key and plain_value(file, key) is None)
        found[name] = f"--{key}" if flag is not None else origins.CODE if silent else file.place(key, "name")
    return {**found, **({"method": named_at} if flags["method"] is not None else {})}


def options_for(method: str, stream: str, network: str) -> dict[str, dict[str, Option]]:
    """The options of each section, by name."""
    return {
        "strategy": strategies.described(method).options,
        "stream": streams.described(streams.registered_as(stream)).options,
        "network": networks.described(network).options,
        "train": options_of(Training),
    }


def resolve_stored(config: Table, path: Path) -> Config:
    """The Config of a result file, its options checked against today's methods and streams.

    An option that came after the file has the value that it was left out at, not one of a clbench.toml.
    """
    values = {key: value for key, value in config.items() if key not in ("preset", "continual", "seeds")}
    names = {key: plain_value(Layer(str(path), config), key) for key in ("method", "stream", "network")}
    with prefix_errors(f"{path}: "):
        known = options_for(**{key: name or NAMED[key] for key, name in names.items()})
    for section in SECTIONS:
        values[section] = {**absent_of(known[section]), **values.get(section, {})}
    found = resolve(file=Layer(str(path), values))
    return replace(found, preset=config.get("preset"), continual=config.get("continual"))


def paths_of(layer: Layer, known: dict[str, dict[str, Option]], method: str) -> list[tuple[str, ...]]:
    """Where a layer has options of this run; UserError for those that there are not.

    strategy.METHOD.option speaks to that method alone.
    """
    return [path for section in SECTIONS for path in paths_in(layer, section, known[section], method)]


def paths_in(layer: Layer, section: str, known: dict[str, Option], method: str) -> Iterator[tuple[str, ...]]:
    table = layer.values.get(section, {})
    if isinstance(table, str) and section in ("stream", "network"):
        return  # its name alone
    if not isinstance(table, dict):
        raise UserError(f"{layer.at(section)}{section} must be a table of options, got {shown(table)}")
    for name, value in table.items():
        if name == "name" and section in ("stream", "network"):
            continue
        if section == "strategy" and isinstance(value, dict) and name in strategies:
            for own in value if name == method else ():
                require_option(layer, known, method, section, name, own)
                yield section, name, own
            continue
        require_option(layer, known, method, section, name)
        yield section, name


def require_option(layer: Layer, known: dict[str, Option], method: str, *path: Any) -> None:
    name, words = path[-1], ".".join(map(str, path))
    if name not in known:
        of = f" for {method}" if path[0] == "strategy" else ""
        alone = f" (strategy.METHOD.{name} speaks to one method)" if of and len(path) == 2 else ""
        raise UserError(f"{layer.at(*path)}no option {words}{of}; {did_you_mean(str(name), known)}{alone}")


def converted(layer: Layer, option: Option, *path: Any) -> Any:
    """The value at a path, of the option's type."""
    value: Any = layer.values
    for key in path:
        value = value[key]
    return convert(value, option.annotation, f"{layer.at(*path)}{'.'.join(map(str, path))}")


@contextmanager
def prefix_errors(where: str) -> Iterator[None]:
    """Puts in front of a UserError which flag, or which line of which file, asked for it."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}{error}") from None


def require_one(where: str, key: str, value: str) -> None:
    """UserError for 'ewc,si'; a stream made of several data sets is no such list: 'sequence:mnist,digits'."""
    if "," in value and ":" not in value:
        first = value.partition(",")[0]
        raise UserError(
            f"{where}{shown(value)} are several, and this takes one {key} a command: --{key} {first[:80]}, .."
        )
    if len(value) > LONGEST_NAME:
        what = f"is a name of {len(value):,} characters; {LONGEST_NAME:,} are the most"
        raise UserError(f"{where}{key} {shown(value)} {what}")


def one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{what} is {value!r}; {did_you_mean(value, known)}")


def plain_value(layer: Layer, key: str) -> str | None:
    """A top-level name in a file: `stream: x`, or the `name` of a table `stream: {name: x}`."""
    value = layer.values.get(key)
    if isinstance(value, dict):
        value = value.get("name")
    if value is not None and not isinstance(value, str):
        raise UserError(f"{layer.at(key)}{key} must be a name, got {shown(value)}")
    return value


def methods_of(file: Layer | None) -> list[str]:
    """The methods a file names, as text with commas or as a list; else the default."""
    if file is None or "method" not in file.values:
        return [NAMED["method"]]
    value = file.values["method"]
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise UserError(f"{file.at('method')}method must be a name or a list of names, got {shown(value)}")
    return each_named(found, f"{file.at('method')}method")


def seeds_of(layer: Layer) -> tuple[int, ...]:
    """`seeds: 5` means 0..4, `seeds: [3, 5]` those."""
    return seeds_in(layer.values.get("seeds", 1), f"{layer.at('seeds')}seeds")


def seeds_in(value: Any, where: str) -> tuple[int, ...]:
    """Of a number or a list, as files have them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return first_seeds(value, where)
    if not isinstance(value, (list, tuple)) or not value:
        raise UserError(f"{where} must be a number of seeds or a list, got {shown(value)}")
    return checked_seeds(tuple(value), where)


def first_seeds(count: int, where: str) -> tuple[int, ...]:
    """0 to count - 1."""
    if not isinstance(count, int) or not 1 <= count <= MOST_SEEDS:  # a schema takes 2.0 for whole
        raise UserError(f"{where}: {shown(count)} seeds; there can be 1 to {MOST_SEEDS}")
    return tuple(range(count))


def checked_seeds(found: tuple[Any, ...], where: str) -> tuple[int, ...]:
    if len(found) > MOST_SEEDS:
        raise UserError(f"{where}: {len(found)} seeds; there can be 1 to {MOST_SEEDS}")
    if any(not isinstance(s, int) or isinstance(s, bool) or not 0 <= s <= LARGEST_SEED for s in found):
        raise UserError(
            f"{where}: seeds are whole numbers from 0 up, of at most 18 digits, got {shown(list(found))}"
        )
    if len(set(found)) < len(found):
        raise UserError(f"{where}: a seed occurs twice in {shown(list(found))}")
    return found


def plain(value: Any) -> Any:
    """The same value in JSON's types, so that what is written reads back equal."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value
