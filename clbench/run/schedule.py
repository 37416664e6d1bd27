"""run(config) -> Result: result files, locks, resuming, and groups of seeds spread over worker processes."""

from __future__ import annotations

import contextlib
import functools
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import torch

from clbench.config.resolve import Config
from clbench.errors import UserError
from clbench.results import AnyResult, Result, SeedRun, load, of_seeds, save, settle
from clbench.results.atomic import forget_temporaries
from clbench.results.locks import locked
from clbench.run import checkpoint
from clbench.run import local as processes
from clbench.run.experiment import Configuration, Machine, News, SeedGroup, Stopped
from clbench.run.local import Outcome, WorkerTraceback, reason
from clbench.run.provenance import Maker, other_code
from clbench.run.train import Learning, streams

FINISHED = ("done", "diverged")


class Watcher(Protocol):
    """What a front end hears of a run; every number is about one group of seeds, named by `key`."""

    def begin(self, key: str, title: str) -> None: ...
    def advance(self, key: str, samples: int, total: int | None) -> None: ...
    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None: ...
    def end(self, key: str, runs: Sequence[SeedRun]) -> None: ...
    def say(self, text: str) -> None: ...


class Silent:
    """A watcher that ignores everything."""

    def begin(self, key: str, title: str) -> None: ...
    def advance(self, key: str, samples: int, total: int | None) -> None: ...
    def stage(self, key: str, runs: Sequence[SeedRun], news: str) -> None: ...
    def end(self, key: str, runs: Sequence[SeedRun]) -> None: ...
    def say(self, text: str) -> None: ...


class Experiment(Protocol):
    """What the runner asks of something that has a result file: `train` of a method, a pruning study."""

    @property
    def config(self) -> Configuration: ...
    @property
    def name(self) -> str: ...  # in messages about its file
    @property
    def title(self) -> str: ...  # in messages about its progress
    @property
    def own_file(self) -> bool: ...  # whether its data is a file of the user's, which may change

    @property
    def plugins(self) -> dict[str, str]: ...  # file name -> sha256 of those that its configuration uses

    def at_once(self, machine: Machine, device: torch.device, workers: int) -> int:
        """Of how many seeds a group may be, at most, if so many groups are trained at a time; 0: of all.

        To find it out may take a while.
        """
        ...

    def checksums(self, machine: Machine, device: torch.device) -> dict[str, str]: ...
    def result(self, machine: Machine, device: torch.device) -> AnyResult:
        """A new one, without runs; UserError where the experiment cannot be made."""
        ...

    def new_run(self, seed: int, together: tuple[int, ...]) -> SeedRun: ...
    def group(self, seeds: tuple[int, ...], folder: Path, digest: str) -> SeedGroup: ...


class Spread(Protocol):
    """Learns groups somewhere: every job with its outcome, as they end, and news to `heard` in between."""

    def __call__(
        self, jobs: Iterable[Job], machine: Machine, *, heard: Callable[[Job, News], bool | None]
    ) -> Iterator[tuple[Job, Outcome]]: ...


class Agenda(Protocol):
    """Experiments that are not all known at the start, each a program of all its seeds."""

    def next(self) -> Experiment | None:
        """The one to run now that there is room for it; None: no more."""
        ...

    def hopeless(self, experiment: Experiment, runs: Sequence[SeedRun]) -> bool:
        """After every stage: whether to stop it here."""
        ...

    def ended(self, experiment: Experiment, result: AnyResult | None, problem: UserError | None) -> None:
        """It is finished, stopped (its result says running), or failed; without a result it could not begin."""
        ...


class OtherCode(UserError):
    """A result was made by other code of a plugin than there is now."""


@dataclass
class Job:
    """One group of seeds of one result, to be learned."""

    key: str
    title: str
    group: SeedGroup
    result: AnyResult
    path: Path
    experiment: Experiment


def run(
    config: Config,
    out: Path,
    machine: Machine | None = None,
    *,
    workers: int = 1,
    force: bool = False,
    watch: Watcher | None = None,
) -> Result:
    """Train one configuration to the end (or find it finished) and return its result."""
    return run_all([config], out, machine or Machine(), workers=workers, force=force, watch=watch)[0][1]


