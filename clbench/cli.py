"""The command line: a command reads options, calls one function, prints. No torch is imported at the top."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clbench import __version__
from clbench.errors import UserError


class Stopped(Exception):
    """Ctrl-C, or nobody reads on. Typer would end the program itself at either; main() has words for them."""


class Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, BrokenPipeError) as error:
            raise Stopped from error


app = typer.Typer(
    name="clbench",
    cls=Commands,
    help="A benchmark for continual learning: train methods over streams of tasks, keep every accuracy matrix, "
    "report ACC, BWT, FWT and SMT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # which would take [default: 5] for a style and leave it out
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="Data sets: what is here, where from, checksums.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(data_app, name="data")

DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Folder of data sets (else CLBENCH_DATA, else the cache folder).",
        show_default=False,
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", help="A Python file that registers methods, streams or networks.", show_default=False
    ),
]
AllowModified = Annotated[
    bool, typer.Option("--allow-modified-data", help="Accept data files whose checksum is not the known one.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Seeds = Annotated[
    int | None, typer.Option("--seeds", min=1, help="N: seeds 0 to N-1.  [default: 1]", show_default=False)
]
SeedList = Annotated[
    str | None, typer.Option("--seed-list", help="These seeds, comma-separated.", show_default=False)
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", help="quick or paper, or one of your clbench.toml.", show_default=False),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of results.")]
Resume = Annotated[bool, typer.Option("--resume/--force", help="Go on where a run stopped, or run afresh.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of each process.")]
Checkpoints = Annotated[
    str, typer.Option("--checkpoints", help="Which stages' checkpoints stay: all, last or none.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"clbench {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """--debug is main()'s."""


