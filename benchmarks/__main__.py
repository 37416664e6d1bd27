"""python -m benchmarks: a command reads options, calls one function, prints. No torch import at the top."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import AllowModified
from clbench.errors import UserError

app = typer.Typer(
    name="benchmarks",
    help="What clbench promises, measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help="Folder of data sets (else CLBENCH_DATA).", show_default=False)
]
PeerEnvironment = Annotated[
    Path | None,
    typer.Option(
        "--environment",
        help="Python environment for Avalanche, made where there is none.  [default: benchmarks/peers/.venv]",
        show_default=False,
    ),
]
SPEED_METHODS = ("finetuning", "ewc", "si", "mas", "anpyc", "hat", "lwf", "er", "derpp")


@app.command()
def gate(
    clean: Annotated[int, typer.Option(min=0, help="Runs of the whole check on unchanged code.")] = 20,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Plant the faults, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Does `clbench check` see planted faults, and pass unchanged code? Exit code 1 where it does not."""
    from tabulate import tabulate

    from benchmarks.gate import clean_runs, faults_found

    failed, every = False, []
    for rows, good in ((faults_found() if faults else (), "seen"), (clean_runs(clean), "passes")):
        for row in rows:
            failed |= not row[good]
            every.append(row)
            if not as_json:
                typer.echo(
                    tabulate([list(row.values())], tablefmt="plain", maxcolwidths=[None] * (len(row) - 1) + [90])
                )
    if as_json:
        typer.echo(json.dumps(every, indent=1))
    if failed:
        raise typer.Exit(1)


