"""How a run is shown: bars with the time left on a terminal, elsewhere plain lines with a clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from clbench.config.printable import printable
from clbench.results import SeedRun

SILENCE = 60.0  # seconds without a line, at most
BESIDE_BARS = 4  # lines of a window that are not for bars: the one of all, and what is said above them


def duration(seconds: float) -> str:
    """'50 s', '12 min', '3.5 h'."""
    if seconds <= 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds <= 5400 else f"{seconds / 3600:.1f} h"


def unfinished(runs: Sequence[SeedRun]) -> list[str]:
    """A line for every seed that did not finish."""
    return [f"seed {run.seed} {run.status}: {run.reason}" for run in runs if run.status in ("diverged", "failed")]


@dataclass
class Course:
    """How far a group of seeds is, in samples."""

    title: str
    number: int  # of the groups that began, from 1
    begun: float = field(default_factory=lambda: time.monotonic())
    spoke: float = field(default_factory=lambda: time.monotonic())
    news: str = ""
    done: int = 0
    first: int = 0  # done by an earlier process, which is not our speed
    total: int = 0

    def advance(self, samples: int, total: int | None) -> None:
        self.done += samples
        if total is not None:
            self.total, self.first, self.begun = total, self.done, time.monotonic()

    @property
    def share(self) -> float:
        return self.done / max(self.total, self.done, 1)

    @property
    def share_before(self) -> float:
        """Done by an earlier process."""
        return self.first / max(self.total, self.done, 1)

    def seconds_left(self) -> float | None:
        """At the speed so far; None where it is not known or nothing is left."""
        done, left = self.done - self.first, max(self.total - self.done, 0)
        return left * (time.monotonic() - self.begun) / done if done and left else None


class Courses:
    """All groups of a command: those that have ended, that run, and that are to come."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.expected = 0
        self.started = 0
        self.ended = 0
        self.running: dict[str, Course] = {}
        self.before = 0.0  # groups that earlier processes had done, in shares

    def begin(self, key: str, title: str) -> Course:
        self.started += 1
        self.running[key] = Course(title, self.started)
        return self.running[key]

    def advance(self, key: str, samples: int, total: int | None) -> Course:
        course = self.running[key]
        course.advance(samples, total)
        if total is not None:
            self.before += course.share_before
        return course

    def end(self, key: str) -> Course:
        self.ended += 1
        return self.running.pop(key)

    @property
    def groups(self) -> int:
        return max(self.expected, self.started)

    @property
    def done(self) -> float:
        """Groups, with the shares of those that run."""
        return self.ended + sum(course.share for course in self.running.values())

    def seconds_left(self) -> float | None:
        """For everything, as if the groups to come took as long as those so far."""
        here = self.done - self.before
        left = self.groups - self.done
        return left * (time.monotonic() - self.begun) / here if here > 0.02 and left > 0 else None


class Lines:
    """A plain line a stage, and one a minute within long ones, on stderr: '14:02:11 3 of 10 ewc on ..'."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self.courses = Courses()

    def expect(self, groups: int) -> None:
        self.courses.expected += groups

    def begin(self, key: str, title: str) -> None:
        self.courses.begin(key, title)

    def advance(self, key: str, samples: int, total: int | None) -> None:
        course = self.courses.advance(key, samples, total)
        if total is None and time.monotonic() - course.spoke > SILENCE:
            self.tell(course, f"{100 * course.share:.0f} % done{self.left(course)}")

    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None:
        course = self.courses.running[key]
        if news != course.news:  # the later stages of joint training do nothing
            self.tell(course, news + self.left(course))
        course.news = news

    def left(self, course: Course) -> str:
        mine, of_all = course.seconds_left(), self.courses.seconds_left()
        several = self.courses.groups > 1 and of_all is not None
        if mine is None:
            return f", about {duration(of_all)} left for all" if several and of_all is not None else ""
        return f", about {duration(mine)} left" + (f", {duration(of_all)} for all" if several and of_all else "")

    def end(self, key: str, runs: Sequence[SeedRun]) -> None:
        course = self.courses.end(key)
        for line in unfinished(runs):
            self.tell(course, line)

    def tell(self, course: Course, words: str) -> None:
        number = f"{course.number} of {self.courses.groups} " if self.courses.groups > 1 else ""
        self.say(f"{time.strftime('%H:%M:%S')} {number}{course.title}: {words}")
        course.spoke = time.monotonic()

    def say(self, text: str) -> None:
        self.console.print(printable(text))

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None: ...


class Bars:
    """A bar for everything, and below it one a group that runs, as many as the window has lines for."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(
            *columns, TextColumn("{task.fields[news]}", markup=False), console=Console(stderr=True)
        )
        self.courses = Courses()
        self.of_all: TaskID | None = None
        self.bars: dict[str, TaskID] = {}

    def expect(self, groups: int) -> None:
        self.courses.expected += groups
        if self.courses.groups > 1 and self.of_all is None:
            self.of_all = self.progress.add_task("all", total=self.courses.groups, news="")
        self.show_all()

    def begin(self, key: str, title: str) -> None:
        self.courses.begin(key, title)
        self.bars[key] = self.progress.add_task(
            printable(title), total=None, news="reading", visible=self.fits(len(self.bars))
        )
        self.show_all()

    def fits(self, bars: int) -> bool:
        """Whether the window has a line for one more."""
        return bars < max(1, self.progress.console.height - BESIDE_BARS)

    def advance(self, key: str, samples: int, total: int | None) -> None:
        self.courses.advance(key, samples, total)
        if total is not None:
            self.progress.reset(self.bars[key], total=total, completed=samples)
        else:
            self.progress.advance(self.bars[key], samples)
        self.show_all()

    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None:
        self.courses.running[key].news = news
        self.progress.update(self.bars[key], news=printable(news))

    def end(self, key: str, runs: Sequence[SeedRun]) -> None:
        course = self.courses.end(key)
        for line in unfinished(runs):
            self.say(f"{course.title}: {line}")
        if runs and course.news:
            self.say(f"{course.title}: {course.news}")
        self.progress.refresh()  # shows the last stage of what took less than the time between two drawings
        self.progress.remove_task(self.bars.pop(key))
        for n, bar in enumerate(self.bars.values()):
            self.progress.update(bar, visible=self.fits(n))
        self.show_all()

    def show_all(self) -> None:
        if self.of_all is not None:
            news = f"{self.courses.ended} of {self.courses.groups} done"
            self.progress.update(self.of_all, total=self.courses.groups, completed=self.courses.done, news=news)

    def say(self, text: str) -> None:
        self.progress.console.print(printable(text), markup=False, highlight=False)

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()


def watcher() -> Bars | Lines:
    return Bars() if Console(stderr=True).is_terminal else Lines()


@contextlib.contextmanager
def watching(silent: bool) -> Iterator[Any]:
    """Who hears how a run gets on: the terminal, or nobody."""
    from clbench.datasets import decoding_progress
    from clbench.run.schedule import Silent

    decoding_progress.QUIET = silent
    try:
        with contextlib.nullcontext(Silent()) if silent else watcher() as watch:
            yield watch
    finally:
        decoding_progress.QUIET = False