@app.command()
def train(
    method: Annotated[
        str | None,
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
    out: Out = Path("runs"),
    resume: Resume = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the seeds and methods.")] = 1,
    threads: Threads = 1,
    checkpoints: Checkpoints = "last",
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    plugin: Plugins = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train methods over a stream of tasks; one result file each, resumed if interrupted."""
    machine = machine_of(device, threads, data_root, allow_modified_data, plugin, checkpoints)
    from clbench import config as configuration
    from clbench.layers import read_file
    from clbench.progress import watcher
    from clbench.runner import Silent, run_all

    file = read_file(config) if config else None
    configs = [
        configuration.resolve(
            name,
            stream,
            network=network,
            scenario=scenario,
            seeds=seeds_of(seeds, seed_list),
            score=score,
            preset=preset,
            file=file,
            sets=tuple(set_ or ()),
        )
        for name in (
            configuration.each_named(method.split(","), "--method")
            if method is not None
            else configuration.methods_of(file)
        )
    ]
    watch = Silent() if quiet or as_json else watcher()
    with watch if not isinstance(watch, Silent) else contextlib.nullcontext():
        done = run_all(configs, out, machine, workers=workers, force=not resume, watch=watch)
    if not quiet:
        show_trained([path for path, _ in done], as_json)


@app.command()
def sweep(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="A file of a sweep (YAML or TOML); or status RECORD, best RECORD of one that runs or ran.",
            metavar="[FILE | status RECORD | best RECORD]",
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
            help="What a trial is judged by: stream, first, other-seed or continual.  [default: stream]",
            show_default=False,
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of each task's training images to judge by.  [default: 0.1]", show_default=False),
    ] = None,
    tasks: Annotated[
        int | None, typer.Option(help="Of the protocol first: how many.  [default: 3]", show_default=False)
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
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the trials.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Run trials on a Ray cluster: its address, auto, or local.", show_default=False),
    ] = None,
    cpus: Annotated[float, typer.Option(min=0.01, help="With --ray: cores a trial.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0.0, help="With --ray: GPUs, or a share of one, a trial.")] = 0.0,
    threads: Threads = 1,
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    plugin: Plugins = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Search hyper-parameters on validation data, then train the winner with fresh seeds and test it once."""
    words = what or []
    if words[:1] in (["status"], ["best"]):
        return show_sweep(words, as_json)
    if len(words) > 1:
        raise UserError(f"sweep {' '.join(words)}: expected one file, or status RECORD, or best RECORD")
    machine = machine_of(device, threads, data_root, allow_modified_data, plugin)
    from clbench.sweep.command import Where, run
    from clbench.sweep.plan import Asked, planned

    options = {
        "search": search,
        "trials": trials,
        "protocol": protocol,
        "validation": validation,
        "tasks": tasks,
        "tolerance": tolerance,
        "stop_early": stop_early,
        "search_seeds": search_seeds,
    }
    asked = Asked(method, stream, network, scenario, preset, tuple(set_ or ()), tuple(grid or ()), seeds, options)
    plan = planned(Path(words[0]) if words else None, asked)
    done, notes = run(
        plan, Where(out, workers, ray, cpus, gpus), machine, not resume, quiet or as_json, write_defaults, plots
    )
    if as_json:
        from clbench.sweep.drive import as_json as told

        typer.echo(json.dumps({**told(done), "notes": notes}, indent=1))
    elif not quiet:
        from clbench.sweep.words import best

        show_trained([done.winner], False)
        typer.echo("\n".join([best(done.record), f"record: {done.path}", *notes]))


def show_sweep(words: list[str], as_json: bool) -> None:
    """`sweep status` and `sweep best`: from the record alone, at any time."""
    if len(words) != 2:
        raise UserError(f"sweep {words[0]}: name one record, runs/STREAM/sweep-METHOD-DIGEST.json")
    from dataclasses import asdict

    from clbench.sweep import words as spoken
    from clbench.sweep.record import load

    path = Path(words[1])
    record = load(path)
    if as_json:
        best = record.best
        found = asdict(record) if words[0] == "status" else (asdict(best) if best else None)
        typer.echo(json.dumps(found, indent=1))
    else:
        typer.echo(spoken.status(record, path) if words[0] == "status" else spoken.best(record))


@app.command("prune-lenet")
def prune_lenet(
    importance: Annotated[
        str | None,
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
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the seeds and measures.")] = 1,
    threads: Threads = 1,
    checkpoints: Checkpoints = "last",
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train LeNet, then prune and retrain it in rounds (paper, table IV); one result file a measure."""
    machine = machine_of(device, threads, data_root, allow_modified_data, None, checkpoints)
    from clbench import prune_lenet as study
    from clbench.config import each_named
    from clbench.progress import watcher
    from clbench.runner import Silent

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
    measures = [None] if importance is None else each_named(importance.split(","), "--importance")
    chosen = seeds_of(seeds, seed_list)
    settings = [study.resolve(preset, chosen, importance=measure, **asked) for measure in dict.fromkeys(measures)]
    watch = Silent() if quiet or as_json else watcher()
    with watch if not isinstance(watch, Silent) else contextlib.nullcontext():
        done, exported = study.run(settings, out, machine, workers, not resume, watch, export)
    if not quiet:
        show_trained([path for path, _ in done], as_json, exported)


def show_trained(paths: list[Path], as_json: bool, exported: Sequence[Any] = ()) -> None:
    from clbench.report import report

    if as_json:
        rows = json.loads(report(paths, "json"))
        files = {"files": [str(p) for p in paths], "rows": rows}
        files |= {"exported": [vars(one) for one in exported]} if exported else {}
        typer.echo(json.dumps(files, indent=1))
    else:
        typer.echo(report(paths, "md"))
        typer.echo("\n".join(f"results: {path}" for path in paths))
        for one in exported:
            typer.echo(f"exported: {one.file}: {one}")


def machine_of(
    device: str,
    threads: int,
    root: Path | None,
    modified: bool,
    plugin: list[Path] | None,
    keep: str = "last",
):
    """A Machine; plugins are loaded at once, so that their names are known."""
    from clbench.groups import Machine
    from clbench.options import did_you_mean
    from clbench.registry import load_plugin

    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device!r}: {did_you_mean(device, ('auto', 'cpu', 'cuda'))}")
    if keep not in ("all", "last", "none"):
        raise UserError(f"--checkpoints {keep!r}: {did_you_mean(keep, ('all', 'last', 'none'))}")
    plugins = tuple(plugin or ())
    for path in plugins:
        load_plugin(path)
    return Machine(device, threads, root, modified, plugins, keep)  # type: ignore[arg-type]


def seeds_of(seeds: int | None, seed_list: str | None) -> tuple[int, ...] | None:
    from clbench.config import checked_seeds, first_seeds

    if seeds is not None and seed_list is not None:
        raise UserError("--seeds and --seed-list exclude each other")
    if seed_list is None:
        return None if seeds is None else first_seeds(seeds, "--seeds")
    try:
        found = tuple(int(s) for s in seed_list.split(","))
    except ValueError:
        raise UserError(f"--seed-list {seed_list[:80]!r}: expected whole numbers such as 3,5,8") from None
    return checked_seeds(found, "--seed-list")


@app.command()
def evaluate(
    files: Annotated[list[Path], typer.Argument(help="Result files (or folders of them).")],
    stage: Annotated[
        int | None,
        typer.Option(min=0, help="After how many tasks.  [default: the last kept]", show_default=False),
    ] = None,
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Score saved checkpoints again and compare with the stored matrix; exit code 1 if they differ."""
    machine = machine_of(device, 1, data_root, allow_modified_data, plugin)
    from clbench.evaluation import compared, differences, table

    rows = list(compared(files, stage, machine))
    typer.echo(json.dumps(rows, indent=1) if as_json else table(rows))
    if differences(rows):
        raise typer.Exit(1)


@app.command()
def report(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Result files or folders.  [default: runs]", show_default=False),
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="md, csv, json, html (one page), latex (a document) or latex-tables (for \\input).",
        ),
    ] = "md",
    metrics: Annotated[
        str | None, typer.Option(help="Columns, comma-separated (clbench list metrics).", show_default=False)
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Folder to write PNG and SVG plots to.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="train or pruning: results of that kind alone.", show_default=False)
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="Set results beside printed numbers: paper (tables I, II), or a JSON file of your own.",
            show_default=False,
        ),
    ] = None,
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Intervals, paired tests, ranks over streams; of ACC, or of --metrics."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead.", show_default=False)
    ] = None,
) -> None:
    """Tables and plots from result files."""
    from clbench.atomic import write_whole
    from clbench.report import report as make

    chosen = metrics.split(",") if metrics else None
    text = make(files or [Path("runs")], format_, chosen, plots, kind, reference or (), stats)
    if output is None:
        typer.echo(text)
    else:
        write_whole(output, text.encode())


