"""The command that made a result, written out of its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from clbench.config import resolve as configuration
from clbench.config.defaults import default_names
from clbench.config.options import absent_of, options_of
from clbench.config.training import Training
from clbench.errors import UserError
from clbench.results import AnyResult

SECTIONS = ("strategy", "stream", "network", "train")
NAMED = ("dataset", "limit")  # of a pruning study, beside its sections pruning and train


def command_that_made(result: AnyResult) -> list[str] | None:
    """The words of a command line that leads to the same digest whatever the clbench.toml of here says.

    It gives every option that is stored, and of those that a result leaves out what some clbench.toml sets. None
    where the words could not be pasted safely, as with control characters in a name.
    """
    told = _study if result.kind == "pruning" else _training
    found = list(told(result.config, result.seeds))
    for name in dict.fromkeys(name for maker in result.makers.values() for name in maker.get("plugins", {})):
        found += ["--plugin", name]
    return ["clbench", *found] if all(word.isprintable() for word in found) else None


def _training(config: dict[str, Any], seeds: list[int]) -> Iterator[str]:
    network = config.get("network", {})
    yield from ("train", "--method", config["method"], "--stream", config["stream"]["name"])
    if "name" in network:
        yield from ("--network", network["name"])
    yield from ("--scenario", config["scenario"], "--score", config["score"])
    yield from _common(config, seeds)
    left_out = _left_out(config)
    for section in SECTIONS:
        for name, value in {**left_out.get(section, {}), **config.get(section, {})}.items():
            if name != "name" or section not in ("stream", "network"):
                yield from ("--set", f"{section}.{name}={as_yaml(value)}")


def _left_out(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Options at the value at which a configuration does not say them, where a clbench.toml names one of them."""
    network = config.get("network", {}).get("name", configuration.NAMED["network"])
    try:
        known = configuration.options_for(config["method"], config["stream"]["name"], network)
    except UserError:  # of a plugin that is not here
        known = {"train": options_of(Training)}
    named = default_names()
    return {
        section: {name: value for name, value in absent_of(options).items() if name in named}
        for section, options in known.items()
    }


def _study(config: dict[str, Any], seeds: list[int]) -> Iterator[str]:
    yield "prune-lenet"
    yield from _common(config, seeds)
    options = {name: config.get(name) for name in NAMED} | config["pruning"] | config["train"]
    for name, value in options.items():
        if value is not None:
            listed = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            yield from ("--" + name.replace("_", "-"), listed)


def _common(config: dict[str, Any], seeds: list[int]) -> Iterator[str]:
    preset = config.get("preset")
    if seeds == list(range(len(seeds))):
        yield from ("--seeds", str(len(seeds)))
    else:
        yield from ("--seed-list", ",".join(map(str, seeds)))
    if preset is not None:
        yield from ("--preset", preset)


def as_yaml(value: Any) -> str:
    """On one line, as --set reads it: 1e-05 as 1.0e-05, which YAML takes for a number, the word null quoted."""
    text = _dumped(value)
    if (
        text.startswith("'") or not text.isprintable()
    ):  # a shell sets single quotes around it; line breaks get lost
        return _dumped(value, '"')
    return text


def _dumped(value: Any, quotes: str | None = None) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, default_style=quotes, width=float("inf"), allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
