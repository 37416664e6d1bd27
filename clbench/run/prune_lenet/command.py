"""What the command does: the studies, then their pruned networks as files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clbench.errors import UserError
from clbench.results.atomic import make_ready
from clbench.run.machine import Machine
from clbench.run.prune_lenet.settings import Settings
from clbench.run.prune_lenet.sparse import Exported, export_study, targets
from clbench.run.prune_lenet.study import PruneLenet, trained_folder
from clbench.run.schedule import Executor, Watcher, run_experiments


def run(
    settings: Sequence[Settings],
    out: Path,
    machine: Machine,
    executor: Executor | None = None,
    force: bool = False,
    watch: Watcher | None = None,
    export: Path | None = None,
) -> tuple[list[tuple[Path, Any]], list[Exported]]:
    """Every study's (path, result), and the networks that were exported.

    UserError as from run_experiments; with `export`, where no checkpoint is kept to export.
    """
    if export is not None and export.suffix != ".safetensors":
        raise UserError(f"--export {export}: the file's name must end in .safetensors")
    if export is not None and machine.keep == "none":
        raise UserError("--export writes the network of the last checkpoint; leave --checkpoints at last or all")
    for file in targets(settings, export).values() if export is not None else ():
        make_ready(file)
    if force:
        for each in settings:
            shutil.rmtree(trained_folder(out / each.path.parent, each), ignore_errors=True)
    done = run_experiments([PruneLenet(each) for each in settings], out, machine, executor, force, watch)
    exported = [] if export is None else export_study(list(zip(settings, done, strict=True)), export, machine)
    return done, exported
