"""A sweep in words: a line a trial for logs, a live table on a terminal, status and best from the record alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from clbench.config.printable import printable
from clbench.report.document import Document, Note, Records, Section, table_of_words
from clbench.report.scales import labelled
from clbench.results import SeedRun
from clbench.results.sweep_record import ENDED, Record, Trial
from clbench.run import progress
from clbench.sweep.space import format_settings, format_value, setting

SHOWN = 10  # best trials in the live table
EARLY = 3  # trials that must have ended before the time left is guessed


class Clock:
    """The time left, from how fast trials have ended since this process began."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.before: int | None = None  # trials that had ended by then

    def left(self, record: Record) -> str:
        ended, planned = record.count(*ENDED), record.plan["trials"]
        self.before = ended if self.before is None else self.before
        here = ended - self.before
        if here < EARLY or ended >= planned:
            return ""
        seconds = (time.monotonic() - self.begun) / here * (planned - ended)
        return f", about {progress.duration(seconds)} left"


def describe_trial(record: Record, trial: Trial) -> str:
    """'trial 7 of 55, strategy.lam=3: ACC 98.21 (best 98.60, trial 3)'."""
    name = f"trial {trial.number + 1} of {record.plan['trials']}, {format_settings(trial.values)}"
    best = record.best
    if trial.score is not None and best is not None:
        mean, score = record.measure.mean_name, record.scored(trial.score)
        return f"{name}: {mean} {score} (best {record.scored(best.score or 0.0)}, trial {best.number + 1})"
    return f"{name}: {trial.status}{f': {trial.reason}' if trial.reason else ''}"


class Lines(progress.Lines):
    """One plain line a trial that has ended; of the winner what a training says."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.in_trials = Clock(), False

    def trials(self, record: Record, trial: Trial) -> None:
        left = self.clock.left(record)
        self.in_trials = record.count("running") > 0 or record.count(*ENDED) < record.plan["trials"]
        if trial.status in ENDED:
            self.say(describe_trial(record, trial) + left)

    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None:
        if not self.in_trials:
            super().stage(key, runs, news)


class Board(progress.Bars):
    """A live table of trials: those that run, with bars, and the best so far."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.record: Record | None = None
        self.live = Live(console=self.progress.console, refresh_per_second=4, get_renderable=self.picture)

    def trials(self, record: Record, trial: Trial) -> None:
        self.record = record
        self.line = headline(record) + self.clock.left(record)
        self.table = table(record)

    def end(self, key: str, runs: Sequence[SeedRun]) -> None:
        super().end(key, runs)

    def picture(self) -> Group:
        if self.record is None:
            return Group(self.progress)
        return Group(Text(printable(self.line)), self.table, self.progress)

    def __enter__(self) -> Board:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()


def watcher() -> Lines | Board:
    return Board() if Console(stderr=True).is_terminal else Lines()


def table(record: Record) -> Table:
    """The best trials and those that run."""
    best = record.ranked[:SHOWN]
    running = [t for t in record.trials if t.status == "running"]
    found = Table(box=None, pad_edge=False)
    for name in ("trial", *record.plan["space"], head(record), "tasks", "status"):
        found.add_column(Text(printable(name)))
    for trial in [*best, *running]:
        score = record.scored(trial.scores[-1]) if trial.scores else ""
        values = [Text(printable(format_value(trial.values.get(name, "")))) for name in record.plan["space"]]
        found.add_row(str(trial.number + 1), *values, score, str(len(trial.scores)), trial.status)
    return found


def head(record: Record) -> str:
    """`ACC (%)`: what trials are scored by."""
    return labelled(record.measure.mean_name, record.measure)


def headline(record: Record) -> str:
    """'12 of 55 trials ended (1 diverged), 2 running'."""
    odd = [f"{n} {state}" for state in ENDED[1:] if (n := record.count(state))]
    apart = f" ({', '.join(odd)})" if odd else ""
    ended = f"{record.count(*ENDED)} of {record.plan['trials']} trials ended{apart}"
    return f"{ended}, {record.count('running')} not" if record.status == "running" else ended


def status(record: Record, path: Path) -> str:
    """Where a sweep stands: its plan in a line, every trial in a table, best first."""
    config = record.plan["config"]
    about = f"{config['method']} on {config['stream']['name']}, {record.plan['search']}, {judged(record)}"
    if record.plan["protocol"] == "continual":
        return f"{printable(f'{path}: {about}: {record.status}')}\n{printable(of_winner(record))}"
    names, rows = list(record.plan["space"]), trials_in_words(record)
    sides = ("right", *["left"] * len(names), "right", "left", "left", "right")
    body = tabulate(
        [list(map(printable, row)) for row in rows],
        headers=list(map(printable, header_of(record))),
        missingval="",
        disable_numparse=True,
        colalign=sides if rows else None,
    )
    tie = [printable(record.tie)] if record.tie else []
    first = printable(f"{path}: {about}: {headline(record)}")
    return "\n".join([first, body, *tie, printable(of_winner(record))]).rstrip()


def judged(record: Record) -> str:
    """The protocol, 'first', 'other-data (tuned on split-fashion-mnist)'."""
    protocol, other = record.plan["protocol"], record.plan.get("tune_on")
    return f"{protocol} (tuned on {other['name']})" if other else str(protocol)


def header_of(record: Record) -> list[str]:
    return ["trial", *record.plan["space"], head(record), "status", "reason", "seconds"]


def trials_in_words(record: Record) -> list[list[str]]:
    """Best first."""
    order = [*record.ranked, *(t for t in record.trials if t.score is None)]
    return [
        [
            str(t.number + 1),
            *(format_value(t.values.get(n, "")) for n in record.plan["space"]),
            "" if t.score is None else record.scored(t.score),
            t.status,
            t.reason or "",
            f"{t.seconds:.0f}",
        ]
        for t in order
    ]


def describe(record: Record, path: Path) -> Document:
    """Its trials, best first; in CSV the score unrounded."""
    rows = [
        {"trial": t.number + 1, **t.values, "score": t.score, "status": t.status, "seconds": t.seconds}
        for t in record.trials
    ]
    table = table_of_words(str(path), header_of(record), trials_in_words(record))
    tuned = f"tuned on {record.plan['tune_on']['name']}" if record.plan.get("tune_on") else ""
    notes = [Note(words) for words in (headline(record), tuned, record.tie, of_winner(record)) if words]
    return Document(
        "",
        (Section(str(path), (table, *notes)),),
        lambda: asdict(record),
        lambda: Records.of(rows),
        plain=lambda: status(record, path),
    )


def best(record: Record) -> str:
    """The best trial so far, as options of clbench train."""
    found = record.best
    if found is None:
        return of_winner(record) or "no trial has finished yet"
    words = " ".join(f"--set {setting(name, value)}" for name, value in found.values.items())
    mean, reached = record.measure.mean_name, record.scored(found.score or 0.0)
    score = f"validation {mean} {reached} (trial {found.number + 1}; {headline(record)})"
    lines = [words, score, *([record.tie] if record.tie else []), of_winner(record)]
    return "\n".join(map(printable, lines)).rstrip()


def of_winner(record: Record) -> str:
    return f"winner: {record.winner['file']}" if record.winner else ""