@app.command()
def analyze(
    files: Annotated[list[Path], typer.Argument(help="Result files or folders of `clbench train`.")],
    what: Annotated[
        str | None,
        typer.Option(
            help="importance (its distribution; needs checkpoints), parameters (how layers move from the first "
            "task to the last; needs --checkpoints all), growth (parameters over tasks), tasks, width (ACC over "
            "either) or pruning (ACC by strategy); several, comma-separated.  [default: all that the runs allow]",
            show_default=False,
        ),
    ] = None,
    stage: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="importance: after how many tasks; parameters: compared with task 1.  [default: the last]",
            show_default=False,
        ),
    ] = None,
    frechet: Annotated[
        str,
        typer.Option(help="parameters: distance of units (rows of weights), single weights, or exact of these."),
    ] = "units",
    weights: Annotated[
        str, typer.Option(help="parameters: absolute changes as mean, sum or weighted by importance.")
    ] = "mean",
    format_: Annotated[str, typer.Option("--format", help="md, csv, json or latex.")] = "md",
    plots: Annotated[
        Path | None, typer.Option(help="Folder to write PNG and SVG plots to.", show_default=False)
    ] = None,
) -> None:
    """Importance, parameter change and growth, ablations (paper, figures 7 to 10) from runs."""
    from clbench.analysis import analyze as make

    typer.echo(make(files, what.split(",") if what else None, format_, plots, stage, frechet, weights))


@app.command()
def reproduce(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="table1, table2, fig7a, fig7b, fig7c, fig8a, fig9, fig10, table4, all; or such a YAML file.",
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
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="SECTION.OPTION=VALUE of every training.", show_default=False),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="md, json, html, latex or latex-tables.")] = "md",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead.", show_default=False)
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Folder to write PNG and SVG plots to.", show_default=False)
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="Numbers to set beside ours: paper, or JSON files.  [default: paper]", show_default=False
        ),
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Intervals and paired tests of ACC.")] = False,
    out: Out = Path("runs"),
    resume: Resume = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the seeds and methods.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Run on a Ray cluster: its address, auto, or local.", show_default=False),
    ] = None,
    cpus: Annotated[float, typer.Option(min=0.01, help="With --ray: cores a group of seeds.")] = 1.0,
    gpus: Annotated[float, typer.Option(min=0.0, help="With --ray: GPUs, or a share of one.")] = 0.0,
    threads: Threads = 1,
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    quiet: Quiet = False,
) -> None:
    """The paper's tables and figures: run what is missing, then set it beside what the paper prints."""
    from clbench.options import did_you_mean

    formats = ("md", "json", "html", "latex", "latex-tables")
    if format_ not in formats:
        raise UserError(f"--format {format_!r}: {did_you_mean(format_, formats)}")
    if preset not in (None, "quick", "paper"):
        raise UserError(f"--preset {preset!r}: {did_you_mean(str(preset), ('quick', 'paper'))}")
    machine = machine_of(device, threads, data_root, allow_modified_data, None)
    from clbench.atomic import make_ready, write_whole
    from clbench.layers import parse_sets
    from clbench.progress import watcher
    from clbench.reproduce.command import How, text
    from clbench.reproduce.command import reproduce as make
    from clbench.reproduce.experiments import chosen
    from clbench.runner import Silent
    from clbench.sweep.command import Where

    wanted = chosen(what or [])
    for path in (output, plots and plots / "picture.png"):
        if path is not None:
            make_ready(path)
    watch = Silent() if quiet or format_ == "json" else watcher()
    showing = watch if not isinstance(watch, Silent) else contextlib.nullcontext()
    overlay = parse_sets(tuple(set_ or ()))
    with Where(str(out), workers, ray, cpus, gpus).spread() as spread, showing:
        beside = ("paper",) if reference is None else tuple(reference)
        shown: dict[str, Any] = {
            "plots": plots,
            "references": beside,
            "stats": stats,
            "illustrated": format_ == "html",
        }
        how = How(out, machine, preset, seeds, overlay, workers, not resume, watch, spread, **shown)
        found = make(wanted, how)
    words = text(found, format_, output and output.parent)
    if output is not None:
        write_whole(output, words.encode())
    elif not quiet:
        typer.echo(words)


