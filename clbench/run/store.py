"""Results of experiments as files: locked, opened or begun, written after every stage, gone on with."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import torch

from clbench.errors import UserError
from clbench.results import AnyResult, SeedRun, load, of_seeds, save, settle
from clbench.results.atomic import forget_temporaries
from clbench.results.locks import locked
from clbench.run import checkpoint
from clbench.run.experiment import Experiment, SeedGroup
from clbench.run.machine import Machine
from clbench.run.pace import Pace
from clbench.run.provenance import Maker, other_code
from clbench.run.train import stream_cache

FINISHED = ("done", "diverged")


class InTheWay(UserError):
    """The file that is there cannot be gone on with: damaged, another's, of other code or other data."""


class Store:
    """The output folder of a command: result files that are open in it stay locked until it is left.

    parts: groups that the seeds of a new result are dealt into. processes: groups that are trained at a time.
    """

    def __init__(
        self, out: Path, machine: Machine, parts: int = 1, processes: int = 1, force: bool = False
    ) -> None:
        self.out, self.machine, self.force = out, machine, force
        self.parts, self.processes = parts, processes
        self.device = machine.prepare()
        self.open_files = contextlib.ExitStack()

    def __enter__(self) -> Store:
        self.open_files.enter_context(stream_cache.kept())
        return self

    def __exit__(self, *_: object) -> None:
        self.open_files.close()

    def open(self, experiment: Experiment) -> ResultFile:
        """Its file, locked, with the stored result or a new one; nothing but the lock is written.

        UserError where it is damaged, another's, made by other code or of other data, or in use.
        """
        path = self.out / experiment.config.path
        lock = contextlib.ExitStack()
        lock.enter_context(locked(path))
        try:
            result = read_or_begin(experiment, path, self.machine, self.device, self.parts, self.force)
        except BaseException:
            lock.close()
            raise
        self.open_files.callback(lock.close)
        return ResultFile(self, experiment, path, result, lock)


class ResultFile:
    """One experiment's result while it is locked by this process."""

    def __init__(
        self, store: Store, experiment: Experiment, path: Path, result: AnyResult, lock: contextlib.ExitStack
    ) -> None:
        self.store, self.experiment, self.path, self.result, self.lock = store, experiment, path, result, lock
        self.groups: list[SeedGroup] | None = None  # once begun
        self.pace = Pace()

    @property
    def asked(self) -> AnyResult:
        """The result of the seeds asked for: the file may have others."""
        return of_seeds(self.result, self.experiment.config.seeds)

    @property
    def finished(self) -> bool:
        return self.asked.status in FINISHED

    def begin(self) -> list[SeedGroup]:
        """The groups that are unfinished, on a cleared folder, with the file written.

        They are those of the first start, but for those that are too large for the memory now: these are divided.
        """
        if self.groups is not None:
            return self.groups
        store = self.store
        clear(self.path, everything=not any(run.seconds for run in self.result.runs))
        large = [group for group in self.unfinished() if len(group) > 1]
        if large and (most := self.experiment.seeds_at_once(store.machine, store.device, store.processes)):
            self.divide([group for group in large if len(group) > most], most)
        save(self.result, self.path)
        folder = checkpoints_of(self.path)
        self.groups = [self.experiment.group(seeds, folder, self.result.digest) for seeds in self.unfinished()]
        return self.groups

    def unfinished(self) -> list[tuple[int, ...]]:
        """Groups of which a seed that is asked for is unfinished."""
        asked = set(self.experiment.config.seeds)
        going = [run for run in self.result.runs if run.status == "running" and run.seed in asked]
        return list(dict.fromkeys(tuple(run.together) for run in going))

    def divide(self, groups: list[tuple[int, ...]], most: int) -> None:
        """Make of each group several of at most so many seeds, which go on from the checkpoint they shared."""
        folder, parted = checkpoints_of(self.path), []
        for group in groups:
            parts = deal(group, ceil(len(group) / most))
            parted += checkpoint.part_seeds(folder, group, parts)
            for run in self.result.runs:
                if tuple(run.together) == group:
                    run.together = list(next(part for part in parts if run.seed in part))
        if parted:
            save(self.result, self.path)  # before what it named so far is gone
        for file in parted:
            file.unlink()

    def keep(self, group: SeedGroup, runs: Sequence[Any], makers: dict[str, Maker] | None = None) -> None:
        """Put a group's runs, and who made them, into the result; write it, of a running group at its pace."""
        new = {run.seed: run for run in runs}
        self.result.runs = [new.get(r.seed, r) if is_of(group, r) else r for r in self.result.runs]
        self.result.makers |= makers or {}
        settle(self.result)
        if self.result.status != "running":
            self.result.finished = now()
        if self.pace.due or any(run.status != "running" for run in runs):
            with self.pace.writing():
                save(self.result, self.path)

    def fail(self, group: SeedGroup, reason: str) -> None:
        """Record why a group ended before its time; a seed that had diverged before stays diverged."""
        mine = [run for run in self.result.runs if is_of(group, run)]
        lost = [run if run.status == "diverged" else replace(run, status="failed", reason=reason) for run in mine]
        self.keep(group, lost)

    def close(self) -> None:
        """Another process may have it."""
        self.lock.close()


