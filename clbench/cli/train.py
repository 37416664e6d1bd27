"""`clbench train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    Plugins,
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
    sets_of,
    show_planned,
    show_trained,
    workers_of,
)
from clbench.errors import UserError


def train(
    method: Annotated[
        list[str] | None,
        typer.Option(help="One or several, comma-separated.  [default: anpyc]", show_default=False),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            help="A stream, or split:FILE.npz, permuted:FILE.npz.  [default: permuted-digits]",
            show_default=False,
        ),
    ] = None,
    seeds: Seeds = None,
    seed_list: SeedList = None,
    scenario: Annotated[
        str | None, typer.Option(help="task, domain or class.  [default: task]", show_default=False)
    ] = None,
    network: Annotated[str | None, typer.Option(help="A network.  [default: mlp]", show_default=False)] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(
            help="Weights that the network starts from: imagenet (torchvision's), or a safetensors or torch file.",
            show_default=False,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="SECTION.OPTION=VALUE, sections: strategy, stream, network, train.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="An experiment in YAML or TOML; flags win over it.", show_default=False),
    ] = None,
    preset: Preset = None,
    score: Annotated[
        str | None,
        typer.Option(help="Split that fills the matrix: test or validation.  [default: test]", show_default=False),
    ] = None,
    evaluate: Annotated[
        str | None,
        typer.Option(
            help="When all tasks are scored: all (after each task), every=K (after every K-th and the last) or "
            "last; in between the new one alone.  [default: all]",
            show_default=False,
        ),
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
    plugin: Plugins = None,
    dry_run: DryRun = False,
    format_: Format = None,
    output: Output = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train methods over a stream of tasks; one result file each, resumed if interrupted."""
    from clbench.config.files import parse_sets
    from clbench.run.api import configurations, get_ready, train_each

    how = printing(format_, output, as_json, quiet)
    get_ready(device, checkpoints, plugin or [])
    processes = workers_of(workers)
    options = parse_sets(sets_of(set_))
    if evaluate is not None:
        if "score_every" in options.get("train", {}):
            raise UserError("--evaluate and --set train.score_every exclude each other")
        options["train"] = {**options.get("train", {}), "score_every": score_every_of(evaluate)}
    configs = configurations(
        each_of(method, "--method"),
        stream,
        network=network,
        scenario=scenario,
        seeds=seeds_of(seeds, seed_list),
        score=score,
        preset=preset,
        pretrained=pretrained,
        options=options,
        file=config,
    )
    machine = machine_of(device, threads, data_root, allow_modified_data, plugin, checkpoints, accept_modified)
    if dry_run:
        from clbench.run.train import Train

        return show_planned([Train(one) for one in configs], out, machine, not resume, as_json)
    done = train_each(configs, out, machine, processes, not resume, quiet or as_json, (ray, cpus, gpus))
    show_trained(done, how)
    fail_where_all_diverged(done)


def score_every_of(words: str) -> int:
    """The tasks from one scoring of all to the next; 0: after the last alone."""
    every = {"all": 1, "last": 0}.get(words.strip().lower())
    if every is None:
        name, _, number = words.partition("=")
        every = int(number) if name.strip() == "every" and number.strip().isdecimal() and len(number) < 10 else 0
        if every < 1:
            raise UserError(f"--evaluate {words[:80]!r}: expected all, last, or every=K such as every=10")
    return every
