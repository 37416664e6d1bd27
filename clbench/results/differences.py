"""In what configurations differ, in words for labels, headings and notes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

Options = dict[str, Any]
MISSING = "(not set)"
MANY_DIGITS = re.compile(r"-?\d+\.\d{7,}(e[-+]?\d+)?")


def flatten(options: Options, prefix: str = "") -> Options:
    """{"train": {"lr": 0.1}} as {"train.lr": 0.1}."""
    flat: Options = {}
    for key, value in options.items():
        flat.update(flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat


def differing(configurations: Sequence[Options]) -> list[str]:
    """The dotted names whose values are not the same in all configurations, sorted."""
    flats = [flatten(configuration) for configuration in configurations]
    names = sorted({name for flat in flats for name in flat})
    return [name for name in names if len({shown(flat.get(name, MISSING)) for flat in flats}) > 1]


def described(
    options: Options, names: Sequence[str] | None = None, say: Callable[[Any], str] | None = None
) -> str:
    """`lam=100, online=true` of the dotted names given (or all), each by its last part if that is clear.

    say: how a value is written, else as `shown`.
    """
    flat = flatten(options)
    names = list(flat) if names is None else [name for name in names if name in flat]
    last = [name.rpartition(".")[2] for name in names]
    short = [part if last.count(part) == 1 else name for name, part in zip(names, last, strict=True)]
    say = say or shown
    return ", ".join(f"{part}={say(flat[name])}" for name, part in zip(names, short, strict=True))


def shown(value: Any) -> str:
    """A value as a user would write it; three whole numbers or more in a row, as seeds mostly are, as 0-4."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) > 2 and all(type(entry) is int for entry in value):
        first, last = value[0], value[-1]
        if value == list(range(first, last + 1)):
            return f"{first}-{last}"
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def brief(value: Any) -> str:
    """As a search draws numbers, 0.0030874833656408473, with four digits: 0.003087; the file has them all."""
    text = shown(value)
    if not MANY_DIGITS.fullmatch(text):
        return text
    number = float(text)
    return f"{number:.0f}" if 1e3 <= abs(number) < 1e6 else f"{number:.4g}"


def sortable(value: Any) -> tuple[bool, float, str]:
    """Numbers in their order, then everything else by how it is written."""
    if isinstance(value, int | float):
        return (False, value, "")
    return (True, 0, shown(value))
