"""clbench merge: result files of one configuration, each with seeds of its own, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from clbench.errors import UserError
from clbench.results import AnyResult, SeedRun, find, load, none_found, save, settle
from clbench.results.differences import differing
from clbench.results.locks import locked

ALIKE = ("kind", "protocol", "tasks", "score", "layers", "output_parameters")  # fields, where a kind has them
# of a run: what it cost and where it was made, which is not the same on two machines
BESIDE = (
    "seconds",
    "samples_per_second",
    "importance_seconds",
    "peak_memory_bytes",
    "made_by",
    "together",
    "passes",
)
Loaded = list[tuple[Path, Any]]


@dataclass(frozen=True)
class Merged:
    """A file that was written, and what it was made of. checkpoints: their folders, which stay where they are."""

    file: Path
    result: AnyResult
    sources: list[Path]
    checkpoints: list[Path]


def merge(
    paths: Sequence[Path], output: Path | None = None, into: Path | None = None, accept_modified: bool = False
) -> list[Merged]:
    """The results in files and folders as one file `output`, or, by configuration, under their names below `into`.

    What is in the folder `into` already is joined too. UserError for results that are not of one configuration,
    data and code, for a seed that stands in two of them and differs, and where a file that is none of them is in
    the way; then nothing is written.
    """
    if (output is None) == (into is None):
        raise UserError("say where to: --output FILE for one configuration, or --into FOLDER for any number")
    given: Loaded = [(path, load(path, accept_modified)) for path in find(list(paths))]
    if not given:
        raise none_found(paths)
    targets: dict[Path, Loaded] = {}
    for path, result in given:
        target = output if output is not None else (into or Path()) / result.path
        targets.setdefault(target, []).append((path, result))
    with ExitStack() as locks:
        done = []
        for target, sources in targets.items():
            locks.enter_context(locked(target))
            done.append(made(target, with_target(target, sources, into is not None, accept_modified)))
        for one in done:
            save(one.result, one.file)
    return done


def with_target(target: Path, sources: Loaded, joined: bool, accept_modified: bool) -> Loaded:
    """The sources, and the file that is to be written over where it is to be joined."""
    if not target.exists() or target.resolve() in {path.resolve() for path, _ in sources}:
        return sources
    if not joined:
        raise UserError(
            f"{target}: is there already, and none of the files to merge; name it too, or another file"
        )
    return [(target, load(target, accept_modified)), *sources]


def made(target: Path, sources: Loaded) -> Merged:
    first, whole = sources[0]
    for path, result in sources[1:]:
        require_alike(first, whole, path, result)
        whole = replace(
            whole,
            runs=sorted(united(first, whole, path, result), key=lambda run: run.seed),
            makers={**whole.makers, **result.makers},
            modified=whole.modified or result.modified,
            started=min(whole.started, result.started),
            finished=max(whole.finished or "", result.finished or "") or None,
            **({"search": whole.search or result.search} if whole.kind == "train" else {}),
        )
    settle(whole)
    whole.finished = None if whole.status == "running" else whole.finished
    kept = [path.with_suffix("") for path, _ in sources if any(path.with_suffix("").glob("*.safetensors"))]
    own = target.resolve().with_suffix("")
    return Merged(target, whole, [path for path, _ in sources], [path for path in kept if path.resolve() != own])


def require_alike(first: Path, a: AnyResult, path: Path, b: AnyResult) -> None:
    if a.digest != b.digest:
        names = ", ".join(differing([a.config, b.config])[:8])
        raise UserError(f"{path}: is of another configuration than {first}: they differ in {names}")
    if a.data != b.data:
        names = ", ".join(sorted(name for name in {*a.data, *b.data} if a.data.get(name) != b.data.get(name)))
        raise UserError(f"{path}: was made of other data than {first}: {names} differ")
    for name in ALIKE:
        if getattr(a, name, None) != getattr(b, name, None):
            raise UserError(f"{path}: has another {name} than {first}, though its configuration is the same")
    if used(a) and used(b) and set(used(a).values()) != set(used(b).values()):
        names = ", ".join(sorted({*used(a), *used(b)}))
        raise UserError(f"{path}: was made with other code of a plugin than {first} ({names})")


def used(result: AnyResult) -> dict[str, str]:
    """File name -> sha256 of the plugins that made its stages."""
    keys = {key for run in result.runs for key in run.made_by}
    return {name: sha256 for key in keys for name, sha256 in result.makers[key].get("plugins", {}).items()}


def united(first: Path, a: AnyResult, path: Path, b: AnyResult) -> list[SeedRun]:
    """The runs of both; one that stands in both is that of the first."""
    known = {run.seed: run for run in a.runs}
    for run in b.runs:
        if run.seed in known and (names := unlike(known[run.seed], run)):
            raise UserError(
                f"{path}: seed {run.seed} is not the one in {first}: {', '.join(names)} differ; leave one file out"
            )
    return [*a.runs, *(run for run in b.runs if run.seed not in known)]


def unlike(a: SeedRun, b: SeedRun) -> list[str]:
    """In what is measured."""
    one, other = asdict(a), asdict(b)
    return [name for name in one if name not in BESIDE and one[name] != other[name]]
