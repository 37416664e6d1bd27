"""`clbench reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import (
    AcceptModified,
    AllowModified,
    AsJson,
    Cpus,
    DataRoot,
    Device,
    DryRun,
    Format,
    Gpus,
    Out,
    Output,
    Plots,
    Quiet,
    Ray,
    Resume,
    SeedList,
    Seeds,
    Threads,
    Workers,
    fail_where_all_diverged,
    machine_of,
    printing,
    seeds_of,
    sets_of,
    show_planned,
    watching,
    workers_of,
)
from clbench.errors import UserError


def reproduce(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="table1, table2, fig3, fig7a-c, fig8a-c, fig9 to fig11, table4, all; or such a YAML file.",
            show_default=False,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="quick: fewer images, epochs and seeds; paper: the paper's settings as printed.  "
            "[default: values tuned on validation data]",
            show_default=False,
        ),
    ] = None,
    seeds: Seeds = None,
    seed_list: SeedList = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="SECTION.OPTION=VALUE of every training.", show_default=False),
    ] = None,
    format_: Format = None,
    output: Output = None,
    plots: Plots = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="Numbers to set beside ours: paper, or JSON files.  [default: paper]", show_default=False
        ),
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Intervals and paired tests of ACC.")] = False,
    out: Out = Path("runs"),
    resume: Resume = True,
    workers: Workers = "auto",
    ray: Ray = None,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    threads: Threads = 1,
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    accept_modified: AcceptModified = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The paper's tables and figures: run what is missing, then set it beside what the paper prints."""
    from clbench.config.options import did_you_mean

    if preset not in (None, "quick", "paper"):
        raise UserError(f"--preset {preset!r}: {did_you_mean(str(preset), ('quick', 'paper'))}")
    from clbench.reproduce.names import require_known

    require_known(what or [])
    asked_seeds = seeds_of(seeds, seed_list)
    machine = machine_of(device, threads, data_root, allow_modified_data, None, accept_modified=accept_modified)
    from clbench.config.files import parse_sets
    from clbench.reproduce.command import How
    from clbench.reproduce.command import reproduce as make
    from clbench.reproduce.experiments import chosen
    from clbench.run.ray import executor

    wanted, overlay = chosen(what or []), parse_sets(sets_of(set_))
    if dry_run:
        planned = [each for one in wanted for each in one.experiments(preset, asked_seeds, overlay)]
        return show_planned(planned, out, machine, not resume, as_json)
    printed = printing(format_, output, as_json, quiet, "md", plots)
    silent = quiet or printed.format == "json"
    with executor(ray, cpus, gpus, workers_of(workers)) as runs_on, watching(silent) as watch:
        how = How(
            out,
            machine,
            preset,
            asked_seeds,
            overlay,
            force=not resume,
            watch=watch,
            executor=runs_on,
            references=("paper",) if reference is None else tuple(reference),
            stats=stats,
        )
        found = make(wanted, how)
    printed.show([one.document() for one in found], plots)
    fail_where_all_diverged([result for one in found for result in one.made])
