"""How a run is shown: bars with an estimate on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from clbench.results import SeedRun

SILENCE = 60.0  # seconds without a line, at most


def ended(runs: Sequence[SeedRun]) -> list[str]:
    """A line for every seed that did not finish."""
    return [f"seed {run.seed} {run.status}: {run.reason}" for run in runs if run.status in ("diverged", "failed")]


class Lines:
    """One plain line a stage, and one a minute within long ones, on stderr, with an estimate: for logs and CI."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self.titles: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self.spoke: dict[str, float] = {}
        self.started: dict[str, float] = {}
        self.done: dict[str, int] = {}
        self.first: dict[str, int] = {}
        self.total: dict[str, int] = {}

    def begin(self, key: str, title: str) -> None:
        self.titles[key], self.started[key], self.done[key] = title, time.monotonic(), 0
        self.said[key], self.spoke[key] = "", time.monotonic()

    def advance(self, key: str, samples: int, total: int | None) -> None:
        self.done[key] += samples
        if total is not None:  # the first message: what an earlier process had done is not our speed
            self.total[key], self.first[key], self.started[key] = total, self.done[key], time.monotonic()
        elif time.monotonic() - self.spoke[key] > SILENCE:
            share = self.done[key] / max(self.total.get(key, 0), self.done[key])
            self.say(f"{self.titles[key]}: {100 * share:.0f} % done{self.left(key)}")
            self.spoke[key] = time.monotonic()

    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None:
        if news != self.said[key]:  # the later stages of joint training do nothing
            self.say(f"{self.titles[key]}: {news}{self.left(key)}")
            self.spoke[key] = time.monotonic()
        self.said[key] = news

    def left(self, key: str) -> str:
        done = self.done[key] - self.first.get(key, 0)
        todo = max(self.total.get(key, 0) - self.done[key], 0)
        if not done or not todo:
            return ""
        seconds = todo * (time.monotonic() - self.started[key]) / done
        return f", about {seconds / 60:.0f} min left" if seconds > 90 else f", about {seconds:.0f} s left"

    def end(self, key: str, runs: Sequence[SeedRun]) -> None:
        for line in ended(runs):
            self.say(f"{self.titles[key]}: {line}")

    def say(self, text: str) -> None:
        self.console.print(text)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None: ...


class Bars:
    """One bar a group of seeds, with the time left and the accuracy so far."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, TextColumn("{task.fields[news]}"), console=Console(stderr=True))
        self.bars: dict[str, TaskID] = {}
        self.titles: dict[str, str] = {}

    def begin(self, key: str, title: str) -> None:
        self.titles[key] = title
        self.bars[key] = self.progress.add_task(title, total=None, news="waiting")

    def advance(self, key: str, samples: int, total: int | None) -> None:
        if total is not None:
            self.progress.reset(self.bars[key], total=total, completed=samples)
        else:
            self.progress.advance(self.bars[key], samples)

    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None:
        self.progress.update(self.bars[key], news=news)

    def end(self, key: str, runs: Sequence[SeedRun]) -> None:
        for line in ended(runs):
            self.say(f"{self.titles[key]}: {line}")

    def say(self, text: str) -> None:
        self.progress.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()


def watcher() -> Bars | Lines:
    return Bars() if Console(stderr=True).is_terminal else Lines()
