"""One architecture a file: a plain nn.Module for one seed, lifted over the seed axis in models/lift.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clbench.registry import model_kind, settings_of


def factories(network: Any) -> tuple[Callable[..., Any], ...]:
    """What takes the options of a network: the weights it starts from, what it is trained for, and itself."""
    from clbench.networks.pretrained import Start

    return Start, *settings_of(network), network


def facts(network: Any) -> dict[str, Any]:
    return {"model": model_kind(network)}
