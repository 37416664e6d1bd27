"""What a search looks through: options with values ('0:10:1', '1,3,10') or a range ('0.01..10:log')."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from clbench.config.files import SECTIONS
from clbench.config.options import shown
from clbench.config.parsing import NOT_YAML, parsed_yaml
from clbench.errors import UserError

MOST_VALUES = 10_000
FORMS = "a list such as 1,3,10, steps such as 0:10:1 (from:to:step), or a range such as 0.01..10 or 1..100:log:int"
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


@dataclass(frozen=True)
class Axis:
    """One option that is searched, SECTION.OPTION: its values in order, or all numbers from low to high."""

    name: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    integer: bool = False

    @property
    def ends(self) -> tuple[Any, ...]:
        """What must be checked: every value, or both ends of the range."""
        return self.values or (self.number(self.low), self.number(self.high))

    def number(self, value: float) -> float:
        return round(value) if self.integer else value

    def as_dict(self) -> dict[str, Any]:
        if self.values:
            return {"values": list(self.values)}
        return {"low": self.low, "high": self.high, "log": self.log, "integer": self.integer}


def setting(name: str, value: Any) -> str:
    """As --set takes it."""
    return f"{name}={json.dumps(value)}"


def format_settings(values: Mapping[str, Any]) -> str:
    """'strategy.lam=3, strategy.beta=5'."""
    return ", ".join(f"{name}={format_value(value)}" for name, value in values.items())


def format_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def axes_of(grids: Mapping[str, Any], where: str) -> tuple[Axis, ...]:
    """One axis an option; UserError where a text is not of FORMS or an option belongs to no section."""
    return tuple(axis_of(str(name), text, where) for name, text in grids.items())


def parse_grids(texts: tuple[str, ...]) -> dict[str, str]:
    """['strategy.lam=0:10:1'] -> {'strategy.lam': '0:10:1'}."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values.strip():
            raise UserError(f"--grid {text!r}: expected SECTION.OPTION=VALUES, VALUES {FORMS}")
        if name.strip() in found:
            raise UserError(f"--grid {text!r}: {name.strip()} was given before")
        found[name.strip()] = values.strip()
    return found


def axis_of(name: str, text: Any, where: str) -> Axis:
    place = f"{where}{name}"
    section, _, option = name.partition(".")
    if section not in SECTIONS or not option or option == "name":
        raise UserError(f"{place}: a searched option is one of {', '.join(f'{s}.OPTION' for s in SECTIONS)}")
    if isinstance(text, list):
        return listed_axis(name, text, place)
    words = str(text).strip()
    if match := re.fullmatch(rf"({NUMBER})\.\.({NUMBER})((?::log|:int)*)", words):
        return ranged(name, float(match[1]), float(match[2]), match[3], place)
    if words.count(":") == 2 and not words.startswith("["):
        return listed_axis(name, stepped(words, place), place)
    try:
        values = parsed_yaml(words if words.startswith("[") else f"[{words}]")
    except NOT_YAML:
        raise UserError(f"{place}: {shown(text)} cannot be read; expected {FORMS}") from None
    return listed_axis(name, values, place)


def listed_axis(name: str, values: list[Any], place: str) -> Axis:
    if len(values) > MOST_VALUES:
        raise UserError(f"{place}: {len(values)} values; there can be {MOST_VALUES}")
    values = [meant(value) for value in values]
    if not values or any(isinstance(value, dict) or value is None for value in values) or not in_json(values):
        raise UserError(f"{place}: expected {FORMS}, got {shown(values)}")
    if any(value in values[:n] for n, value in enumerate(values)):
        raise UserError(f"{place}: a value occurs twice in {shown(values)}")
    return Axis(name, tuple(values))


def in_json(values: list[Any]) -> bool:
    """Not of bytes, dates and sets, which YAML has too."""
    try:
        json.dumps(values)
    except (TypeError, ValueError):
        return False
    return True


def meant(value: Any) -> Any:
    """YAML 1.1 takes 1e5 for text, for want of a dot."""
    return float(value) if isinstance(value, str) and re.fullmatch(NUMBER, value) else value


def ranged(name: str, low: float, high: float, words: str, place: str) -> Axis:
    log, integer = ":log" in words, ":int" in words
    if not low < high:
        raise UserError(f"{place}: a range goes from a smaller number to a larger one, got {low:g}..{high:g}")
    if log and low <= 0:
        raise UserError(f"{place}: a logarithmic range starts above 0, got {low:g}")
    if integer and (low % 1 or high % 1):
        raise UserError(f"{place}: a range of whole numbers has whole ends, got {low:g}..{high:g}")
    return Axis(name, (), low, high, log, integer)


def too_many(low: Decimal, high: Decimal, step: Decimal) -> bool:
    try:
        return (high - low) / step >= MOST_VALUES
    except ArithmeticError:  # beyond what a Decimal holds
        return True


def stepped(words: str, place: str) -> list[float]:
    """'0:10:1' -> 0, 1, .. 10: the end belongs to it. Whole numbers stay whole."""
    try:
        low, high, step = (Decimal(part.strip()) for part in words.split(":"))
    except InvalidOperation:
        raise UserError(f"{place}: {shown(words)} cannot be read; expected {FORMS}") from None
    if not (low.is_finite() and high.is_finite() and step > 0 and low <= high):
        raise UserError(f"{place}: {shown(words)}: from:to:step goes up by a step above 0")
    if too_many(low, high, step):
        raise UserError(f"{place}: {shown(words)} has too many values; there can be {MOST_VALUES}")
    count = int((high - low) / step) + 1
    values = [low + n * step for n in range(count)]
    whole = all(value == value.to_integral_value() for value in values)
    return [int(value) if whole else float(value) for value in values]
