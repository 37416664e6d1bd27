"""One stream a file: which images make which task. assemble.py makes a Stream of what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def factories(name: str) -> tuple[Callable[..., Any], ...]:
    """What takes the options of a stream: those of every stream, and its own function, found by its whole name."""
    from clbench.streams.assemble import common_of
    from clbench.streams.find import find

    function, _ = find(name)
    return common_of(function), function
