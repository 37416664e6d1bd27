"""One stream a file: which images make which task. assemble.py makes a Stream of what they return."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def factories(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """What takes the options of a stream: those of every stream, and its own function."""
    from clbench.streams.assemble import common_of

    return common_of(function), function


def facts(function: Callable[..., Any]) -> dict[str, Any]:
    """takes: what it is given first: `images` of any data set, `several` data sets, or what loads one by its name.
    network: the one it is made for, or None. own: the options that not every stream has.
    """
    from clbench.config.options import options_of

    takes = next(iter(inspect.signature(function).parameters), "")
    return {"takes": takes, "network": getattr(function, "network", None), "own": list(options_of(function))}


def registered_as(name: str) -> str:
    """'split' of 'split-mnist' and 'split:my.npz'; UserError for a name that there is not."""
    from clbench.streams.find import place_of

    return place_of(name)[0]
