"""A share of what a check asks for, drawn by a date: the same on a day wherever it is drawn."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

from clbench.errors import UserError

Thing = TypeVar("Thing")


def drawn(things: Sequence[Thing], names: Sequence[str], share: float, day: date) -> list[Thing]:
    """So many of them, at least one, in their order: those that come first by sha256 of the day and their name.

    Every day's draw is independent of all others: with a tenth a week a thing is left out of a year with
    probability 0.9^52 = 0.004, and of ever with none.
    """
    count = max(1, math.ceil(round(share * len(things), 9))) if things else 0
    order = sorted(range(len(things)), key=lambda n: hashlib.sha256(f"{day} {names[n]}".encode()).hexdigest())
    return [things[n] for n in sorted(order[:count])]


def day_of(words: str | None) -> date:
    """A day as 2026-11-27, or today's where none is named; UserError for any other words."""
    if words is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(words)
    except ValueError as error:
        raise UserError(f"--draw {words[:40]!r}: expected a day as 2026-11-27") from error


def require_share(share: float) -> None:
    if not 0 < share <= 1:
        raise UserError(f"--share {share:g}: expected a number above 0 and up to 1")