def is_of(group: SeedGroup, run: SeedRun) -> bool:
    """Whether the run is the group's to write: in a merged file a seed may stand in the group of others too."""
    return tuple(run.together) == group.seeds


def read_or_begin(
    experiment: Experiment, path: Path, machine: Machine, device: torch.device, parts: int, force: bool
) -> AnyResult:
    """The stored result if there is one, else a new one, with a run of every seed asked for. Writes nothing.

    Seeds that the file has not got are dealt into groups of their own.
    """
    seeds = experiment.config.seeds
    earlier = read_stored(experiment, path, machine) if path.exists() and not force else None
    missing = tuple(seed for seed in seeds if earlier is None or seed not in earlier.seeds)
    if earlier is not None and not missing and of_seeds(earlier, seeds).status in FINISHED:
        if experiment.own_file:  # a published data set is the same for ever, and need not be read
            require_same_data(earlier, experiment.checksums(machine, device), path)
        return earlier
    result = experiment.result(machine, device)
    if earlier is not None:
        require_same_data(earlier, result.data, path)
        result = reopen(earlier, seeds)
    groups = deal(missing, parts)
    result.runs += [experiment.new_run(seed=seed, together=list(group)) for group in groups for seed in group]
    result.runs.sort(key=lambda run: run.seed)
    result.started, result.finished = result.started or now(), None
    settle(result)
    return result


def read_stored(experiment: Experiment, path: Path, machine: Machine) -> AnyResult:
    """The result in the file; UserError where it is damaged, another's, or made by other code."""
    try:
        result = load(path, machine.accept_modified)
    except UserError as error:
        raise InTheWay(f"{error}; --force runs this configuration afresh") from None
    if result.digest != experiment.config.digest:
        raise InTheWay(f"{path}: holds another configuration ({result.digest}); move it away, or --force")
    if words := other_code(result, experiment.plugins):
        raise InTheWay(f"{path}: {words}; --force runs it afresh")
    return result


def require_same_data(result: AnyResult, checksums: dict[str, str], path: Path) -> None:
    """UserError where the result was made of other data than is there now."""
    if result.data != checksums:
        names = ", ".join(sorted({*result.data, *checksums}))
        raise InTheWay(f"{path}: was begun on other data ({names} have changed); --force runs it afresh")


def reopen(result: AnyResult, seeds: Sequence[int]) -> AnyResult:
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


def deal(seeds: tuple[int, ...], parts: int) -> list[tuple[int, ...]]:
    """Seeds in at most so many groups of nearly equal size, in order."""
    if not seeds:
        return []
    parts = min(parts, len(seeds))
    size, more = divmod(len(seeds), parts)
    sizes = [size + (g < more) for g in range(parts)]
    return [tuple(seeds[sum(sizes[:g]) : sum(sizes[: g + 1])]) for g in range(parts)]


def checkpoints_of(path: Path) -> Path:
    """The folder of a result's checkpoints."""
    return path.with_suffix("")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