def run_all(
    configs: Sequence[Config],
    out: Path,
    machine: Machine,
    *,
    workers: int = 1,
    force: bool = False,
    watch: Watcher | None = None,
) -> list[tuple[Path, Result]]:
    """Every configuration's (path, result of the seeds asked for). Finished seeds are not run again, interrupted
    ones go on, and those that a file has not got are added to it.

    A group that fails is recorded with its reason and the others go on; a UserError is raised at the end.
    """
    return conduct([Learning(config) for config in configs], out, machine, workers, force, watch)


def conduct(
    experiments: Sequence[Experiment],
    out: Path,
    machine: Machine,
    workers: int = 1,
    force: bool = False,
    watch: Watcher | None = None,
    spread: Spread | None = None,
) -> list[tuple[Path, Any]]:
    """The same for experiments of any kind. `spread`: where groups learn, if not in `workers` processes here."""
    watch = watch or Silent()
    device = machine.prepare()
    with contextlib.ExitStack() as locks, streams.kept():
        found: dict[str, AnyResult] = {}
        for one in united(experiments):
            path = out / one.config.path
            locks.enter_context(locked(path))
            found[one.config.digest] = opened(one, path, machine, device, workers, force)
        jobs: list[Job] = []  # from here on files change: every configuration has been found fit to run
        for one in united(experiments):
            path, result = out / one.config.path, found[one.config.digest]
            if of_seeds(result, one.config.seeds).status in FINISHED:
                watch.say(f"{one.name}: finished before, in {path} (--force runs it afresh)")
            else:
                jobs += begun(one, path, result, machine, device, workers)
        problem = execute(jobs, machine, workers, watch, spread)
    if problem is not None:
        raise problem
    asked = dict.fromkeys((one.config.digest, one.config.path, one.config.seeds) for one in experiments)
    return [(out / path, of_seeds(found[digest], seeds)) for digest, path, seeds in asked]


def united(experiments: Sequence[Experiment]) -> list[Experiment]:
    """One of each configuration, with the seeds of all of it."""
    found: dict[str, Any] = {}
    for one in experiments:
        first = found.setdefault(one.config.digest, one)
        seeds = tuple(dict.fromkeys((*first.config.seeds, *one.config.seeds)))
        found[one.config.digest] = replace(first, config=replace(first.config, seeds=seeds))
    return list(found.values())


def pursue(
    agenda: Agenda,
    out: Path,
    machine: Machine,
    workers: int = 1,
    force: bool = False,
    watch: Watcher | None = None,
    spread: Spread | None = None,
) -> None:
    """Experiments as `agenda` names them, `workers` at a time. Each one's file is locked while it runs."""
    watch = watch or Silent()
    device = machine.prepare()
    locks: dict[Path, contextlib.ExitStack] = {}
    left: dict[Path, int] = {}  # groups of it that have not ended

    def jobs() -> Iterator[Job]:
        while (experiment := agenda.next()) is not None:
            path, lock = out / experiment.config.path, contextlib.ExitStack()
            try:
                lock.enter_context(locked(path))
                result = opened(experiment, path, machine, device, 1, force)
                mine = of_seeds(result, experiment.config.seeds)
                if mine.status in FINISHED:
                    agenda.ended(experiment, mine, None)
                    lock.close()
                    continue
                todo = begun(experiment, path, result, machine, device, workers)
                save(result, path)
            except OtherCode:
                lock.close()
                raise
            except UserError as error:
                lock.close()
                agenda.ended(experiment, None, error)
                continue
            locks[path], left[path] = lock, len(todo)
            for job in todo:
                watch.begin(job.key, job.title)
                yield job

    def tell(job: Job, news: News) -> bool:
        heard(job, news, watch)
        return news.runs is not None and agenda.hopeless(job.experiment, asked_of(job).runs)

    with streams.kept():
        try:
            spread = spread or functools.partial(spread_here, workers=workers)
            for job, outcome in spread(jobs(), machine, heard=tell):
                problem = concluded(job, outcome, watch)
                left[job.path] -= 1
                if not left[job.path]:
                    locks.pop(job.path).close()
                    agenda.ended(job.experiment, asked_of(job), problem)
        finally:
            for lock in locks.values():
                lock.close()


def asked_of(job: Job) -> AnyResult:
    """Its result, of the seeds that its experiment asks for."""
    return of_seeds(job.result, job.experiment.config.seeds)


