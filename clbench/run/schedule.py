"""One scheduler: experiments as an agenda names them, their groups of seeds where an executor learns them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from clbench.config.resolve import Config
from clbench.errors import MachineFault, UserError, of_machine
from clbench.results import AnyResult, Result, SeedRun, of_seeds
from clbench.run import interrupt
from clbench.run.experiment import Experiment, News, SeedGroup, Stopped
from clbench.run.local import Local, Outcome, WorkerTraceback, reason
from clbench.run.machine import Machine
from clbench.run.store import ResultFile, Store
from clbench.run.train import Train


class Watcher(Protocol):
    """What a front end is told of a run; every number is about one group of seeds, named by `key`."""

    def expect(self, groups: int) -> None:
        """So many groups more will begin, at most."""

    def begin(self, key: str, title: str) -> None: ...
    def advance(self, key: str, samples: int, total: int | None) -> None: ...
    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None: ...
    def end(self, key: str, runs: Sequence[SeedRun]) -> None: ...
    def say(self, text: str) -> None: ...


class Silent:
    """A watcher that ignores everything."""

    def expect(self, groups: int) -> None: ...
    def begin(self, key: str, title: str) -> None: ...
    def advance(self, key: str, samples: int, total: int | None) -> None: ...
    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None: ...
    def end(self, key: str, runs: Sequence[SeedRun]) -> None: ...
    def say(self, text: str) -> None: ...


@dataclass
class Job:
    """A group of seeds to be learned, for the file that its result lies in."""

    group: SeedGroup
    file: ResultFile

    @property
    def key(self) -> str:
        return f"{self.file.result.digest}/{self.group.seeds[0]}"

    @property
    def title(self) -> str:
        seeds = self.group.seeds
        return f"{self.group.experiment.title}, seed{'s' * (len(seeds) > 1)} {','.join(map(str, seeds))}"


class Executor(Protocol):
    """Where groups of seeds are learned: processes here, a cluster."""

    def parts(self, experiments: int, machine: Machine, device: torch.device) -> int:
        """Into how many groups the seeds of each of so many experiments are dealt."""

    def processes(self, groups: int, machine: Machine, device: torch.device) -> int:
        """How many of so many groups it learns at a time."""

    def explain(self, groups: int, at_a_time: int, machine: Machine, device: torch.device) -> str | None:
        """In a line, why so many at a time, where nobody asked for the number."""

    def run(
        self, jobs: Iterable[Job], machine: Machine, on_news: Callable[[Job, News], bool], at_a_time: int
    ) -> Generator[tuple[Job, Outcome], None, None]:
        """Every job with its outcome, as they end. A job is asked for when there is room for it.

        `on_news` is called in between, and says True of a job that shall stop: its outcome is Stopped. at_a_time:
        what `processes` said.
        """


class Agenda(Protocol):
    """What is to be run, and what comes of it."""

    def next(self) -> ResultFile | None:
        """An opened file whose experiment is to run when there is room for it; None: no more."""

    def hopeless(self, file: ResultFile, runs: Sequence[SeedRun]) -> bool:
        """After every stage: whether to stop its experiment here."""

    def ended(self, file: ResultFile, problems: list[UserError]) -> None:
        """All its groups have ended: finished, stopped (the result says running), or failed."""


def schedule(agenda: Agenda, executor: Executor, store: Store, watch: Watcher) -> None:
    """Run everything on the agenda. A file is written after every stage and closed when its groups have ended."""
    left: dict[Path, int] = {}  # groups of a file that have not ended
    problems: dict[Path, list[UserError]] = {}

    def jobs() -> Iterator[Job]:
        while (file := agenda.next()) is not None:
            groups = file.begin()
            left[file.path], problems[file.path] = len(groups), []
            for group in groups:
                job = Job(group, file)
                watch.begin(job.key, job.title)
                yield job

    def on_news(job: Job, news: News) -> bool:
        if news.warning:
            warnings.warn(news.warning, stacklevel=2)
        if news.samples or news.total:
            watch.advance(job.key, news.samples, news.total)
        if news.runs is None:
            return False
        job.file.keep(job.group, news.runs, news.makers)
        watch.stage(job.key, news.runs, job.file.result.news(news.runs))
        return agenda.hopeless(job.file, job.file.asked.runs)

    with closing(executor.run(jobs(), store.machine, on_news, store.processes)) as outcomes:
        for job, outcome in outcomes:
            path = job.file.path
            if (problem := conclude(job, outcome, watch)) is not None:
                problems[path].append(problem)
            left[path] -= 1
            if not left[path]:
                job.file.close()
                agenda.ended(job.file, problems[path])


def conclude(job: Job, outcome: Outcome, watch: Watcher) -> UserError | None:
    """Write how a group ended; one that was stopped is left as it is, to go on when it is asked for again.

    KeyboardInterrupt where its error is what became of one: nothing is recorded then.
    """
    if isinstance(outcome, Exception) and interrupt.behind(outcome):
        raise KeyboardInterrupt from outcome
    if isinstance(outcome, Stopped):
        watch.end(job.key, [])
        return None
    if not isinstance(outcome, Exception):
        job.file.keep(job.group, outcome)
        watch.end(job.key, outcome)
        return None
    why = reason(outcome)
    job.file.fail(job.group, why)
    watch.end(job.key, [])
    problem = (MachineFault if of_machine(outcome) else UserError)(f"{job.title} failed: {why}")
    problem.__cause__ = outcome.__cause__ if isinstance(outcome.__cause__, WorkerTraceback) else outcome
    return problem


class Listed:
    """The agenda of experiments that are all known: every one is found fit to run before the first begins."""

    def __init__(self, experiments: Sequence[Experiment], store: Store, watch: Watcher) -> None:
        self.files = [store.open(one) for one in unite(experiments)]
        for file in self.files:
            if file.finished:
                watch.say(f"{file.experiment.name}: finished before, in {file.path} (--force runs it afresh)")
        self.waiting = [file for file in self.files if not file.finished]
        self.problems: list[UserError] = []

    @property
    def groups(self) -> int:
        """That are still to be learned."""
        return sum(len(file.unfinished()) for file in self.waiting)

    def begin(self) -> None:
        """From here on files change."""
        for file in self.waiting:
            file.begin()

    def next(self) -> ResultFile | None:
        return self.waiting.pop(0) if self.waiting else None

    def hopeless(self, file: ResultFile, runs: Sequence[SeedRun]) -> bool:
        return False

    def ended(self, file: ResultFile, problems: list[UserError]) -> None:
        self.problems += problems

    def result_of(self, experiment: Experiment) -> tuple[Path, AnyResult]:
        """The path of its file, and the result of the seeds that it asks for."""
        file = next(file for file in self.files if file.experiment.config.digest == experiment.config.digest)
        return file.path, of_seeds(file.result, experiment.config.seeds)

    def require_success(self) -> None:
        """UserError with the reason of the first group that failed."""
        if len(self.problems) > 1:
            first, more = self.problems[0], len(self.problems) - 1
            error = UserError(f"{first} (and {more} more failed; each file has its reason)")
            raise error from first.__cause__
        if self.problems:
            raise self.problems[0]


def unite(experiments: Sequence[Experiment]) -> list[Experiment]:
    """One of each configuration, with the seeds of all of it."""
    found: dict[str, Any] = {}
    for one in experiments:
        first = found.setdefault(one.config.digest, one)
        seeds = tuple(dict.fromkeys((*first.config.seeds, *one.config.seeds)))
        found[one.config.digest] = replace(first, config=replace(first.config, seeds=seeds))
    return list(found.values())


def run_experiments(
    experiments: Sequence[Experiment],
    out: Path,
    machine: Machine,
    executor: Executor | None = None,
    force: bool = False,
    watch: Watcher | None = None,
) -> list[tuple[Path, Any]]:
    """Every experiment's (path, result of the seeds asked for). Finished seeds are not run again, interrupted ones
    go on, and those that a file has not got are added to it.

    A group that fails is recorded with its reason and the others go on; a UserError is raised at the end.
    """
    executor, watch = executor or Local(1), watch or Silent()
    device = machine.prepare()
    parts = executor.parts(len(unite(experiments)), machine, device)
    with Store(out, machine, parts, force=force) as store:
        agenda = Listed(experiments, store, watch)
        store.processes = executor.processes(agenda.groups, machine, device)
        words = executor.explain(agenda.groups, store.processes, machine, device)
        if agenda.groups > 1 and words:
            watch.say(words)
        agenda.begin()
        watch.expect(agenda.groups)
        schedule(agenda, executor, store, watch)
    agenda.require_success()
    asked = {(one.config.digest, one.config.seeds): one for one in experiments}
    return [agenda.result_of(one) for one in asked.values()]


def run_all(
    configs: Sequence[Config],
    out: Path,
    machine: Machine,
    executor: Executor | None = None,
    force: bool = False,
    watch: Watcher | None = None,
) -> list[tuple[Path, Result]]:
    """Train every configuration: see run_experiments."""
    return run_experiments([Train(config) for config in configs], out, machine, executor, force, watch)


def run(
    config: Config,
    out: Path,
    machine: Machine | None = None,
    executor: Executor | None = None,
    force: bool = False,
    watch: Watcher | None = None,
) -> Result:
    """Train one configuration to the end (or find it finished) and return its result."""
    return run_all([config], out, machine or Machine(), executor, force, watch)[0][1]
