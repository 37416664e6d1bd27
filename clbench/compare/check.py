"""What `clbench check` does: run what a file asks for, compare with the stored baselines, or store new ones."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch

from clbench.compare.again import Again, again
from clbench.compare.check_file import Check
from clbench.compare.draw import drawn
from clbench.compare.entries import Entry, entries
from clbench.compare.verdicts import Compared, Rules, compare
from clbench.errors import UserError
from clbench.results import AnyResult, find, load, of_seeds, save
from clbench.results.atomic import make_ready
from clbench.results.locks import locked
from clbench.run.experiment import Experiment
from clbench.run.machine import Machine
from clbench.run.provenance import made_here
from clbench.run.schedule import Executor, Watcher, run_experiments
from clbench.run.store import checkpoints_of

Loaded = list[tuple[Path, Any]]
SAME_CODE = ("clbench", "commit", "python", "torch", "device")  # of a result that need not be made again


@dataclass(frozen=True)
class Checked:
    """What was run, and how it compares. written: baselines that were stored anew."""

    compared: Compared
    results: Loaded
    written: list[Path]
    stale: list[Path]  # baselines of what is no longer asked for


@dataclass(frozen=True)
class Draw:
    """Which share of what is asked for is run, and the day that chooses it."""

    share: float
    day: date


def chosen(asked: Check, draw: Draw | None) -> tuple[list[Experiment], list[Again]]:
    """What is to be run: of runs and studies, and of results; all, or those drawn."""
    experiments, stored = asked.experiments(), again(asked.results, asked.path.parent, asked.seeds)
    if draw is None:
        return experiments, stored
    every: list[Any] = [*experiments, *stored]
    digests = [(one.experiment if isinstance(one, Again) else one).config.digest for one in every]
    some = drawn(every, digests, draw.share, draw.day)
    return [one for one in some if not isinstance(one, Again)], [one for one in some if isinstance(one, Again)]


def check(
    asked: Check,
    out: Path,
    machine: Machine,
    executor: Executor | None = None,
    watch: Watcher | None = None,
    update: bool = False,
    force: bool = False,
    draw: Draw | None = None,
) -> Checked:
    """Results in `out` that this very code has made are not made again.

    UserError: where a name or value is unknown, the machine fails, or there is no baseline at all to compare with.
    """
    if asked.results and update:
        raise UserError(f"{asked.path}: its results are their own baselines; --update has nothing to write")
    experiments, repeated = chosen(asked, draw)
    parts = []
    if experiments:
        parts.append(of_baselines(asked, experiments, draw, out, machine, executor, watch, update, force))
    if repeated:
        parts.append(of_results(asked, repeated, out, machine, executor, watch, force))
    return joined(parts)


def of_results(
    asked: Check,
    repeated: Sequence[Again],
    out: Path,
    machine: Machine,
    executor: Executor | None,
    watch: Watcher | None,
    force: bool,
) -> Checked:
    """Each held against itself, with the tolerance of its group."""
    done = run([one.experiment for one in repeated], out, machine, executor, watch, force)
    metrics = asked.rules.metrics
    before, after = (entries(side, metrics) for side in ([(one.path, one.result) for one in repeated], done))
    groups: list[tuple[Rules, set[str]]] = []
    for one in repeated:
        if not groups or groups[-1][0] != one.rules:
            groups.append((one.rules, set()))
        groups[-1][1].add(one.result.digest)

    def of(side: list[Entry], digests: set[str]) -> list[Entry]:
        return [entry for entry in side if entry.result.digest in digests]

    each = [compare(of(before, digests), of(after, digests), rules) for rules, digests in groups]
    return Checked(united(each), done, [], [])


def united(each: Sequence[Compared]) -> Compared:
    """One comparison of several, whose verdicts know what was tolerated of them."""
    return Compared(
        [verdict for one in each for verdict in one.verdicts],
        each[0].rules,
        [entry for one in each for entry in one.new],
        list(dict.fromkeys(words for one in each for words in one.code)),
        list(dict.fromkeys(words for one in each for words in one.notes)),
    )


def joined(parts: Sequence[Checked]) -> Checked:
    return Checked(
        united([part.compared for part in parts]),
        [found for part in parts for found in part.results],
        [path for part in parts for path in part.written],
        [path for part in parts for path in part.stale],
    )


def of_baselines(
    asked: Check,
    experiments: Sequence[Experiment],
    draw: Draw | None,
    out: Path,
    machine: Machine,
    executor: Executor | None,
    watch: Watcher | None,
    update: bool,
    force: bool,
) -> Checked:
    """Runs and studies, held against the stored baselines; of a draw, against those of what is drawn alone."""
    digests = {one.config.digest for one in experiments}
    stored = [(path, load(path)) for path in find([asked.baselines])] if asked.baselines.exists() else []
    for one in experiments if update else ():
        make_ready(asked.baselines / one.config.path)
    if not stored and not update:
        raise UserError(f"{asked.baselines}: no baselines there; clbench check {asked.path} --update writes them")
    done = run(experiments, out, machine, executor, watch, force)
    candidates = entries(done, asked.rules.metrics)
    kinds = {entry.kind for entry in candidates} if draw is None else set()
    of_it = [e for e in entries(stored, asked.rules.metrics) if e.result.digest in digests or e.kind in kinds]
    stale = [entry for entry in of_it if entry.result.digest not in digests]
    compared = compare(without_replaced(of_it, stale, candidates), candidates, asked.rules)
    written = store(done, asked.baselines, [result for _, result in stored]) if update else []
    return Checked(compared, done, written, [entry.path for entry in stale])


def without_replaced(
    baseline: Sequence[Entry], stale: Sequence[Entry], candidates: Sequence[Entry]
) -> list[Entry]:
    """The baselines to compare with: of those with another configuration the ones whose kind has nothing else."""
    met = {entry.result.digest for entry in baseline} & {entry.result.digest for entry in candidates}
    kinds = {entry.kind for entry in baseline if entry.result.digest in met}
    return [entry for entry in baseline if entry not in stale or entry.kind not in kinds]


def run(
    experiments: Sequence[Experiment],
    out: Path,
    machine: Machine,
    executor: Executor | None,
    watch: Watcher | None,
    force: bool,
) -> Loaded:
    """Every experiment's file and result, of the seeds asked for; one that failed is a result with its reason."""
    device = machine.prepare()
    if not force:
        for one in experiments:
            forget_other_code(one, out / one.config.path, machine, device)
    try:
        return run_experiments(experiments, out, machine, executor, force, watch)
    except UserError:
        done = [(path, load(path)) for one in experiments if (path := out / one.config.path).exists()]
        finished = {result.digest for _, result in done if result.status != "running"}
        if finished != {one.config.digest for one in experiments}:
            raise
    seeds = {one.config.digest: one.config.seeds for one in experiments}
    return [(path, of_seeds(result, seeds[result.digest])) for path, result in done]


