"""What a network is trained for, one kind a file: base.py has what a kind says of itself, stacked.py the seeds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def factories(model: Any) -> tuple[Any, ...]:
    """A model's own options are those of its networks."""
    return ()


def facts(model: Any) -> dict[str, Any]:
    return {"score": asdict(model.score)}
