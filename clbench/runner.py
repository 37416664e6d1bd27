"""run(config) -> Result: result files, locks, resuming, and groups of seeds spread over worker processes."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from filelock import FileLock, Timeout

from clbench import __version__
from clbench import workers as processes
from clbench.atomic import forget_temporaries
from clbench.config import Config
from clbench.errors import UserError
from clbench.groups import Configuration, Machine, News, SeedGroup, Stopped
from clbench.learning import Learning, streams
from clbench.registry import load_plugin
from clbench.results import AnyResult, Result, SeedRun, load, save
from clbench.workers import Outcome, WorkerTraceback, reason

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

    alone: ClassVar[bool]  # whether every seed is a group of its own

    def checksums(self, machine: Machine, device: torch.device) -> dict[str, str]: ...
    def result(self, machine: Machine, device: torch.device) -> AnyResult:
        """A new one, without runs and environment; UserError where the experiment cannot be made."""
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
    """Every configuration's (path, result). Finished ones are not run again, interrupted ones go on.

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
    once = {experiment.config.digest: experiment for experiment in experiments}
    with contextlib.ExitStack() as locks, streams.kept():
        found: dict[str, tuple[Path, AnyResult]] = {}
        for digest, experiment in once.items():
            path = out / experiment.config.path
            locks.enter_context(locked(path))
            found[digest] = (path, opened(experiment, path, machine, device, workers, force))
        jobs: list[Job] = []  # from here on files change: every configuration has been found fit to run
        for digest, experiment in once.items():
            path, result = found[digest]
            if result.status in FINISHED:
                watch.say(f"{experiment.name}: finished before, in {path} (--force runs it afresh)")
            else:
                jobs += begun(experiment, path, result)
        problem = execute(jobs, machine, workers, watch, spread)
    if problem is not None:
        raise problem
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
                if result.status in FINISHED:
                    agenda.ended(experiment, result, None)
                    lock.close()
                    continue
                todo = begun(experiment, path, result)
                save(result, path)
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
        return news.runs is not None and agenda.hopeless(job.experiment, news.runs)

    with streams.kept():
        try:
            spread = spread or functools.partial(spread_here, workers=workers)
            for job, outcome in spread(jobs(), machine, heard=tell):
                problem = settle(job, outcome, watch)
                left[job.path] -= 1
                if not left[job.path]:
                    locks.pop(job.path).close()
                    agenda.ended(job.experiment, job.result, problem)
        finally:
            for lock in locks.values():
                lock.close()


def begun(experiment: Experiment, path: Path, result: AnyResult) -> list[Job]:
    """What is left to do of a result, on a cleared folder."""
    clear(path, everything=not any(run.seconds for run in result.runs))
    return jobs_of(experiment, path, result)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps a second process off the same configuration; released by the system when a process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.stem}.lock"), timeout=0)
        lock.acquire()
    except Timeout:
        raise UserError(f"{path}: another clbench process is running this configuration; wait for it") from None
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write there: {error.strerror or error}; choose --out") from None
    try:
        yield
    finally:
        lock.release()


def opened(
    experiment: Experiment, path: Path, machine: Machine, device: torch.device, workers: int, force: bool
) -> AnyResult:
    """The stored result if there is one, else a new one, with its seeds dealt into groups. Writes nothing."""
    earlier = stored(experiment.config, path) if path.exists() and not force else None
    if earlier is not None and earlier.status in FINISHED:
        if experiment.own_file:  # a published data set is the same for ever, and need not be read
            require_same_data(earlier, experiment.checksums(machine, device), path)
        return earlier
    new = experiment.result(machine, device)
    if earlier is not None:
        return reopened(earlier, new.data, path)
    seeds = experiment.config.seeds
    groups = dealt(seeds, len(seeds) if experiment.alone else workers)
    new.runs = [experiment.new_run(seed, group) for group in groups for seed in group]
    new.environment, new.started = environment(machine, device), now()
    return new


