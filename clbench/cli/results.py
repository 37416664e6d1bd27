"""What reads result files: `clbench evaluate`, `report`, `analyze`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import (
    AcceptModified,
    AllowModified,
    AsJson,
    DataRoot,
    Device,
    Format,
    Output,
    Plots,
    Plugins,
    Quiet,
    each_of,
    load_plugins,
    machine_of,
    printing,
    say,
)
from clbench.config.printable import message
from clbench.errors import UserError


def evaluate(
    files: Annotated[list[Path], typer.Argument(help="Result files (or folders of them).")],
    stage: Annotated[
        int | None,
        typer.Option(min=0, help="After how many tasks.  [default: the last kept]", show_default=False),
    ] = None,
    device: Device = "auto",
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
    accept_modified: AcceptModified = False,
    accept_other_code: Annotated[
        bool,
        typer.Option("--accept-other-code", help="Score with a plugin that is not the one the run was made with."),
    ] = False,
    plugin: Plugins = None,
    format_: Format = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score saved checkpoints again and compare with the stored matrix; exit code 1 if they differ, 2 if a file
    could not be scored."""
    machine = machine_of(device, 1, data_root, allow_modified_data, plugin, accept_modified=accept_modified)
    how = printing(format_, output, as_json, quiet)
    from clbench.report.document import document_of_rows
    from clbench.run.evaluate import compared, differences, table, verdict, words_of_rows

    failed: list[UserError] = []
    elsewhere: list[str] = []
    rows = list(compared(files, stage, machine, accept_other_code, failed, elsewhere))
    named = [{**row, "score": row["score"].name} for row in rows]
    if rows or how.format == "json":
        notes = [verdict(rows)]
        how.show([document_of_rows(named, table(rows), named, "Scored again", notes, words_of_rows(rows))])
    for line in () if quiet else elsewhere:
        typer.echo(f"clbench: {line}", err=True)
    for error in failed:
        say(f"clbench: {message(str(error))}", err=True)
    if failed:
        raise typer.Exit(2)
    if differences(rows):
        raise typer.Exit(1)


def report(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Result files or folders.  [default: runs]", show_default=False),
    ] = None,
    format_: Format = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="Columns, comma-separated (clbench list metrics).", show_default=False)
    ] = None,
    plots: Plots = None,
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
    versus: Annotated[
        str | None,
        typer.Option(help="--stats with tests of this method against every other alone.", show_default=False),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER: a column more, the ACC of other results of the same streams and methods.",
            show_default=False,
        ),
    ] = None,
    across: Annotated[
        str | None,
        typer.Option(
            help="scenario, stream or network: one table over results that differ in it alone, a column each.",
            show_default=False,
        ),
    ] = None,
    accept_modified: AcceptModified = False,
    plugin: Plugins = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Tables and plots from result files."""
    load_plugins(plugin)
    from clbench.report.compose import describe, metrics_for, without_plots

    without_plots(across, plots)
    how = printing(format_, output, as_json, quiet, "md", plots)
    shown = describe(
        files or [Path("runs")],
        metrics_for(how.format, each_of(metrics, "--metrics"), across),
        kind,
        reference or (),
        stats,
        accept_modified,
        versus,
        beside or (),
        across,
    )
    how.show([shown], plots)


def analyze(
    files: Annotated[list[Path], typer.Argument(help="Result files or folders of `clbench train`.")],
    what: Annotated[
        list[str] | None,
        typer.Option(
            help="importance (its distribution; needs checkpoints), parameters (how layers move from the first "
            "task to the last; needs --checkpoints all), growth (parameters over tasks), tasks, width (ACC over "
            "either), stages (ACC, BWT, FWT, SMT after every task), pruning (ACC by strategy), values (metrics "
            "over an option of a method) or samples (of generators: FID of each class, pictures); "
            "several, comma-separated.  [default: all that the runs allow]",
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
    format_: Format = None,
    plots: Plots = None,
    accept_modified: AcceptModified = False,
    plugin: Plugins = None,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Importance, parameter change and growth, ablations (paper, figures 7 to 10) from runs."""
    load_plugins(plugin)
    how = printing(format_, output, as_json, quiet, "md", plots)
    from clbench.analysis import examine

    how.show([examine(files, each_of(what, "--what"), stage, frechet, weights, accept_modified)], plots)
