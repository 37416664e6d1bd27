"""What `clbench sweep` calls: where trials run and results lie, then the sweep, its picture and its defaults."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.results import load
from clbench.run.machine import Machine
from clbench.run.ray import executor
from clbench.sweep import defaults
from clbench.sweep.display import watcher
from clbench.sweep.drive import Outcome, SilentOnlooker, sweep
from clbench.sweep.mirror import Mirror, is_url
from clbench.sweep.plan import Plan


@dataclass(frozen=True)
class Where:
    """Where trials run, and the folder or URL of results."""

    out: str
    workers: int | None = 1
    ray: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0

    @contextlib.contextmanager
    def folder(self) -> Iterator[tuple[Path, Callable[[Path], None]]]:
        """The folder here, and what is to be told when the record was written."""
        if not is_url(self.out):
            yield Path(self.out), lambda path: None
            return
        mirror = Mirror(self.out)
        mirror.pull()
        try:
            yield mirror.folder, mirror.push
        finally:
            mirror.push()


def run(
    plan: Plan,
    where: Where,
    machine: Machine,
    force: bool,
    silent: bool,
    write_defaults: bool = False,
    plots: Path | None = None,
) -> tuple[Outcome, list[str]]:
    """The sweep's outcome, and lines about what else was written."""
    if write_defaults:
        defaults.require_possible(plan)
    watch: Any = SilentOnlooker() if silent else watcher()
    showing = contextlib.nullcontext() if silent else watch
    with where.folder() as (out, pushed), executor(where.ray, where.cpus, where.gpus, where.workers) as runs_on:
        with showing:
            done = sweep(plan, out, machine, runs_on, force, watch, pushed)
        notes = []
        if plots is not None:
            from clbench.sweep.plots import draw, draw_choices  # matplotlib is slow to import

            continual = plan.protocol == "continual"
            whole = load(done.winner, machine.accept_modified) if continual else None
            drawn = draw_choices(whole, done.path, plots) if whole else draw(done.record, done.path, out, plots)
            notes += [f"plot: {picture}" for picture in drawn]
        if write_defaults:
            notes.append(f"defaults: {defaults.write(done.record, done.path)}")
            notes += [f"warning: {words}" for words in defaults.cautions(done.record)]
    return done, notes