@app.command("list")
def list_(
    what: Annotated[
        str | None, typer.Argument(help="methods, streams, networks or metrics.", show_default=False)
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="Of methods also the paper, what is stored, where it works.")
    ] = False,
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """What can be named, with one line each, options and defaults."""
    from clbench.listing import KINDS, listing, text
    from clbench.options import did_you_mean
    from clbench.registry import load_plugin

    if what is not None and what not in KINDS:
        raise UserError(f"nothing to list called {what!r}; {did_you_mean(what, KINDS)}")
    for path in plugin or []:
        load_plugin(path)
    found: dict[str, Any] = {kind: listing(kind, long) for kind in ([what] if what else KINDS)}
    typer.echo(json.dumps(found, indent=1) if as_json else text(found))


@data_app.command("list")
def data_list(data_root: DataRoot = None, as_json: AsJson = False) -> None:
    """Every data set and where it was found."""
    from tabulate import tabulate

    from clbench.datasets import catalogue

    rows = [
        {
            "name": i.name,
            "status": i.status,
            "where": str(i.path or "-"),
            "source": i.source,
            "what": i.description,
        }
        for i in catalogue(data_root)
    ]
    typer.echo(json.dumps(rows, indent=1) if as_json else tabulate(rows, headers="keys"))


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A data set.")], data_root: DataRoot = None) -> None:
    """Download a data set, with its checksums."""
    from clbench.datasets import fetch

    typer.echo(f"{name}: {fetch(name, data_root)}")


@data_app.command("verify")
def data_verify(
    name: Annotated[str, typer.Argument(help="A data set.")],
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Compare a data set's files with their known checksums; exit code 1 if one differs or is missing."""
    from tabulate import tabulate

    from clbench.datasets import verify

    checks = verify(name, data_root)
    words = {True: "as published", False: "differs", None: "nothing published"}
    rows = [
        {
            "file": c.file,
            "verdict": words[c.ok] if c.path else "missing",
            "found": c.found or "-",
            "expected": c.expected or "-",
        }
        for c in checks
    ]
    typer.echo(json.dumps(rows, indent=1) if as_json else tabulate(rows, headers="keys"))
    if any(c.ok is False for c in checks):
        raise typer.Exit(1)


def main() -> None:
    """The entry point: a user's mistake is one line and exit code 2, Ctrl-C is 130, --debug shows tracebacks."""
    debug = "--debug" in sys.argv
    if debug:  # anywhere on the line
        sys.argv = [sys.argv[0], "--debug", *(a for a in sys.argv[1:] if a != "--debug")]
    warnings.showwarning = warn  # type: ignore[assignment]
    try:
        sys.exit(app(standalone_mode=False))
    except (Exception, KeyboardInterrupt) as error:
        cause = error.__cause__ if isinstance(error, Stopped) and error.__cause__ else error
        if isinstance(cause, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit complains
            sys.exit(0)
        if debug:
            traceback.print_exception(cause)
        if type(cause).__name__ == "NoArgsIsHelpError":  # not a mistake to explain: its message is the help
            cause.show()  # type: ignore[attr-defined]
            sys.exit(2)
        fail(*explained(cause))


def explained(error: BaseException) -> tuple[str, int]:
    """One line about an error, and the exit code."""
    if isinstance(error, UserError):
        return str(error), 2
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was finished is kept, the same command goes on from there", 130
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "out of memory; use fewer seeds at once, fewer --workers or a smaller network", 2
    if isinstance(error, OSError):
        return f"{error.filename or 'system'}: {error.strerror or error}", 2
    if hasattr(
        error, "format_message"
    ):  # typer's: an option or command that there is not, a value of the wrong type
        return misused(error), 2
    kind = type(error).__name__
    return f"{kind}: {error} (a fault of clbench or of a plugin; --debug shows where)", 2


def misused(error: Any) -> str:
    """What typer says of a command line that it cannot read, with where to look."""
    context = getattr(error, "ctx", None)
    words = " ".join(error.format_message().split()).rstrip(".")
    return f"{words}; {context.command_path} --help lists what there is" if context else words


def warn(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """A warning is one line, without the line of source that raised it."""
    print("clbench: warning: " + " ".join(str(message).split()), file=sys.stderr)


def fail(message: str, code: int) -> None:
    print("clbench: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
