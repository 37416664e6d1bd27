"""run(config) -> Result: result files, locks, resuming, and groups of seeds spread over worker processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import platform
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import torch
from filelock import FileLock, Timeout

from clbench import __version__
from clbench.config import Config
from clbench.errors import UserError
from clbench.learning import Group, Machine, News, build_stream, build_trainer
from clbench.registry import load_plugin, strategies
from clbench.results import Result, Run, load, save

MESSAGE_EVERY = 0.25  # seconds between two messages of progress from a worker


class Watcher(Protocol):
    """What a front end hears of a run; every number is about one group of seeds, named by `key`."""

    def begin(self, key: str, title: str) -> None: ...
    def advance(self, key: str, samples: int, total: int | None) -> None: ...
    def stage(self, key: str, runs: list[Run]) -> None: ...
    def end(self, key: str, runs: list[Run]) -> None: ...
    def say(self, text: str) -> None: ...


class Silent:
    """A watcher that ignores everything."""

    def begin(self, key: str, title: str) -> None: ...
    def advance(self, key: str, samples: int, total: int | None) -> None: ...
    def stage(self, key: str, runs: list[Run]) -> None: ...
    def end(self, key: str, runs: list[Run]) -> None: ...
    def say(self, text: str) -> None: ...


@dataclass
class Job:
    """One group of seeds of one result, to be learned."""

    key: str
    group: Group
    result: Result
    path: Path


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
    watch = watch or Silent()
    device = machine.prepare()
    with contextlib.ExitStack() as locks:
        found: dict[str, tuple[Path, Result]] = {}
        jobs: list[Job] = []
        for config in configs:
            path = out / config.path
            if config.digest in found:
                continue
            locks.enter_context(locked(path))
            result = opened(config, path, machine, device, workers, force)
            found[config.digest] = (path, result)
            if result.status in ("done", "diverged"):
                watch.say(f"{config.method}: finished before, in {path}")
            else:
                jobs += jobs_of(config, path, result)
        problem = execute(jobs, machine, workers, watch)
    if problem is not None:
        raise problem
    return list(found.values())


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
    config: Config, path: Path, machine: Machine, device: torch.device, workers: int, force: bool
) -> Result:
    """The stored result if there is one, else a new one, with its seeds dealt into groups."""
    if force:
        path.unlink(missing_ok=True)
        shutil.rmtree(checkpoints_of(path), ignore_errors=True)
    if path.exists():
        result = load(path)
        for failed in (r for r in result.runs if r.status == "failed"):
            failed.status, failed.reason = "running", None
            result.status, result.reason, result.finished = "running", None, None
        return result
    stream = build_stream(config, machine, device)
    build_trainer(config, stream, config.seeds[:1], device)  # a method that cannot do this refuses here
    return Result(
        digest=config.digest,
        config=config.as_dict(),
        protocol=strategies[config.method].protocol,
        tasks=[task.name for task in stream.tasks],
        data=stream.checksums,
        environment=environment(machine, device),
        runs=[Run(seed, together=list(group)) for group in dealt(config.seeds, workers) for seed in group],
        started=now(),
    )


def dealt(seeds: tuple[int, ...], groups: int) -> list[tuple[int, ...]]:
    """Seeds in at most `groups` groups of nearly equal size, in order."""
    groups = min(groups, len(seeds))
    size, more = divmod(len(seeds), groups)
    sizes = [size + (g < more) for g in range(groups)]
    return [tuple(seeds[sum(sizes[:g]) : sum(sizes[: g + 1])]) for g in range(groups)]


def jobs_of(config: Config, path: Path, result: Result) -> list[Job]:
    """The groups that are not finished. Groups are those of the first start, whatever `workers` is now."""
    groups = dict.fromkeys(tuple(run.together) for run in result.runs)
    open_groups = [g for g in groups if any(r.status == "running" for r in result.runs if r.seed in g)]
    return [
        Job(f"{result.digest}/{group[0]}", Group(config, group, checkpoints_of(path)), result, path)
        for group in open_groups
    ]


def checkpoints_of(path: Path) -> Path:
    return path.with_suffix("")


# -- executing ------------------------------------------------------------------------------------------------


def execute(jobs: list[Job], machine: Machine, workers: int, watch: Watcher) -> UserError | None:
    """Run the jobs here or in worker processes; the first problem, after everything else has run."""
    for job in jobs:
        config, seeds = job.group.config, ",".join(map(str, job.group.seeds))
        watch.begin(job.key, f"{config.method} on {config.stream}, seed {seeds}")
        save(job.result, job.path)
    if workers == 1 or len(jobs) <= 1:
        outcomes = here(jobs, machine, watch)
    else:
        outcomes = in_processes(jobs, machine, workers, watch)
    problems = [problem for job, outcome in outcomes if (problem := settle(job, outcome, watch))]
    return problems[0] if problems else None


Outcome = list[Run] | Exception


def here(jobs: list[Job], machine: Machine, watch: Watcher) -> Iterator[tuple[Job, Outcome]]:
    for job in jobs:

        def tell(news: News, job: Job = job) -> None:
            heard(job, news, watch)

        try:
            yield job, job.group.learn(machine, tell)
        except Exception as error:
            if os.environ.get("CLBENCH_DEBUG"):
                raise
            yield job, error


def in_processes(jobs: list[Job], machine: Machine, workers: int, watch: Watcher) -> Iterator[tuple[Job, Outcome]]:
    """A pool of spawned processes; they report over one queue, and die with this one."""
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    by_key = {job.key: job for job in jobs}
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=context,
        initializer=start_worker,
        initargs=(messages, os.getpid()),
    )
    try:
        futures: dict[Future[list[Run]], Job] = {
            pool.submit(work, job.key, job.group, machine): job for job in jobs
        }
        while futures:
            with contextlib.suppress(queue.Empty):
                while True:
                    key, news = messages.get(timeout=0.1)
                    heard(by_key[key], news, watch)
            for future in [f for f in futures if f.done()]:
                job = futures.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    error = UserError(
                        "a worker process was killed (out of memory?); run the same command to go on"
                    )
                yield job, (error if isinstance(error, Exception) else future.result())
    except BaseException:
        for child in multiprocessing.active_children():
            child.kill()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        messages.close()


_messages: Any = None  # in a worker: the queue to the process that started it


def start_worker(messages: Any, parent: int) -> None:
    global _messages
    _messages = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business, which ends its workers

    def end_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def work(key: str, group: Group, machine: Machine) -> list[Run]:
    """In a worker: learn, and tell the parent now and then."""
    waiting, last = 0, 0.0

    def tell(news: News) -> None:
        nonlocal waiting, last
        waiting += news.samples
        if news.runs is not None or time.monotonic() - last > MESSAGE_EVERY:
            _messages.put((key, replace(news, samples=waiting)))
            waiting, last = 0, time.monotonic()

    return group.learn(machine, tell)


def heard(job: Job, news: News, watch: Watcher) -> None:
    if news.samples or news.total:
        watch.advance(job.key, news.samples, news.total)
    if news.runs is not None:
        store(job, news.runs)
        watch.stage(job.key, news.runs)


def settle(job: Job, outcome: Outcome, watch: Watcher) -> UserError | None:
    """Write how a group ended."""
    if isinstance(outcome, Exception):
        reason = str(outcome) if isinstance(outcome, UserError) else f"{type(outcome).__name__}: {outcome}"
        failed = [r for r in job.result.runs if r.seed in job.group.seeds]
        store(job, [replace(r, status="failed", reason=reason) for r in failed])
        watch.end(job.key, [r for r in job.result.runs if r.seed in job.group.seeds])
        name = f"{job.group.config.method}, seed {job.group.seeds[0]}"
        return outcome if isinstance(outcome, UserError) else UserError(f"{name} failed: {reason}")
    store(job, outcome)
    watch.end(job.key, outcome)
    return None


def store(job: Job, runs: list[Run]) -> None:
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
