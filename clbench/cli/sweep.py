"""`clbench sweep`, and `sweep status`, `sweep best` and `sweep compare`."""

from __future__ import annotations

import json
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
    Format,
    Gpus,
    Output,
    Plugins,
    Preset,
    Printing,
    Quiet,
    Ray,
    Resume,
    Threads,
    Workers,
    fail_where_all_diverged,
    machine_of,
    printing,
    say,
    sets_of,
    show_trained,
    workers_of,
)
from clbench.errors import UserError


def sweep(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="A file of a sweep (YAML or TOML); or status RECORD, best RECORD of one that runs or ran; or "
            "compare RECORD.. of several, or of folders of them.",
            metavar="[FILE | status RECORD | best RECORD | compare RECORD..]",
            show_default=False,
        ),
    ] = None,
    method: Annotated[str | None, typer.Option(help="[default: anpyc]", show_default=False)] = None,
    stream: Annotated[str | None, typer.Option(help="[default: permuted-digits]", show_default=False)] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="SECTION.OPTION=VALUES: 1,3,10 or 0:10:1 (from:to:step), or for random and tpe 0.01..10:log.",
            show_default=False,
        ),
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="grid, random or tpe (Optuna's).  [default: grid]", show_default=False)
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="At most.  [default: the whole grid; random, tpe: 20]", show_default=False),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="What a trial is judged by: stream, first, other-seed, other-data, continual.  [default: stream]",
            show_default=False,
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of each task's training images to judge by.  [default: 0.1]", show_default=False),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option(
            help="Of first and other-data: how many of the first tasks trials learn.  [default: 3; all]",
            show_default=False,
        ),
    ] = None,
    tune_on: Annotated[
        str | None,
        typer.Option(help="Of other-data: the stream that trials learn, of other images.", show_default=False),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Of continual: share of its accuracy that a task may lose.  [default: 0.2]", show_default=False
        ),
    ] = None,
    stop_early: Annotated[
        bool | None,
        typer.Option(
            "--stop-early/--no-stop-early",
            help="End trials whose ACC falls below the median of the others after a task.",
            show_default=False,
        ),
    ] = None,
    search_seeds: Annotated[
        int | None, typer.Option(help="Seeds of every trial.  [default: 1]", show_default=False)
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Fresh ones of the winner.  [default: 1]", show_default=False)
    ] = None,
    scenario: Annotated[
        str | None, typer.Option(help="task, domain or class.  [default: task]", show_default=False)
    ] = None,
    network: Annotated[str | None, typer.Option(help="[default: mlp]", show_default=False)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="SECTION.OPTION=VALUE of every run.", show_default=False),
    ] = None,
    preset: Preset = None,
    write_defaults: Annotated[
        bool, typer.Option("--write-defaults", help="Put the winner into clbench.toml of this folder.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option(help="Folder to draw the trials into, PNG and SVG.", show_default=False)
    ] = None,
    out: Annotated[
        str, typer.Option("--out", help="Folder of results, or a URL (s3://.., any of fsspec).")
    ] = "runs",
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
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Search hyper-parameters on validation data, then train the winner with fresh seeds and test it once."""
    words = what or []
    if words[:1] in (["status"], ["best"]):
        return show_sweep(words, printing(format_, output, as_json, quiet))
    if words[:1] == ["compare"]:
        return compare_sweeps(words[1:], printing(format_, output, as_json, quiet, plots=plots), plots)
    if len(words) > 1:
        raise UserError(f"sweep {' '.join(words)}: expected one file, or status, best, compare RECORD")
    how = printing(format_, output, as_json, quiet, plots=plots)
    from clbench.run.api import get_ready
    from clbench.sweep.plan import Asked, planned

    get_ready(device, "last", plugin or [])
    options = {
        "search": search,
        "trials": trials,
        "protocol": protocol,
        "validation": validation,
        "tasks": tasks,
        "tune_on": tune_on,
        "tolerance": tolerance,
        "stop_early": stop_early,
        "search_seeds": search_seeds,
    }
    asked = Asked(method, stream, network, scenario, preset, sets_of(set_), tuple(grid or ()), seeds, options)
    plan = planned(Path(words[0]) if words else None, asked)
    from clbench.sweep.command import Where, run  # and with it torch

    machine = machine_of(device, threads, data_root, allow_modified_data, plugin, accept_modified=accept_modified)
    done, notes = run(
        plan,
        Where(out, workers_of(workers), ray, cpus, gpus),
        machine,
        not resume,
        quiet or as_json,
        write_defaults,
        plots,
    )
    if how.format == "json":
        from clbench.sweep.drive import as_json as as_object

        how.put(json.dumps({**as_object(done), "notes": notes}, indent=1))
    else:
        show_trained([(done.winner, done.result)], how)
    if how.format == "txt" and not how.silent:
        from clbench.sweep.display import best

        say("\n".join([best(done.record), f"record: {done.path}", *notes]))
    fail_where_all_diverged([(done.winner, done.result)])


def show_sweep(words: list[str], how: Printing) -> None:
    """`sweep status` and `sweep best`: from the record, which agrees with what there is of its trials' files."""
    if len(words) != 2:
        raise UserError(f"sweep {words[0]}: name one record, runs/STREAM/sweep-METHOD-DIGEST.json")
    from dataclasses import asdict

    from clbench.report.document import document_of_rows
    from clbench.results.sweep_record import load
    from clbench.results.trial_files import compare
    from clbench.sweep import display

    path = Path(words[1])
    record = load(path)
    compare(record, path, path.parent.parent)
    if words[0] == "status":
        return how.show([display.describe(record, path)])
    best = record.best
    rows = [{"trial": best.number + 1, **best.values, "score": best.score}] if best else []
    how.show([document_of_rows(rows, display.best(record), asdict(best) if best else None, str(path))])


def compare_sweeps(words: list[str], how: Printing, plots: Path | None) -> None:
    """`sweep compare`: budgets, spaces and winners of the searches in records and folders of them."""
    if not words:
        raise UserError("sweep compare: name records, runs/STREAM/sweep-METHOD-DIGEST.json, or a folder of them")
    from clbench.sweep.comparison import document

    how.show([document([Path(word) for word in words])], plots)
