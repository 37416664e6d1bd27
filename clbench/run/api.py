"""What Python and the command line call alike: names and options in, results out. torch when it trains."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from clbench.errors import UserError
from clbench.results import AnyResult, Result, find
from clbench.results import load as read

if TYPE_CHECKING:
    from clbench.config.resolve import Config
    from clbench.report.view import View
    from clbench.run.machine import Machine

DEVICES = ("auto", "cpu", "cuda")
KEPT = ("all", "last", "none")
Where = str | Path


class Keywords(TypedDict, total=False):
    """Those of `train`, for type checkers."""

    network: str | None
    scenario: str | None
    seeds: int | Iterable[int] | None
    score: str | None
    preset: str | None
    pretrained: Where | None
    set: Mapping[str, Any] | None
    config: Where | None
    out: Where
    force: bool
    workers: int | Literal["auto"]
    threads: int
    checkpoints: str
    device: str
    data_root: Where | None
    allow_modified_data: bool
    accept_modified: bool
    plugins: Where | Sequence[Where]
    quiet: bool


@overload
def train(method: str | None = None, stream: str | None = None, **more: Unpack[Keywords]) -> Result: ...
@overload
def train(
    method: list[str] | tuple[str, ...], stream: str | None = None, **more: Unpack[Keywords]
) -> list[Result]: ...
def train(
    method: str | list[str] | tuple[str, ...] | None = None,
    stream: str | None = None,
    *,
    network: str | None = None,
    scenario: str | None = None,
    seeds: int | Iterable[int] | None = None,
    score: str | None = None,
    preset: str | None = None,
    pretrained: Where | None = None,
    set: Mapping[str, Any] | None = None,
    config: Where | None = None,
    out: Where = "runs",
    force: bool = False,
    workers: int | Literal["auto"] = 1,
    threads: int = 1,
    checkpoints: str = "last",
    device: str = "auto",
    data_root: Where | None = None,
    allow_modified_data: bool = False,
    accept_modified: bool = False,
    plugins: Where | Sequence[Where] = (),
    quiet: bool = False,
) -> Result | list[Result]:
    """Train a method over a stream of tasks, as `clbench train` does: its result, of the seeds asked for.

    A list of methods gives a list of results. What is finished in `out` is loaded and not trained again, what was
    interrupted goes on; `force` starts afresh. Names, defaults and files are those of the command line.

    method, stream, network: names, as `clbench list` prints them. seeds: how many (from 0 up), or which ones.
    set: options by name, {"strategy.lam": 100, "train.epochs": 3} or {"train": {"epochs": 3}}. config: a YAML or
    TOML file, which arguments win over. plugins: Python files that register methods, streams, networks.
    workers: processes, or "auto"; a script that asks for several calls this under `if __name__ == "__main__":`.
    quiet: no progress on stderr.

    UserError: a name or value that is unknown, data that is not here, a training that failed. A training of which
    every seed diverged is a result with the status "diverged".
    """
    from clbench.config.files import options_given

    several = isinstance(method, list | tuple)
    processes = None if workers == "auto" else workers
    named = None if method is None else [method] if isinstance(method, str) else list(method)
    root, files = None if data_root is None else Path(data_root), each_path(plugins)
    get_ready(device, checkpoints, files)
    configs = configurations(
        named,
        stream,
        network=network,
        scenario=scenario,
        seeds=seeds_asked(seeds),
        score=score,
        preset=preset,
        pretrained=None if pretrained is None else str(pretrained),
        options=options_given(set or {}),
        file=None if config is None else Path(config),
    )
    if len(configs) > 1 and not several:
        raise UserError(
            f"{config} names {len(configs)} methods; method={[one.method for one in configs]} trains all"
        )
    with process_as_before():
        machine = machine_of(device, threads, root, allow_modified_data, files, checkpoints, accept_modified)
        done = [result for _, result in train_each(configs, Path(out), machine, processes, force, quiet)]
    return done if several else done[0]


def load(path: Where, accept_modified: bool = False) -> Result:
    """The result of a training from its file. UserError: no such file, another kind of file, a damaged one.

    accept_modified: read one that was changed outside clbench all the same.
    """
    found = read(Path(path), accept_modified)
    if not isinstance(found, Result):
        raise UserError(
            f"{path}: holds no training but a result of the kind {found.kind}; clbench.results.load reads it"
        )
    return found


def load_all(*paths: Where, accept_modified: bool = False) -> list[Result]:
    """The results of all trainings in files and folders, sorted by path; of `runs` where none is named."""
    files = find([Path(path) for path in paths or ("runs",)])
    return [result for file in files if isinstance(result := read(file, accept_modified), Result)]


def table(*results: AnyResult | Iterable[AnyResult], metrics: Sequence[str] | None = None) -> View:
    """Results side by side, one table a stream: print it, or end a notebook's cell with it.

    metrics: columns, as `clbench list metrics` names them; UserError for one that is unknown.
    """
    from clbench.report.view import View

    each = [one for given in results for one in ([given] if isinstance(given, AnyResult) else given)]
    if not each:
        raise UserError("a table is of one result at least")
    return View.of(each, None if metrics is None else list(metrics))


# -- what the command line calls too --------------------------------------------------------------------------


def get_ready(device: str, checkpoints: str, plugins: Sequence[Path]) -> None:
    """UserError for words that are unknown; plugins are loaded, so that their names are known."""
    from clbench.config.options import did_you_mean
    from clbench.registry import load_plugin

    if device not in DEVICES:
        named = "cuda" if device.lower().startswith(("gpu", "nvidia")) else device
        raise UserError(f"--device {device!r}: {did_you_mean(named, DEVICES)}")
    if checkpoints not in KEPT:
        raise UserError(f"--checkpoints {checkpoints!r}: {did_you_mean(checkpoints, KEPT)}")
    for path in plugins:
        load_plugin(path)


def machine_of(
    device: str,
    threads: int,
    data_root: Path | None,
    allow_modified: bool,
    plugins: Sequence[Path],
    checkpoints: str = "last",
    accept_modified: bool = False,
) -> Machine:
    """Where and how runs execute; UserError as in `get_ready`."""
    get_ready(device, checkpoints, plugins)
    from clbench.run.machine import Machine

    return Machine(device, threads, data_root, allow_modified, accept_modified, tuple(plugins), checkpoints)  # type: ignore[arg-type]


def configurations(
    methods: list[str] | None,
    stream: str | None = None,
    *,
    seeds: tuple[int, ...] | None = None,
    options: Mapping[str, Any],
    pretrained: str | None = None,
    file: Path | None = None,
    **names: str | None,
) -> list[Config]:
    """One of each method; UserError for whatever is unknown. options: a table a section."""
    from clbench.config.files import Layer, read_file
    from clbench.config.resolve import resolve_each

    asked = [Layer("--set", dict(options))]
    if pretrained is not None:
        asked.append(Layer("--pretrained", {"network": {"pretrained": pretrained}}))
    given = None if file is None else read_file(file)
    return resolve_each(methods, file=given, stream=stream, seeds=seeds, asked=asked, **names)


def train_each(
    configs: Sequence[Config],
    out: Path,
    machine: Machine,
    workers: int | None,
    force: bool,
    silent: bool,
    cluster: tuple[str | None, float, float] = (None, 1.0, 0.0),
) -> list[tuple[Path, Result]]:
    """Every configuration's file and result; progress on stderr unless `silent`.

    workers: None: as many as cores and memory allow. cluster: Ray's address, cores and GPUs a group of seeds.
    """
    from clbench.run.progress import watching
    from clbench.run.ray import executor
    from clbench.run.schedule import run_all

    with watching(silent) as watch, executor(*cluster, workers) as runs_on:
        return run_all(configs, out, machine, runs_on, force=force, watch=watch)


def seeds_asked(seeds: int | Iterable[int] | None) -> tuple[int, ...] | None:
    """0 to N-1 of a number N, others as they are; UserError for what can be no seeds. None: not said."""
    from clbench.config.files import native
    from clbench.config.resolve import checked_seeds, first_seeds

    asked = native(seeds)
    if asked is None:
        return None
    if isinstance(asked, int) and not isinstance(asked, bool):
        return first_seeds(asked, "seeds")
    if not isinstance(asked, Iterable) or isinstance(asked, str) or not (found := tuple(asked)):
        raise UserError(f"seeds: expected how many, or a list of some, got {asked!r}")
    return checked_seeds(found, "seeds")


def each_path(given: Where | Sequence[Where]) -> tuple[Path, ...]:
    return tuple(Path(path) for path in ([given] if isinstance(given, str | Path) else given))


@contextlib.contextmanager
def process_as_before() -> Iterator[None]:
    """What a run sets for its process, threads of torch and BLAS and the flushing of subnormals, is put back."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    flushes = not (torch.full((1,), 1e-310, dtype=torch.float64) * 0.5).any()
    try:
        with threadpool_limits(None):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(bool(flushes))