def forget_other_code(one: Experiment, path: Path, machine: Machine, device: torch.device) -> None:
    """Remove a result, and its checkpoints, that other code than this made: it says nothing of this code."""
    if not path.exists():
        return
    with suppress(UserError):  # of a damaged file
        if made_by(load(path), made_here(machine.threads, device, one.plugins)):
            return
    with locked(path):
        path.unlink(missing_ok=True)
        shutil.rmtree(checkpoints_of(path), ignore_errors=True)


def made_by(result: AnyResult, maker: dict[str, Any]) -> bool:
    """Whether all of it was. Code that was changed since its commit is never known to be the same."""
    if str(maker["commit"]).endswith("+"):
        return False
    made = [result.makers[key] for run in result.runs for key in run.made_by]
    return all(
        each.get("plugins") == maker["plugins"] and all(each.get(name) == maker[name] for name in SAME_CODE)
        for each in made
    )


def store(done: Loaded, folder: Path, stored: Sequence[AnyResult]) -> list[Path]:
    """Write the results, without their checkpoints, as baselines, but for those whose numbers are stored already.

    UserError where one has not finished.
    """
    for path, result in done:
        if result.status != "done":
            raise UserError(f"{path}: {result.status} ({result.reason}); no baseline was written")
    before = {result.digest: numbers(result) for result in stored}
    new = [result for _, result in done if before.get(result.digest) != numbers(result)]
    for result in new:
        save(result, folder / result.path)
    return [folder / result.path for result in new]


def numbers(result: AnyResult) -> list[Any]:
    """All that its runs reached, of each seed, and the data it is of."""
    names = ("seed", "matrix", "samples", "accuracy", "survivors")
    return [result.data, *([getattr(run, name, None) for name in names] for run in result.runs)]
