"""What a command would run, and every value it would run with: asked of the store, without a lock or a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from clbench.config.origins import Origins
from clbench.errors import NotHere
from clbench.report.build.contents import table
from clbench.run.experiment import Experiment
from clbench.run.machine import Machine
from clbench.run.store import FINISHED, read_or_begin, read_stored
from clbench.run.train import stream_cache


@dataclass(frozen=True)
class Planned:
    """One result that there would be. samples: of one seed, in every stage; None where the data is not here."""

    title: str
    file: str
    state: str  # new | begun | more (seeds for a file) | finished | afresh (a finished or begun one, by --force)
    seeds: list[int]
    left: list[int]  # those that would be trained
    stages: list[str] | None
    samples: list[int] | None
    lacking: str | None  # why stages and samples are not known
    values: dict[str, Any]
    origins: Origins

    def as_object(self) -> dict[str, Any]:
        """For --json: of each value also its origin."""
        values = {n: {"value": value, "origin": self.origins.get(n)} for n, value in self.values.items()}
        return {**{n: v for n, v in asdict(self).items() if n != "origins"}, "values": values}


def planned(experiments: Sequence[Experiment], out: Path, machine: Machine, force: bool) -> list[Planned]:
    """Every experiment as the runner would find it; UserError where the runner would refuse it. Writes nothing."""
    offline = replace(machine, download=False)
    once = {experiment.config.digest: experiment for experiment in experiments}
    with stream_cache.kept():
        return [plan(experiment, out, offline, force) for experiment in once.values()]


def plan(experiment: Experiment, out: Path, machine: Machine, force: bool) -> Planned:
    config, device = experiment.config, machine.prepare()
    path = out / config.path
    state, left = "afresh" if force and path.exists() else "new", list(config.seeds)
    if path.exists() and not force:
        earlier = read_stored(experiment, path, machine)
        done = {run.seed for run in earlier.runs if run.status in FINISHED}
        left = [seed for seed in config.seeds if seed not in done]
        state = "begun" if set(left) & set(earlier.seeds) else "more" if left else "finished"
    stages, samples, lacking = None, None, None
    try:
        read_or_begin(experiment, path, machine, device, 1, force)
        samples = experiment.plan(experiment.build(config.seeds[:1], machine, device))
        stages = [experiment.name_of(stage) for stage in range(len(samples))]
    except NotHere as error:
        lacking = str(error)
    seeds = list(config.seeds)
    return Planned(
        experiment.title,
        str(path),
        state,
        seeds,
        left,
        stages,
        samples,
        lacking,
        config.values(),
        config.origins,
    )


def text(found: Sequence[Planned]) -> str:
    """All of it in words, a block a result."""
    return "\n\n".join("\n".join(lines(one)) for one in found) + "\n\nNothing was trained or written (--dry-run)."


def lines(one: Planned) -> Iterator[str]:
    what = {
        "new": "would be trained",
        "begun": "begun, would go on",
        "more": "more seeds would be trained, for the file that is there",
        "finished": "finished, nothing is left to do (--force runs it afresh)",
        "afresh": "would be trained afresh, over what is there",
    }
    yield f"{one.title}: {what[one.state]}"
    yield f"result: {one.file}"
    yield f"seeds: {format_seeds(one.seeds)}" + (
        "" if one.left == one.seeds else f"; left: {format_seeds(one.left)}"
    )
    if one.samples is not None and one.stages is not None:
        trained = [(stage, n) for stage, n in zip(one.stages, one.samples, strict=True) if n]
        yield (
            f"work: {len(trained)} stages of training, {trained[0][0]} to {trained[-1][0]}, "
            f"{sum(one.samples):,} images shown to every seed"
            if trained
            else "work: none"
        )
    else:
        yield f"work: not known: {one.lacking}"
    yield ""
    yield table(one.values, one.origins)


def format_seeds(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"
