"""How often what grows with a run is written: so often that it takes a small part of the time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

SHARE = 0.1  # of the time that writing may take
SHORT = 0.1  # seconds: what takes no longer is written after every stage


class Pace:
    """A matrix of scores grows with the square of the tasks; written after each of a thousand it takes longest.

    What was left out is made again by who goes on after a kill, with the same numbers.
    """

    def __init__(self) -> None:
        self.again = 0.0  # when the next writing is due, by the monotonic clock

    @property
    def due(self) -> bool:
        return time.monotonic() >= self.again

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Around what is written."""
        begun = time.monotonic()
        yield
        ended = time.monotonic()
        took = ended - begun
        self.again = ended + (took / SHARE - took if took > SHORT else 0.0)
