"""The executor of this machine: jobs in spawned processes, one pipe each. A killed one loses its job alone, none
outlives this process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import ceil
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, TypeVar

import torch
from joblib import cpu_count

from clbench.errors import MachineFault, UserError, of_machine, out_of_memory
from clbench.registry import PluginWarning
from clbench.run.experiment import News, SeedGroup, Stopped
from clbench.run.free_memory import SHARE, free_bytes, resident_bytes
from clbench.run.machine import Machine
from clbench.run.train import stream_cache

LEAST = 2**30  # bytes that a process is reckoned with at least
MESSAGE_EVERY = 0.25  # seconds between two messages of progress
STOP = "stop"  # what a parent sends that has heard enough


class Grouped(Protocol):
    """Whatever has a group to be learned."""

    @property
    def group(self) -> SeedGroup: ...


J = TypeVar("J", bound=Grouped)
Outcome = list[Any] | Exception


class WorkerTraceback(Exception):
    """The cause of an error that came from a worker: its traceback there, as text for --debug."""

    def __str__(self) -> str:
        return f"in a worker process:\n{self.args[0]}"


@dataclass(frozen=True)
class Failure:
    """How a job failed in a worker: text only, since not every exception survives pickling."""

    reason: str
    trace: str
    of_machine: bool = False

    def error(self) -> UserError:
        error = (MachineFault if self.of_machine else UserError)(self.reason)
        error.__cause__ = WorkerTraceback(self.trace)
        return error


@dataclass
class Worker:
    """A process and this end of its pipe."""

    process: BaseProcess
    pipe: Connection

    def send(self, message: SeedGroup | str) -> None:
        with suppress(BrokenPipeError):  # a process that is gone: the next look at its pipe says so
            self.pipe.send(message)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass(frozen=True)
class Local:
    """Groups are learned in processes of this machine.

    workers: how many; None: as many as cores, groups and memory allow, on a GPU one.
    """

    workers: int | None = 1

    def parts(self, experiments: int, machine: Machine, device: torch.device) -> int:
        return self.workers or (1 if device.type == "cuda" else ceil(cores(machine) / max(experiments, 1)))

    def processes(self, groups: int, machine: Machine, device: torch.device) -> int:
        most = self.workers or (1 if device.type == "cuda" else min(cores(machine), rooms(device)))
        return max(1, min(most, groups))

    def explain(self, groups: int, at_a_time: int, machine: Machine, device: torch.device) -> str | None:
        have = cores(machine)
        if self.workers or device.type == "cuda" or have == 1:
            return None
        memory = f", memory for {at_a_time}" if at_a_time < min(have, groups) else ""
        how = f"{at_a_time} at a time" if at_a_time < groups else "at once"
        return f"{groups} groups of seeds, {how} ({have} cores{memory}; --workers sets the number)"

    def run(
        self, jobs: Iterable[J], machine: Machine, on_news: Callable[[J, News], bool], at_a_time: int
    ) -> Generator[tuple[J, Outcome], None, None]:
        if at_a_time == 1:
            return run_here(jobs, machine, on_news)
        return run_in_processes(jobs, machine, on_news, at_a_time)


def cores(machine: Machine) -> int:
    """That this process may use, its container's share included, over the threads of each process."""
    return max(1, cpu_count() // machine.threads)


def rooms(device: torch.device) -> int:
    """How many processes there is memory for, if each takes half as much again as this one does now."""
    free, mine = free_bytes(device), resident_bytes()
    if free is None or mine is None:
        return cpu_count()
    return max(1, int(SHARE * free // max(1.5 * mine, LEAST)))


def run_here(
    jobs: Iterable[J], machine: Machine, on_news: Callable[[J, News], bool]
) -> Generator[tuple[J, Outcome], None, None]:
    """One after the other, in this process."""
    for job in jobs:

        def tell(news: News, job: J = job) -> None:
            if on_news(job, news):
                raise Stopped

        try:
            outcome: Outcome = job.group.learn(machine, tell)
        except Exception as error:  # whatever a method raises: recorded with its reason, and the others go on
            outcome = error
        yield job, outcome


def run_in_processes(
    jobs: Iterable[J], machine: Machine, on_news: Callable[[J, News], bool], at_a_time: int
) -> Generator[tuple[J, Outcome], None, None]:
    """In so many processes, each of which takes one job after the other."""
    queue = iter(jobs)
    busy: dict[Connection, tuple[Worker, J]] = {}
    idle: list[Worker] = []

    def fill() -> None:
        while len(busy) < at_a_time and (job := next(queue, None)) is not None:
            worker = idle.pop() if idle else start(machine)
            busy[worker.pipe] = (worker, job)
            worker.send(job.group)

    try:
        fill()
        while busy:
            for pipe in wait(list(busy)):
                worker, job = busy[pipe]  # type: ignore[index]
                message = receive(worker)
                if isinstance(message, News):
                    if on_news(job, message):
                        worker.send(STOP)
                    continue
                del busy[worker.pipe]
                if message is None:
                    worker.end()
                else:
                    idle.append(worker)
                yield job, outcome_of(message, job.group)
            fill()  # after all that was told: the next job may depend on it
    finally:
        for worker in [*(worker for worker, _ in busy.values()), *idle]:
            worker.end()


def outcome_of(message: list[Any] | Failure | Stopped | None, group: SeedGroup) -> Outcome:
    if message is None:
        return MachineFault(f"its process was killed (out of memory?){group.experiment.smaller(len(group.seeds))}")
    return message.error() if isinstance(message, Failure) else message


def receive(worker: Worker) -> News | list[Any] | Failure | Stopped | None:
    """The next message; None from a process that is gone."""
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        return None


def start(machine: Machine) -> Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, machine, os.getpid()), daemon=True)
    with ctrl_c_held():
        process.start()
    there.close()  # so that the end of the process ends the pipe
    return Worker(process, here)


@contextmanager
def ctrl_c_held() -> Iterator[None]:
    """A process started in here never sees Ctrl-C, not even while it imports: its parent ends it."""
    resource_tracker.ensure_running()  # its start, inside, would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- in the worker --------------------------------------------------------------------------------------------


def serve(pipe: Connection, machine: Machine, parent: int) -> None:
    """Learn one group after the other."""
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    warnings.simplefilter("ignore", PluginWarning)  # the parent has said it
    with stream_cache.kept():
        while True:
            try:
                group = pipe.recv()
            except EOFError:
                return
            if group != STOP:  # one that came when its group had ended
                pipe.send(learn(group, machine, Teller(pipe)))


def learn(group: SeedGroup, machine: Machine, tell: Callable[[News], None]) -> list[Any] | Failure | Stopped:
    try:
        with warnings_sent(tell):
            return group.learn(machine, tell)
    except Stopped as stopped:
        return stopped
    except Exception as error:
        return Failure(reason(error), traceback.format_exc(), of_machine(error))


@contextmanager
def warnings_sent(tell: Callable[[News], None]) -> Iterator[None]:
    """Warnings become news, for the parent to show in its way."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: tell(News(warning=str(message)))
        yield


def reason(error: Exception) -> str:
    """In one line: a user's mistake in its own words, anything else with its type."""
    words = " ".join(str(error).split())[:500]
    if isinstance(error, UserError):
        return words
    if out_of_memory(error):
        return "out of memory; use fewer seeds at once, fewer --workers or a smaller network"
    return f"{type(error).__name__}: {words} (--debug shows where)"


class Channel(Protocol):
    """An end of a pipe, or what does its work."""

    def send(self, message: Any) -> None: ...
    def poll(self) -> bool: ...
    def recv(self) -> Any: ...


class Teller:
    """Sends news to the parent, every stage at once and progress now and then; raises Stopped when it says so."""

    def __init__(self, pipe: Channel) -> None:
        self.pipe, self.waiting, self.last = pipe, 0, 0.0

    def __call__(self, news: News) -> None:
        self.waiting += news.samples
        if news.runs is not None or news.warning or time.monotonic() - self.last > MESSAGE_EVERY:
            self.pipe.send(replace(news, samples=self.waiting))
            self.waiting, self.last = 0, time.monotonic()
            if self.pipe.poll() and self.pipe.recv() == STOP:
                raise Stopped


def end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
