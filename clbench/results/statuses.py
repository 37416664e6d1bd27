"""The status of a whole, by those of its parts."""

from __future__ import annotations

from collections.abc import Iterable


def status_of(runs: Iterable[str]) -> str:
    """That of the whole, by those of its runs."""
    states = set(runs)
    if "running" in states or "failed" in states:
        return "running" if "running" in states else "failed"
    return "diverged" if states == {"diverged"} else "done"