def begun(
    experiment: Experiment, path: Path, result: AnyResult, machine: Machine, device: torch.device, workers: int
) -> list[Job]:
    """What is left to do of a result, on a cleared folder."""
    clear(path, everything=not any(run.seconds for run in result.runs))
    large = [group for group in unfinished(experiment, result) if len(group) > 1]
    if large and (most := experiment.at_once(machine, device, workers)):
        divide(result, path, [group for group in large if len(group) > most], most)
    return jobs_of(experiment, path, result)


def divide(result: AnyResult, path: Path, groups: list[tuple[int, ...]], most: int) -> None:
    """Make of each group several of at most so many seeds, which go on from the checkpoint that they shared."""
    folder, parted = checkpoints_of(path), []
    for group in groups:
        parts = dealt(group, ceil(len(group) / most))
        parted += checkpoint.part_seeds(folder, group, parts)
        for run in result.runs:
            if tuple(run.together) == group:
                run.together = list(next(part for part in parts if run.seed in part))
    if parted:
        save(result, path)  # before what it named so far is gone
    for file in parted:
        file.unlink()


def opened(
    experiment: Experiment, path: Path, machine: Machine, device: torch.device, workers: int, force: bool
) -> AnyResult:
    """The stored result if there is one, else a new one, with a run of every seed asked for. Writes nothing.

    Seeds that the file has not got are dealt into groups of their own.
    """
    seeds = experiment.config.seeds
    earlier = stored(experiment, path, machine) if path.exists() and not force else None
    missing = tuple(seed for seed in seeds if earlier is None or seed not in earlier.seeds)
    if earlier is not None and not missing and of_seeds(earlier, seeds).status in FINISHED:
        if experiment.own_file:  # a published data set is the same for ever, and need not be read
            require_same_data(earlier, experiment.checksums(machine, device), path)
        return earlier
    result = experiment.result(machine, device)
    if earlier is not None:
        require_same_data(earlier, result.data, path)
        result = reopened(earlier, seeds)
    groups = dealt(missing, workers)
    result.runs += [experiment.new_run(seed, group) for group in groups for seed in group]
    result.runs.sort(key=lambda run: run.seed)
    result.started, result.finished = result.started or now(), None
    settle(result)
    return result


def stored(experiment: Experiment, path: Path, machine: Machine) -> AnyResult:
    """The result in the file; UserError where it is damaged, another's, or made by other code."""
    try:
        result = load(path, machine.accept_modified)
    except UserError as error:
        raise UserError(f"{error}; --force runs this configuration afresh") from None
    if result.digest != experiment.config.digest:
        raise UserError(f"{path}: holds another configuration ({result.digest}); move it away, or --force")
    if words := other_code(result, experiment.plugins):
        raise OtherCode(f"{path}: {words}; --force runs it afresh")
    return result


def require_same_data(result: AnyResult, checksums: dict[str, str], path: Path) -> None:
    """UserError where the result was made of other data than is there now."""
    if result.data != checksums:
        names = ", ".join(sorted({*result.data, *checksums}))
        raise UserError(f"{path}: was begun on other data ({names} have changed); --force runs it afresh")


def reopened(result: AnyResult, seeds: Sequence[int]) -> AnyResult:
    """A result of which these seeds shall go on: those that failed, with all that are trained beside them."""
    for run in result.runs:
        if run.status == "failed" and set(run.together) & set(seeds):
            run.status, run.reason = "running", None
    return result


def clear(path: Path, everything: bool) -> None:
    """Remove what killed writers left and, before a run from the start, the checkpoints of an earlier one."""
    folder = checkpoints_of(path)
    if everything and folder.exists():
        shutil.rmtree(folder)
    forget_temporaries(path.parent, path.name)
    forget_temporaries(folder)


def dealt(seeds: tuple[int, ...], groups: int) -> list[tuple[int, ...]]:
    """Seeds in at most `groups` groups of nearly equal size, in order."""
    if not seeds:
        return []
    groups = min(groups, len(seeds))
    size, more = divmod(len(seeds), groups)
    sizes = [size + (g < more) for g in range(groups)]
    return [tuple(seeds[sum(sizes[:g]) : sum(sizes[: g + 1])]) for g in range(groups)]


