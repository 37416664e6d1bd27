"""Whether what won stands at an edge of what was searched: beyond it nothing is known, and more might be there."""

from __future__ import annotations

import math
from typing import Any, get_args

from clbench.config.resolve import options_for
from clbench.errors import UserError

OUTER = 0.05  # of a range, on its own scale


def place_of(value: Any, axis: dict[str, Any]) -> float | None:
    """Where a value stands, 0 at the low end to 1 at the high one; None in a list of anything but numbers.

    axis: as a record has it. A range is measured on its own scale, a list of numbers by their order.
    """
    if "values" in axis:
        numbers = axis["values"]
        if len(numbers) < 2 or not all(is_number(each) for each in numbers):
            return None
        return sorted(numbers).index(value) / (len(numbers) - 1)
    low, high = axis["low"], axis["high"]
    if axis["log"]:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return min(max((value - low) / (high - low), 0.0), 1.0)


def edge_of(value: Any, axis: dict[str, Any]) -> str:
    """'low' or 'high': within the outer 5 percent of a range, or an end of a list of numbers; else ''."""
    place = place_of(value, axis)
    if place is None:
        return ""
    outer = 0.0 if "values" in axis else OUTER
    return "low" if place <= outer else "high" if place >= 1 - outer else ""


def is_natural(edge: str, axis: dict[str, Any], option: Any) -> bool:
    """Whether the range ends there because the option does, as 0 of a share. option: its annotation, or None."""
    bounds: dict[str, float] = {}
    for part in each_part(option):
        bounds |= getattr(part, "each", {})
    end = (min if edge == "low" else max)(axis["values"]) if "values" in axis else axis[edge]
    return end in [bounds.get(name) for name in (("ge", "gt") if edge == "low" else ("le", "lt"))]


def each_part(annotation: Any) -> list[Any]:
    """What an annotation is made of, however deep."""
    return [annotation, *(inner for part in get_args(annotation) for inner in each_part(part))]


def options_of(config: dict[str, Any]) -> dict[str, Any]:
    """'strategy.lam' -> its annotation; nothing where the method or stream is not known here, as of a plugin."""
    try:
        known = options_for(config["method"], config["stream"]["name"], config["network"]["name"])
    except UserError:
        return {}
    return {f"{section}.{name}": o.annotation for section, each in known.items() for name, o in each.items()}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
