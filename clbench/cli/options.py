"""What commands share: their options, and what is made of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.config.printable import message, printable, printable_lines
from clbench.errors import UserError

if TYPE_CHECKING:
    from clbench.report.document import Document

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
        "--plugin",
        help="A Python file that registers methods, streams, networks, data sets.",
        show_default=False,
    ),
]
AllowModified = Annotated[
    bool, typer.Option("--allow-modified-data", help="Accept data files whose checksum is not the known one.")
]
AcceptModified = Annotated[
    bool,
    typer.Option(
        "--accept-modified", help="Read results changed outside clbench (another sha256); their tables say so."
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Seeds = Annotated[
    int | None, typer.Option("--seeds", min=1, help="N: seeds 0 to N-1.  [default: 1]", show_default=False)
]
SeedList = Annotated[
    list[str] | None, typer.Option("--seed-list", help="These seeds, comma-separated.", show_default=False)
]
Preset = Annotated[
    str | None,
    typer.Option("--preset", help="quick or paper, or one of your clbench.toml.", show_default=False),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of results.")]
Resume = Annotated[bool, typer.Option("--resume/--force", help="Go on where a run stopped, or run afresh.")]
Ray = Annotated[
    str | None,
    typer.Option("--ray", help="Run on a Ray cluster: its address, auto, or local.", show_default=False),
]
Threads = Annotated[int, typer.Option("--threads", min=1, max=4096, help="Threads of each process.")]
Workers = Annotated[
    str,
    typer.Option(
        "--workers", envvar="CLBENCH_WORKERS", help="Processes: a number, or auto: as cores and memory allow."
    ),
]
Cpus = Annotated[float, typer.Option("--cpus", min=0.01, help="With --ray: cores a group of seeds.")]
Gpus = Annotated[float, typer.Option("--gpus", min=0.0, help="With --ray: GPUs a group of seeds, or a share.")]
Checkpoints = Annotated[
    str, typer.Option("--checkpoints", help="Which stages' checkpoints stay: all, last or none.")
]
Plots = Annotated[
    Path | None, typer.Option("--plots", help="Folder to write PNG and SVG plots to.", show_default=False)
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write to this file; its suffix names the format.", show_default=False),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="md, csv (a line a row), csv-long (a line a run, stage and task), json, html (one page), latex (a "
        "document), latex-tables (for \\input), txt.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would run and where every value comes from; run nothing.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors; with --json, the result alone.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def watching(silent: bool) -> contextlib.AbstractContextManager[Any]:
    """Who hears how a run gets on: the terminal, or nobody."""
    from clbench.run import progress

    return progress.watching(silent)


def machine_of(
    device: str,
    threads: int,
    root: Path | None,
    modified: bool,
    plugin: list[Path] | None,
    keep: str = "last",
    accept_modified: bool = False,
):
    """A Machine; plugins are loaded at once, so that their names are known."""
    from clbench.run import api

    return api.machine_of(device, threads, root, modified, plugin or [], keep, accept_modified)


def load_plugins(plugin: list[Path] | None) -> None:
    from clbench.registry import load_plugin

    for path in plugin or ():
        load_plugin(path)


def workers_of(words: str) -> int | None:
    """The number that --workers says; None for auto."""
    if words.strip().lower() == "auto":
        return None
    try:
        number = int(words)
    except ValueError:
        number = 0
    if number < 1:
        raise UserError(f"--workers {words!r}: expected a number of processes such as 2, or auto")
    return number


def each_of(given: list[str] | None, flag: str) -> list[str] | None:
    """What an option names that may be given several times, each time with commas; None where it is not given."""
    from clbench.config.options import each_named

    return None if not given else [name for words in given for name in each_named(words.split(","), flag)]


def sets_of(given: list[str] | None) -> tuple[str, ...]:
    """The words of --set; UserError where two of them set the same option, of which the last would win."""
    seen: set[str] = set()
    for words in given or ():
        name = words.partition("=")[0].strip()
        if name in seen:
            raise UserError(f"--set {words!r}: {name} was set before")
        seen.add(name)
    return tuple(given or ())


def seeds_of(seeds: int | None, seed_list: list[str] | None) -> tuple[int, ...] | None:
    from clbench.config.resolve import checked_seeds, first_seeds

    if seeds is not None and seed_list is not None:
        raise UserError("--seeds and --seed-list exclude each other")
    if seed_list is None:
        return None if seeds is None else first_seeds(seeds, "--seeds")
    words = ",".join(seed_list)
    try:
        found = tuple(int(s) for s in words.split(","))
    except ValueError:
        raise UserError(f"--seed-list {words[:80]!r}: expected whole numbers such as 3,5,8") from None
    return checked_seeds(found, "--seed-list")


def say(words: str, err: bool = False) -> None:
    """On the terminal, which obeys nothing in the words."""
    typer.echo(printable_lines(words), err=err)


@dataclass(frozen=True)
class Printing:
    """How a command prints: in which format, where to, and whether at all."""

    format: str
    output: Path | None = None
    silent: bool = False

    def show(self, documents: Sequence[Document], plots: Path | None = None) -> None:
        """Write the documents to the file or print them; pictures go into the folder `plots`."""
        from clbench.report.write import written

        self.put("" if self.silent and plots is None else written(documents, self.format, plots, self.output))

    def put(self, words: str) -> None:
        """To the file or the terminal, words that are in the format already."""
        from clbench.results.atomic import write_whole

        if self.output is not None:
            write_whole(self.output, words.encode())
        elif not self.silent:
            say(words)


def printing(
    format_: str | None,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    default: str = "txt",
    plots: Path | None = None,
) -> Printing:
    """Before long work: UserError for a format there is not, and where a file could not be written.

    --quiet prints nothing, unless a format is asked for.
    """
    from clbench.report.write import chosen
    from clbench.results.atomic import make_ready

    if as_json and format_ not in (None, "json"):
        raise UserError(f"--json and --format {format_} exclude each other")
    asked = chosen("json" if as_json else format_, output, default)
    if output is not None:
        make_ready(output)
    if plots is not None:
        if plots.exists() and not plots.is_dir():
            raise UserError(f"{plots}: cannot write the plots: it is a file")
        make_ready(plots / "picture.png")
    return Printing(asked, output, quiet and format_ is None and not as_json and output is None)


def show_planned(experiments: Sequence[Any], out: Path, machine: Any, force: bool, as_json: bool) -> None:
    """Of --dry-run."""
    from clbench.run.dry_run import planned, text

    found = planned(experiments, out, machine, force)
    say(json.dumps([one.as_object() for one in found], indent=1) if as_json else text(found))


def fail_where_all_diverged(done: Sequence[tuple[Path, Any]]) -> None:
    """Exit code 1, and a line on each: for scripts, a run without a number is not one that went well."""
    lost = [(path, result) for path, result in done if result.status == "diverged"]
    for path, result in lost:
        say(f"clbench: {message(f'{path}: every seed diverged: {result.reason}')}", err=True)
    if lost:
        raise typer.Exit(1)


def show_trained(done: Sequence[tuple[Path, Any]], how: Printing, exported: Sequence[Any] = ()) -> None:
    """A table of the results, of the seeds that were asked for; on a terminal also where they lie."""
    from clbench.report.build.cells import WITH_COSTS
    from clbench.report.compose import document, findings
    from clbench.report.write import written

    found = [document(findings(done, WITH_COSTS))]
    if how.format == "json":
        rows = json.loads(written(found, "json"))
        files = {"files": [str(path) for path, _ in done], "rows": rows}
        files |= {"exported": [vars(one) for one in exported]} if exported else {}
        how.put(json.dumps(files, indent=1))
    elif how.format == "txt":
        lines = [written(found, "md"), *(f"results: {printable(path)}" for path, _ in done)]
        how.put("\n".join([*lines, *(f"exported: {one.file}: {one}" for one in exported)]))
    else:
        how.show(found)
