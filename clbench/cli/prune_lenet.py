"""`clbench prune-lenet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clbench.cli.options import (
    AcceptModified,
    AllowModified,
    AsJson,
    Checkpoints,
    Cpus,
    DataRoot,
    Device,
    DryRun,
    Format,
    Gpus,
    Out,
    Output,
    Preset,
    Quiet,
    Ray,
    Resume,
    SeedList,
    Seeds,
    Threads,
    Workers,
    each_of,
    fail_where_all_diverged,
    machine_of,
    printing,
    seeds_of,
    show_planned,
    show_trained,
    watching,
    workers_of,
)


def prune_lenet(
    importance: Annotated[
        list[str] | None,
        typer.Option(
            help="entropy, ewc, mas, loss, magnitude or random; several, comma-separated.  [default: entropy]",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="mnist, fashion-mnist, notmnist, digits or FILE.npz.  [default: mnist]", show_default=False
        ),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(
            help="Share of the weights alive that each round prunes.  [default: 0.8,0.7,0.5,0.4,0.1]",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="global: rank all weights; layer: each layer's.  [default: global]", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Of training before the first round.  [default: 50]", show_default=False)
    ] = None,
    retrain_epochs: Annotated[
        int | None, typer.Option(help="Of training after each round.  [default: 10]", show_default=False)
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="[default: 100]", show_default=False)] = None,
    lr: Annotated[float | None, typer.Option(help="Of SGD.  [default: 0.01]", show_default=False)] = None,
    momentum: Annotated[float | None, typer.Option(help="Of SGD.  [default: 0.9]", show_default=False)] = None,
    importance_batch: Annotated[
        int | None,
        typer.Option(help="Images whose entropy (or loss) is summed.  [default: 100]", show_default=False),
    ] = None,
    delta: Annotated[
        str | None, typer.Option(help="keep or remove: δW of equation 7.  [default: keep]", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Training images at most.  [default: all]", show_default=False)
    ] = None,
    seeds: Seeds = None,
    seed_list: SeedList = None,
    preset: Preset = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the pruned network, sparse, to this .safetensors file.", show_default=False),
    ] = None,
    out: Out = Path("runs"),
    resume: Resume = True,
    workers: Workers = "auto",
    ray: Ray = None,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    threads: Threads = 1,
    checkpoints: Checkpoints = "last",
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    accept_modified: AcceptModified = False,
    dry_run: DryRun = False,
    format_: Format = None,
    output: Output = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train LeNet, then prune and retrain it in rounds (paper, table IV); one result file a measure."""
    from clbench.run.api import get_ready
    from clbench.run.prune_lenet.settings import resolve

    how = printing(format_, output, as_json, quiet)
    get_ready(device, checkpoints, [])
    processes = workers_of(workers)
    asked: dict[str, Any] = {
        "dataset": dataset,
        "rates": rates,
        "scope": scope,
        "epochs": epochs,
        "retrain_epochs": retrain_epochs,
        "batch_size": batch_size,
        "lr": lr,
        "momentum": momentum,
        "importance_batch": importance_batch,
        "delta": delta,
        "limit": limit,
    }
    named = each_of(importance, "--importance")
    measures: Sequence[str | None] = (None,) if named is None else named
    chosen = seeds_of(seeds, seed_list)
    settings = [resolve(preset, chosen, importance=measure, **asked) for measure in dict.fromkeys(measures)]
    from clbench.run.prune_lenet.command import run  # and with it torch
    from clbench.run.ray import executor

    machine = machine_of(device, threads, data_root, allow_modified_data, None, checkpoints, accept_modified)
    if dry_run:
        from clbench.run.prune_lenet.study import PruneLenet

        return show_planned([PruneLenet(one) for one in settings], out, machine, not resume, as_json)
    with watching(quiet or as_json) as watch, executor(ray, cpus, gpus, processes) as runs_on:
        done, exported = run(settings, out, machine, runs_on, not resume, watch, export)
    show_trained(done, how, exported)
    fail_where_all_diverged(done)
