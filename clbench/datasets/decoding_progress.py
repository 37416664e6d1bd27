"""How decoding is shown: a bar on a terminal; in a pipe a line at the start and one a minute; nothing if quiet."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from clbench.config.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

QUIET = False  # set by commands that are to print nothing
EVERY = 60.0  # seconds between lines
AT_LEAST = 200  # images; fewer are decoded before anyone wonders


def say(text: str) -> None:
    """A line on stderr, unless quiet."""
    if not QUIET:
        _console().print(printable(text))


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Decoding:
    """A bar, or lines, on stderr."""

    def __init__(self, title: str, total: int) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        title = printable(title)
        self.title, self.total, self.done, self.spoke = title, total, 0, time.monotonic()
        self.console = _console()
        self.silent = QUIET or total < AT_LEAST
        title_as_it_is = TextColumn("{task.description}", markup=False)  # a path may hold what looks like a style
        columns = (title_as_it_is, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        shown = self.console.is_terminal and not self.silent
        self.bar = Progress(*columns, console=self.console) if shown else None

    def __enter__(self) -> Decoding:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total)
        elif not self.silent:
            self.console.print(self.title)
        return self

    def advance(self, images: int = 1) -> None:
        self.done += images
        if self.bar:
            self.bar.advance(self.task, images)
        elif not self.silent and time.monotonic() - self.spoke > EVERY:
            self.console.print(f"{self.title}: {100 * self.done // self.total} % done")
            self.spoke = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()