def stored(config: Configuration, path: Path) -> AnyResult:
    try:
        result = load(path)
    except UserError as error:
        raise UserError(f"{error}; --force runs this configuration afresh") from None
    if result.digest != config.digest:
        raise UserError(f"{path}: holds another configuration ({result.digest}); move it away, or --force")
    return result


def require_same_data(result: AnyResult, checksums: dict[str, str], path: Path) -> None:
    """UserError where the result was made of other data than is there now."""
    if result.data != checksums:
        names = ", ".join(sorted({*result.data, *checksums}))
        raise UserError(f"{path}: was begun on other data ({names} have changed); --force runs it afresh")


def reopened(result: AnyResult, checksums: dict[str, str], path: Path) -> AnyResult:
    """An interrupted or failed result, ready to go on."""
    require_same_data(result, checksums, path)
    for run in result.runs:
        if run.status == "failed":
            run.status, run.reason = "running", None
    result.status, result.reason, result.finished = "running", None, None
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
    groups = min(groups, len(seeds))
    size, more = divmod(len(seeds), groups)
    sizes = [size + (g < more) for g in range(groups)]
    return [tuple(seeds[sum(sizes[:g]) : sum(sizes[: g + 1])]) for g in range(groups)]


def jobs_of(experiment: Experiment, path: Path, result: AnyResult) -> list[Job]:
    """The groups that are not finished. Groups are those of the first start, whatever `workers` is now."""
    groups = dict.fromkeys(tuple(run.together) for run in result.runs)
    open_groups = [g for g in groups if any(r.status == "running" for r in result.runs if r.seed in g)]
    return [
        Job(
            f"{result.digest}/{group[0]}",
            f"{experiment.title}, seed{'s' * (len(group) > 1)} {','.join(map(str, group))}",
            experiment.group(group, checkpoints_of(path), result.digest),
            result,
            path,
            experiment,
        )
        for group in open_groups
    ]


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
    problems = [problem for job, outcome in outcomes if (problem := settle(job, outcome, watch))]
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
        store(job, news.runs)
        watch.stage(job.key, news.runs, job.result.news(news.runs))


def settle(job: Job, outcome: Outcome, watch: Watcher) -> UserError | None:
    """Write how a group ended; one that was stopped is left as it is, to go on when it is asked for again."""
    if isinstance(outcome, Stopped):
        watch.end(job.key, [])
        return None
    if not isinstance(outcome, Exception):
        store(job, outcome)
        watch.end(job.key, outcome)
        return None
    why = reason(outcome)
    mine = [r for r in job.result.runs if r.seed in job.group.seeds]
    store(job, [r if r.status == "diverged" else replace(r, status="failed", reason=why) for r in mine])
    problem = UserError(f"{job.title} failed: {why}")
    problem.__cause__ = outcome.__cause__ if isinstance(outcome.__cause__, WorkerTraceback) else outcome
    return problem


def store(job: Job, runs: list[Any]) -> None:
    """Put a group's runs into its result and write the file."""
    result, new = job.result, {r.seed: r for r in runs}
    result.runs = [new.get(r.seed, r) for r in result.runs]
    states = {r.status for r in result.runs}
    if "running" not in states:
        result.status = "failed" if "failed" in states else "diverged" if states == {"diverged"} else "done"
        result.reason = next((r.reason for r in result.runs if r.reason), None)
        result.finished = now()
    save(result, job.path)


# -- what is recorded -----------------------------------------------------------------------------------------


def environment(machine: Machine, device: torch.device) -> dict[str, Any]:
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    )
    return {
        "clbench": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": device.type,
        "device_name": name,
        "cpus": os.cpu_count(),
        "threads": machine.threads,
        "plugins": {path.name: load_plugin(path) for path in machine.plugins},
    }


def commit() -> str | None:
    """The commit of the source tree this program runs from, '+' if it was changed; None where it is installed."""
    here = Path(__file__).parent
    if not (here.parent / ".git").exists():
        return None
    git = ["git", "-C", str(here)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed.stdout.strip() else "")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
