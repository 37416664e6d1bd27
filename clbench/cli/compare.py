"""`clbench compare` and `clbench check`: the regression gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    Printing,
    Quiet,
    Ray,
    Threads,
    Workers,
    each_of,
    load_plugins,
    machine_of,
    printing,
    watching,
    workers_of,
)
from clbench.errors import UserError

if TYPE_CHECKING:
    from datetime import date

    from clbench.compare.again import Again
    from clbench.compare.check import Draw
    from clbench.compare.verdicts import Compared, Rules
    from clbench.run.experiment import Experiment

    Chosen = tuple[list[Experiment], list[Again]]

TESTS = ("paired", "welch", "none")  # as noninferiority.Test, which imports scipy
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 for what is undecided, too.")]
Junit = Annotated[
    Path | None, typer.Option("--junit", help="Write the verdicts to this file as JUnit XML.", show_default=False)
]
Github = Annotated[
    bool | None,
    typer.Option(
        "--github/--no-github",
        help="Annotations, and the table in the step summary.  [default: where GITHUB_ACTIONS is true]",
        show_default=False,
    ),
]


def compare(
    baseline: Annotated[Path, typer.Argument(help="A result file, or a folder of them.")],
    candidate: Annotated[Path, typer.Argument(help="What is held against it: a file or a folder.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="Comma-separated (clbench list metrics).  [default: the mean: ACC, FID; of a study accuracy]",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance", help="As printed; of one metric ACC=0.5,FID=20.  [default: 0.5]", show_default=False
        ),
    ] = None,
    test: Annotated[
        str, typer.Option("--test", help="paired (over equal seeds), welch (any seeds) or none (means alone).")
    ] = "paired",
    alpha: Annotated[float, typer.Option("--alpha", help="Level of the one-sided test.")] = 0.05,
    strict: Strict = False,
    junit: Junit = None,
    github: Github = None,
    accept_modified: AcceptModified = False,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Is the candidate worse than the baseline? Exit code 0: no; 1: yes; 2: something could not be compared."""
    load_plugins(plugin)
    rules = rules_of(each_of(metric, "--metric"), tolerance, test, alpha)
    how = printing(format_, output, as_json, quiet)
    ready(junit)
    from clbench.compare.entries import entries, read
    from clbench.compare.verdicts import compare as judge

    sides = [entries(read([path], accept_modified), rules.metrics) for path in (baseline, candidate)]
    show(judge(sides[0], sides[1], rules), "", how, strict, junit, github)


def check(
    file: Annotated[Path, typer.Argument(help="A YAML file: what is run, and what is tolerated.")],
    update: Annotated[
        bool, typer.Option("--update", help="Store the results as new baselines and print what changed.")
    ] = False,
    strict: Strict = False,
    junit: Junit = None,
    github: Github = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of results; those of this very code are not made again.")
    ] = Path("runs/check"),
    force: Annotated[bool, typer.Option("--force", help="Run everything afresh.")] = False,
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            help="Run so much of it, drawn by the day; 0.1: a tenth.  [default: all]",
            show_default=False,
        ),
    ] = None,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw", help="The day that draws, as 2026-11-27.  [default: today, UTC]", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is asked for, or drawn, and run nothing.")
    ] = False,
    workers: Workers = "auto",
    ray: Ray = None,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    threads: Threads = 1,
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run what a file asks for and compare with its baselines: exit codes as of `clbench compare`."""
    how = printing(format_, output, as_json, quiet)
    ready(junit)
    from clbench.compare.check import Draw, chosen
    from clbench.compare.check import check as run
    from clbench.compare.check_file import read
    from clbench.run.ray import executor

    asked = read(file)
    draws = draw_of(share, draw)
    load_plugins(plugin)
    some = Draw(*draws) if draws else None
    if some or dry_run:
        say_drawn(chosen(asked, some), chosen(asked, None), some)
    if dry_run:
        return
    machine = machine_of(device, threads, data_root, allow_modified_data, plugin, "none")
    silent = quiet or how.format == "json"
    with executor(ray, cpus, gpus, workers_of(workers)) as runs_on, watching(silent) as watch:
        found = run(asked, out, machine, runs_on, watch, update, force, some)
    for path in found.stale if not quiet else ():
        typer.echo(f"clbench: {path}: a baseline that {file} no longer asks for; remove it", err=True)
    if update:
        counts = f"{len(found.written)} of {len(found.results)} baselines were written"
        found.compared.notes.append(f"{counts} to {asked.baselines}; the others are as before")
    show(found.compared, asked.title, how, strict, junit, github, update)


def draw_of(share: float | None, words: str | None) -> tuple[float, date] | None:
    from clbench.compare.draw import day_of, require_share

    if share is None:
        if words is not None:
            raise UserError("--draw chooses a --share; add --share 0.1")
        return None
    require_share(share)
    return share, day_of(words)


def say_drawn(some: Chosen, every: Chosen, draw: Draw | None) -> None:
    """On the error stream: how many of how many, by which day, and each of them."""
    (experiments, repeated), count = some, len(every[0]) + len(every[1])
    by = f", drawn by {draw.day}" if draw else ""
    typer.echo(f"clbench: {len(experiments) + len(repeated)} of {count}{by}:", err=True)
    for path in [*(one.config.path for one in experiments), *(one.path for one in repeated)]:
        typer.echo(f"  {path}", err=True)


def rules_of(metrics: list[str] | None, tolerance: list[str] | None, test: str, alpha: float) -> Rules:
    from clbench.config.options import did_you_mean

    if test not in TESTS:
        raise UserError(f"--test {test!r}: {did_you_mean(test, TESTS)}")
    if not 0 < alpha < 0.5:
        raise UserError(f"--alpha {alpha:g}: expected a level above 0 and below 0.5")
    each = tolerances(tolerance)
    from clbench.compare.verdicts import DEFAULT_METRICS, TOLERANCE, Rules

    return Rules(tuple(metrics or DEFAULT_METRICS), each.pop("", TOLERANCE), each, test, alpha)  # type: ignore[arg-type]


def tolerances(given: list[str] | None) -> dict[str, float]:
    """METRIC -> number; "" for the one of all metrics."""
    found: dict[str, float] = {}
    for words in (each for text in given or () for each in text.split(",")):
        name, _, number = words.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise UserError(f"--tolerance {words[:80]!r}: expected a number of 0 or more, or METRIC=NUMBER")
        if name.strip() in found:
            raise UserError(f"--tolerance {words[:80]!r}: {name.strip() or 'one for all metrics'} was set before")
        found[name.strip()] = value
    return found


def ready(junit: Path | None) -> None:
    from clbench.results.atomic import make_ready

    if junit is not None:
        make_ready(junit)


def show(
    found: Compared,
    title: str,
    how: Printing,
    strict: bool,
    junit: Path | None,
    github: bool | None,
    update: bool = False,
) -> None:
    """Print the verdicts in every form asked for; the exit code is theirs."""
    from clbench.compare import github as actions
    from clbench.compare.document import document
    from clbench.compare.junit import junit as as_junit
    from clbench.results.atomic import write_whole

    how.show([document(found, title)])
    if junit is not None:
        write_whole(junit, as_junit(found, strict))
    if actions.runs_here() if github is None else github:
        for words in actions.annotate(found):
            typer.echo(words, err=True)
        actions.append_summary(found, title)
    code: Any = 0 if update else found.exit_code(strict)
    if code:
        raise typer.Exit(code)