def jobs_of(experiment: Experiment, path: Path, result: AnyResult) -> list[Job]:
    """A job for each of the groups that are unfinished."""
    return [
        Job(
            f"{result.digest}/{group[0]}",
            f"{experiment.title}, seed{'s' * (len(group) > 1)} {','.join(map(str, group))}",
            experiment.group(group, checkpoints_of(path), result.digest),
            result,
            path,
            experiment,
        )
        for group in unfinished(experiment, result)
    ]


def unfinished(experiment: Experiment, result: AnyResult) -> list[tuple[int, ...]]:
    """The groups that seeds asked for are unfinished in: those of their first start, whatever `workers` is now."""
    asked = set(experiment.config.seeds)
    going = [run for run in result.runs if run.status == "running" and run.seed in asked]
    return list(dict.fromkeys(tuple(run.together) for run in going))


def checkpoints_of(path: Path) -> Path:
    return path.with_suffix("")


# -- executing ------------------------------------------------------------------------------------------------


def execute(
    jobs: list[Job], machine: Machine, workers: int, watch: Watcher, spread: Spread | None = None
) -> UserError | None:
    """Run the jobs here, in worker processes or elsewhere; what failed, after everything else has run."""
    for job in jobs:
        watch.begin(job.key, job.title)
        save(job.result, job.path)
    spread = spread or functools.partial(spread_here, workers=min(workers, len(jobs)))
    outcomes = spread(jobs, machine, heard=functools.partial(heard, watch=watch))
    problems = [problem for job, outcome in outcomes if (problem := concluded(job, outcome, watch))]
    if len(problems) > 1:
        more = UserError(f"{problems[0]} (and {len(problems) - 1} more failed; each file has its reason)")
        more.__cause__ = problems[0].__cause__
        return more
    return problems[0] if problems else None


def spread_here(
    jobs: Iterable[Job], machine: Machine, heard: Callable[[Job, News], bool | None], workers: int
) -> Iterator[tuple[Job, Outcome]]:
    """In `workers` processes, or, where one is enough, in this one."""
    return here(jobs, machine, heard) if workers <= 1 else processes.spread(jobs, machine, workers, heard)


def here(
    jobs: Iterable[Job], machine: Machine, heard: Callable[[Job, News], bool | None]
) -> Iterator[tuple[Job, Outcome]]:
    for job in jobs:

        def tell(news: News, job: Job = job) -> None:
            if heard(job, news):
                raise Stopped

        try:
            outcome: Outcome = job.group.learn(machine, tell)
        except Exception as error:  # whatever a method raises: recorded with its reason, and the others go on
            outcome = error
        yield job, outcome


def heard(job: Job, news: News, watch: Watcher) -> None:
    if news.warning:
        warnings.warn(news.warning, stacklevel=2)
    if news.samples or news.total:
        watch.advance(job.key, news.samples, news.total)
    if news.runs is not None:
        store(job, news.runs, news.makers)
        watch.stage(job.key, news.runs, job.result.news(news.runs))


def concluded(job: Job, outcome: Outcome, watch: Watcher) -> UserError | None:
    """Write how a group ended; one that was stopped is left as it is, to go on when it is asked for again."""
    if isinstance(outcome, Stopped):
        watch.end(job.key, [])
        return None
    if not isinstance(outcome, Exception):
        store(job, outcome)
        watch.end(job.key, outcome)
        return None
    why = reason(outcome)
    mine = [r for r in job.result.runs if is_of(job, r)]
    store(job, [r if r.status == "diverged" else replace(r, status="failed", reason=why) for r in mine])
    problem = UserError(f"{job.title} failed: {why}")
    problem.__cause__ = outcome.__cause__ if isinstance(outcome.__cause__, WorkerTraceback) else outcome
    return problem


def store(job: Job, runs: list[Any], makers: dict[str, Maker] | None = None) -> None:
    """Put a group's runs, and who made them, into its result and write the file."""
    result, new = job.result, {r.seed: r for r in runs}
    result.runs = [new.get(r.seed, r) if is_of(job, r) else r for r in result.runs]
    result.makers |= makers or {}
    settle(result)
    if result.status != "running":
        result.finished = now()
    save(result, job.path)


def is_of(job: Job, run: SeedRun) -> bool:
    """Whether the run is the job's to write: in a merged file a seed may stand in the group of others too."""
    return tuple(run.together) == job.group.seeds


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