@app.command()
def speed(
    network: Annotated[
        str, typer.Option(help="Of classifiers, comma-separated: mlp, lenet, resnet18-small, vgg9, ...")
    ] = "mlp",
    stream: Annotated[
        str | None,
        typer.Option(
            help="Of all networks.  [default: permuted-mnist of mlp, split-mnist of lenet, else split-cifar10]",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Numbers of seeds trained at once, comma-separated.")] = "1,10",
    methods: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(SPEED_METHODS),
    parts: Annotated[
        str, typer.Option(help="What is measured, comma-separated: training, cores, start-up, memory.")
    ] = "training,cores,start-up,memory",
    tasks: Annotated[int, typer.Option(min=2, help="All but the first are timed.")] = 2,
    epochs: Annotated[int, typer.Option(min=1)] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Medians are taken over these.")] = 3,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Training images a task, at most; with --peers 500 of split-cifar10.", show_default=False
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images a step and seed.")] = 128,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the process.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="As of clbench train, of every training.", show_default=False)
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Whole processes in turn with Avalanche's, which is installed first.")
    ] = False,
    works: Annotated[
        str, typer.Option(help="With --peers, comma-separated.")
    ] = "finetuning,ewc,replay,split-cifar10",
    environment: PeerEnvironment = None,
    images: Annotated[
        bool, typer.Option("--images", help="Of images alone: their batches beside torchvision's DataLoader.")
    ] = False,
    gan: Annotated[
        str, typer.Option("--gan", metavar="NETWORK", help="Of the two players of a GAN alone: dcgan or mlp-gan.")
    ] = "",
    size: Annotated[int, typer.Option(min=8, help="With --images: their height and width.")] = 32,
    cores: Annotated[int, typer.Option(min=1, help="With --images: threads, and a DataLoader's workers.")] = 1,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """How fast clbench trains, beside a bare PyTorch loop, products, Avalanche; its start-up and memory."""
    if images:
        return image_speed(size, cores, repeats, limit, as_json)
    if gan:
        return gan_speed(gan, stream or "cgan-mnist", repeats, limit, data_root, as_json)
    if peers:
        return peer_speed(works, environment, repeats, limit, data_root, as_json)
    from benchmarks.speed import measure, show
    from benchmarks.speed.training import Setting

    setting = Setting(
        networks=tuple(network.split(",")),
        stream=stream,
        seeds=numbers_of(seeds, "--seeds"),
        methods=tuple(methods.split(",")),
        tasks=tasks,
        epochs=epochs,
        repeats=repeats,
        limit=limit,
        batch_size=batch,
        threads=threads,
        device=device,
        sets=tuple(set_ or ()),
        data_root=data_root,
    )
    found = measure.measured(setting, tuple(parts.split(",")), speaker(as_json))
    typer.echo(json.dumps(found, indent=1) if as_json else show.table(found))


def speaker(as_json: bool) -> Callable[[str], None]:
    """What says how far a measurement is."""
    return (lambda text: None) if as_json else (lambda text: typer.echo(text, err=True))


def numbers_of(words: str, option: str) -> tuple[int, ...]:
    """`1,10` -> (1, 10)."""
    if not all(number.isdecimal() and int(number) for number in words.split(",")):
        raise UserError(f"{option} {words!r}: whole numbers from 1 up, such as 1,10")
    return tuple(int(number) for number in words.split(","))


def peer_speed(
    works: str, environment: Path | None, repeats: int, limit: int | None, data_root: Path | None, as_json: bool
) -> None:
    """`speed --peers`."""
    from benchmarks.peers import race
    from benchmarks.peers.environment import DEFAULT

    setting = race.Setting(works.split(","), repeats, limit, data_root)
    found = race.measured(setting, environment or DEFAULT, speaker(as_json))
    typer.echo(json.dumps(found, indent=1) if as_json else race.table(found))


def gan_speed(
    network: str, stream: str, repeats: int, limit: int | None, data_root: Path | None, as_json: bool
) -> None:
    """`speed --gan NETWORK`."""
    from benchmarks import players

    found = players.measured(players.Setting(stream, network, repeats, limit or 1000, data_root))
    typer.echo(json.dumps(found, indent=1) if as_json else players.table(found))


def image_speed(size: int, cores: int, repeats: int, limit: int | None, as_json: bool) -> None:
    """`speed --images`."""
    from benchmarks.images import Setting, measured, table

    setting = Setting(size=size, cores=cores, repeats=repeats, **({"images": limit} if limit else {}))
    found = measured(setting, speaker(as_json))
    typer.echo(json.dumps(found, indent=1) if as_json else table(found))


@app.command()
def long(
    stream: Annotated[str, typer.Option(help="A permuted stream.")] = "permuted-digits",
    methods: Annotated[str, typer.Option(help="Comma-separated.")] = "ewc,si,mas,anpyc",
    parts: Annotated[
        str, typer.Option(help="What is measured, comma-separated: tasks, seeds, many-tasks.")
    ] = "tasks,seeds,many-tasks",
    tasks: Annotated[int, typer.Option(min=2, help="Of a long stream.")] = 100,
    many_tasks: Annotated[int, typer.Option(min=2, max=1000, help="Of a very long one.")] = 1000,
    seeds: Annotated[int, typer.Option(min=2, help="Trained at once, in one process.")] = 50,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Training images a task, at most.", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="As of clbench train.", show_default=False)
    ] = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Do time and memory stay as they are over 100 and 1,000 tasks, and with 50 seeds at once?"""
    from benchmarks.speed import long_streams

    setting = long_streams.Setting(
        stream, tuple(methods.split(",")), tasks, many_tasks, seeds, limit, tuple(set_ or ()), data_root
    )
    found = long_streams.measured(setting, tuple(parts.split(",")), speaker(as_json))
    typer.echo(json.dumps(found, indent=1) if as_json else long_streams.table(found))


@app.command()
def tune(
    search: Annotated[
        str | None,
        typer.Argument(help="A search of benchmarks/tuning.yaml, such as split-mnist-task.", show_default=False),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="One of its methods.  [default: all]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Records, trials, winners.  [default: the search's folder]", show_default=False),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the winners of all finished searches into clbench.toml.")
    ] = False,
    file: Annotated[Path, typer.Option(help="Of --write.")] = Path("clbench.toml"),
    data_root: DataRoot = None,
    allow_modified_data: AllowModified = False,
) -> None:
    """The searches behind the tuned values of clbench.toml, on validation data; runs what is missing."""
    if search is None and not write:
        raise UserError(
            "name a search of benchmarks/tuning.yaml, or put what was found into clbench.toml: --write"
        )
    if search is not None:
        from benchmarks.tune import tune as run_all

        run_all(search, method, data_root, out, allow_modified_data)
    if write:
        from benchmarks.tuned_values import write as write_all

        typer.echo("\n".join(write_all(file, out)))


@app.command()
def published(
    table: Annotated[
        str | None,
        typer.Option(
            help="One table of the figures, such as hsu.  [default: all that fit two cores]", show_default=False
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Of every row.  [default: as the figures say]", show_default=False)
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the runs.")] = 1,
    figures: Annotated[
        Path | None,
        typer.Option(help="What was published.  [default: benchmarks/published.yaml]", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Result files.  [default: benchmarks/published]", show_default=False)
    ] = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """clbench beside published numbers; runs what is missing. Exit code 1 if a row is apart and has no note."""
    from benchmarks.published import FIGURES, RECORD, Options, compared, text, unexplained

    options = Options(table, seeds, workers, data_root, figures or FIGURES, out or RECORD)
    found = compared(options)
    typer.echo(json.dumps(found, indent=1) if as_json else text(found, options.figures))
    if any(unexplained(rows) for rows in found.values()):
        raise typer.Exit(1)


@app.command()
def pages(
    write: Annotated[bool, typer.Option("--write", help="Put right what is not as printed.")] = False,
) -> None:
    """Are the tables on the pages of results those that are printed now? Exit code 1 where one is not."""
    from benchmarks.pages import parts, stale
    from benchmarks.pages import write as put_right

    found = put_right(parts()) if write else stale(parts())
    typer.echo("\n".join(map(str, found)) or "all as printed")
    if found and not write:
        raise typer.Exit(1)


@app.command()
def printed(as_json: AsJson = False) -> None:
    """Do tables I and II of the paper agree with its equations 10 to 12? What they imply of the first task."""
    from benchmarks.printed import implied, text

    found = implied()
    typer.echo(json.dumps(found, indent=1) if as_json else text(found))


@app.command()
def seeds(
    network: Annotated[str, typer.Option(help="mlp or lenet.")] = "mlp",
    numbers: Annotated[str, typer.Option(help="Numbers of seeds, comma-separated.")] = "1,3,5,10",
    batch: Annotated[int, typer.Option(min=1, help="Images a step and seed.")] = 128,
    steps: Annotated[int, typer.Option(min=1, help="Training steps a measurement.")] = 50,
    repeats: Annotated[int, typer.Option(min=1, help="Medians are taken over these.")] = 5,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of the process.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Samples per second of three ways to train several seeds of a network as one program."""
    from benchmarks.seeds import measured, table

    found = measured(network, [int(n) for n in numbers.split(",")], batch, steps, repeats, device, threads)
    typer.echo(json.dumps(found, indent=1) if as_json else table(found))


@app.command()
def per_sample(
    network: Annotated[str, typer.Option(help="A network of a classifier, of images of three colours.")] = "vgg9",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="OPTION=VALUE of the network.", show_default=False)
    ] = None,
    images: Annotated[int, typer.Option(min=2)] = 40,
    size: Annotated[int, typer.Option(min=8, help="Their height and width.")] = 32,
    repeats: Annotated[int, typer.Option(min=1, help="Medians are taken over these.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Ways to the sums of per-sample gradients of convolutions: images per second of each, on a CPU."""
    from benchmarks.per_sample import measured, table

    say = None if as_json else lambda text: typer.echo(text, err=True)
    found = measured(network, tuple(set_ or ()), images, size, repeats, say)
    typer.echo(json.dumps(found, indent=1) if as_json else table(found))


@app.command()
def fid(
    dataset: Annotated[str, typer.Option(help="A data set of labelled images.")] = "mnist",
    training: Annotated[int, typer.Option(min=20, help="Images that the LeNet learns.")] = 8000,
    images: Annotated[int, typer.Option(min=2, help="Of each of the two sets.")] = 10_000,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Seconds that FID-lenet takes on one core: its LeNet's training, features of two sets, their distance."""
    from benchmarks.fid import Setting, measured, table

    found = measured(Setting(dataset, training, images, data_root))
    typer.echo(json.dumps(found, indent=1) if as_json else table(found))


@app.command()
def sweeps(
    stream: Annotated[str, typer.Option()] = "split-mnist",
    method: Annotated[str, typer.Option(help="One with a strength lam.")] = "ewc",
    epochs: Annotated[int, typer.Option(min=1, help="Of every run whose time is taken.")] = 15,
    trials: Annotated[int, typer.Option(min=2, help="Runs whose time is taken, and the winner's.")] = 2,
    tiny: Annotated[int, typer.Option(min=50, help="Trials whose memory is looked at.")] = 500,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """What a sweep costs beside its trainings, and the memory of its driver over hundreds of trials."""
    from benchmarks.sweeps import Setting, measured, table

    found = measured(Setting(stream, method, epochs, trials, tiny, data_root))
    typer.echo(json.dumps(found, indent=1) if as_json else table(found))


@app.command()
def page(
    result: Annotated[Path, typer.Option(help="A result file; the pages are of copies of it.")] = Path(
        "benchmarks/results/three-epochs/permuted-mnist/anpyc-92e2067d6549.json"
    ),
    runs: Annotated[str, typer.Option(help="Comma-separated: of how many runs.")] = "1,32,200",
    repeats: Annotated[int, typer.Option(min=1, help="Medians are taken over these.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Size of the HTML page of many runs, and how soon Chromium can use it, at 1280 and 390 pixels."""
    from benchmarks.page import measured, table

    if not all(count.isdecimal() and int(count) for count in runs.split(",")):
        raise UserError(f"--runs {runs!r}: whole numbers from 1 up, such as 1,200")
    found = measured(result, [int(count) for count in runs.split(",")], repeats)
    typer.echo(json.dumps(found, indent=1) if as_json else table(found))


@app.command()
def kills(
    kills: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    stream: Annotated[str, typer.Option()] = "permuted-digits",
    method: Annotated[str, typer.Option()] = "anpyc",
    network: Annotated[str | None, typer.Option(help="[default: the stream's]", show_default=False)] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the run.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the moments at which to kill.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the run.")] = 1,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="As of clbench train.", show_default=False)
    ] = None,
    prune_lenet: Annotated[
        str | None,
        typer.Option(help="Arguments of a pruning study, to be killed instead of a training.", show_default=False),
    ] = None,
    subjects: Annotated[
        str | None,
        typer.Option(
            help="Make a table of these: all, or names of benchmarks/kills/subjects.py, comma-separated.",
            show_default=False,
        ),
    ] = None,
    victims: Annotated[str, typer.Option(help="What is killed: parent, worker, group.")] = "group",
    table_file: Annotated[
        Path | None, typer.Option("--table", help="Where to write the table as it grows.", show_default=False)
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to run.  [default: a temporary folder]", show_default=False)
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """Kill a run again and again, resume it, and compare it with one left alone; exit code 1 if they differ."""
    from benchmarks.kills.process import victims_of
    from benchmarks.kills.subjects import TRAINING, Subject, named
    from benchmarks.kills.survive import survive
    from benchmarks.kills.table import fill, table

    chosen = victims_of(victims)
    if subjects is not None:
        cells = fill(named(subjects), chosen, kills, seed, typer.echo, table_file)
        typer.echo(table(cells))
        raise typer.Exit(any(cell.faults for cell in cells.values()))
    command = "train" if prune_lenet is None else "prune-lenet"
    arguments = ["--method", method, "--stream", stream] if prune_lenet is None else shlex.split(prune_lenet)
    arguments += ["--network", network] if network and prune_lenet is None else []
    arguments += ["--seeds", str(seeds), "--workers", str(workers)]
    arguments += [word for text in set_ or () for word in ("--set", text)]
    arguments += ["--data-root", str(data_root.resolve())] if data_root else []
    subject = Subject(command, tuple(arguments), aims=(*TRAINING, "pruning"))
    tallies = [survive(subject, kills, seed, typer.echo, folder and folder / name, name) for name in chosen]
    if any(tally.faults for tally in tallies):
        raise typer.Exit(1)


@app.command()
def interrupts(
    tries: Annotated[int, typer.Option(min=1, help="How many runs are interrupted.")] = 75,
    stream: Annotated[str, typer.Option()] = "permuted-digits",
    method: Annotated[str, typer.Option()] = "ewc",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the run.")] = 2,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the run.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="As of clbench train.", show_default=False)
    ] = None,
) -> None:
    """Press Ctrl-C, once or twice, at random moments of a run; exit code 1 if one is lost or leaves a failure."""
    from benchmarks.interrupts import pressed, table

    arguments = ["train", "--method", method, "--stream", stream, "--seeds", str(seeds), "--workers", str(workers)]
    arguments += [word for text in set_ or () for word in ("--set", text)]
    tried = pressed(arguments, tries, seed, typer.echo)
    typer.echo(table(tried))
    if any(each.faults for each in tried):
        raise typer.Exit(1)


@app.command()
def fuzz(
    reader: Annotated[
        list[str] | None,
        typer.Option(help="One of those that the table names.  [default: all]", show_default=False),
    ] = None,
    executions: Annotated[int, typer.Option(min=1, help="Files that each reader is given.")] = 1000,
    engine: Annotated[
        str, typer.Option(help="hypothesis, or atheris, which is led by the lines it reaches.")
    ] = "hypothesis",
    seed: Annotated[int, typer.Option(min=0, help="Of the changes.")] = 0,
    kept: Annotated[Path, typer.Option(help="Folder for files that a reader fails on.")] = Path("fuzz-faults"),
    as_json: AsJson = False,
) -> None:
    """Changed and hostile files for all that reads one; exit code 1 if anything but a user's error comes."""
    from benchmarks.fuzz.readers import READERS
    from benchmarks.fuzz.run import ENGINES, measured, table
    from benchmarks.fuzz.run import as_json as as_objects
    from clbench.config.options import did_you_mean

    names = reader or list(READERS)
    for name, known in [*((name, READERS) for name in names), (engine, ENGINES)]:
        if name not in known:
            raise UserError(f"nothing called {name!r}; {did_you_mean(name, known)}")
    found = [
        measured(name, executions, engine, kept, lambda text: typer.echo(text, err=True), seed) for name in names
    ]
    typer.echo(json.dumps(as_objects(found), indent=1) if as_json else table(found))
    if any(one.faults for one in found):
        raise typer.Exit(1)


@app.command()
def damage(
    every: Annotated[int, typer.Option(min=1, help="Damage every so manieth byte; 1: each.")] = 1,
    as_json: AsJson = False,
) -> None:
    """A result, a record, a checkpoint, a network, damaged at every byte; exit code 1 if one is read wrongly."""
    from benchmarks.fuzz.damage import caught, files, table

    found = [caught(name, every) for name in files()]
    typer.echo(json.dumps([vars(one) for one in found], indent=1) if as_json else table(found))
    if faults := [fault for one in found for fault in one.faults]:
        typer.echo("\n".join(faults[:20]), err=True)
        raise typer.Exit(1)


@app.command()
def versions(
    which: Annotated[str, typer.Argument(help="oldest or newest.")] = "oldest",
    folder: Annotated[
        Path | None, typer.Option(help="The environment, made where there is none.  [default: a temporary one]")
    ] = None,
) -> None:
    """Run tests with the oldest or newest versions of what pyproject.toml declares (5 GB with PyPI's torch)."""
    import tempfile

    from benchmarks.versions import passes

    with tempfile.TemporaryDirectory(prefix="clbench-versions-") as temporary:
        if not passes(which, (folder or Path(temporary) / "v").resolve()):
            raise typer.Exit(1)


@app.command()
def mutation(
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Places to change, drawn at random.  [default: all]", show_default=False),
    ] = None,
    files: Annotated[
        str | None,
        typer.Option(help="Modules, such as strategies/,metrics.  [default: all]", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    names: Annotated[bool, typer.Option("--list", help="Name the mutants, test none.")] = False,
) -> None:
    """Share of small changes to the code that its tests see, and those that they do not; exit code 1 below 90%."""
    from benchmarks.mutation import mutants, run
    from benchmarks.mutation.modules import chosen

    drawn = mutants.sample(chosen(files), sample, seed)
    if names:
        return typer.echo("\n".join(map(str, drawn)))
    verdicts = list(run.run(drawn, lambda text: typer.echo(text, err=True)))
    typer.echo(run.summary(verdicts))
    if sum(verdict.seen_by is not None for verdict in verdicts) < 0.9 * len(verdicts):
        raise typer.Exit(1)


@app.command()
def peers(
    stream: Annotated[str, typer.Option(help="A split stream; split-digits needs no data.")] = "split-mnist",
    batch_size: Annotated[int, typer.Option(min=1, help="Images a batch, in training and importance.")] = 64,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Training images a task, at most.", show_default=False)
    ] = None,
    environment: PeerEnvironment = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep the numbers.  [default: nowhere]", show_default=False)
    ] = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """EWC's and LwF's numbers beside Avalanche's own, on the same weights and batches; exit code 1 if they differ.

    Avalanche is installed by pip, pinned, into an environment of its own (6 GB with PyPI's torch).
    """
    from benchmarks.peers import compare
    from benchmarks.peers.clbench_side import Setting
    from benchmarks.peers.environment import DEFAULT

    setting = Setting(stream, batch_size, limit, data_root)
    found = compare.measured(setting, environment or DEFAULT, folder, lambda text: typer.echo(text, err=True))
    typer.echo(json.dumps(compare.as_json(found), indent=1) if as_json else compare.table(found))
    if not found.equal:
        raise typer.Exit(1)


@app.command()
def methods(
    write: Annotated[bool, typer.Option("--write", help="Into clbench/strategies/README.md instead.")] = False,
) -> None:
    """The page of all methods from the code: definition, paper, what each keeps, where it works, options."""
    from benchmarks.methods import PAGE, page
    from clbench.results.atomic import write_whole

    if write:
        write_whole(PAGE, page().encode())
    else:
        typer.echo(page(), nl=False)


def main() -> None:
    try:
        app()
    except UserError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
