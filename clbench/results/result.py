"""Result files: one JSON a configuration, written whole, validated when read. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import clbench
from clbench.errors import UserError
from clbench.results import jsonfile
from clbench.results.digests import digest, place_of, seal
from clbench.results.statuses import status_of
from clbench.results.upgrades import UPGRADES
from clbench.scores import ACCURACY, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from clbench.report.view import View

SCHEMA_VERSION = 2
NOT_PUBLISHED = "(not the published file)"  # ends the name of a file, in `data`, that was read in its place
SHEET = 8  # samples of a class in the picture of a stage
Raw = dict[str, Any]


@dataclass
class SeedRun:
    """What one seed did, of any kind of result. Lists over stages have one entry a stage reached."""

    seed: int
    status: str = "running"  # running | done | diverged | failed
    reason: str | None = None  # why it diverged or failed, else None
    step: int | None = None  # optimiser step, counted from the beginning, at which it diverged
    seconds: list[float] = field(default_factory=list)  # wall time of training a stage
    samples_per_second: list[float] = field(default_factory=list)
    peak_memory_bytes: int | None = None  # while it was trained; None: not to be told from earlier runs
    made_by: list[str] = field(default_factory=list)  # the key in the result's `makers`
    together: list[int] = field(default_factory=list)  # the seeds trained in one program with this one


@dataclass
class Run(SeedRun):
    """One seed of a method on a stream; stage t is after t tasks, stage 0 untrained."""

    matrix: list[list[float | None]] = field(default_factory=list)  # R[stage][task], of the result's score
    network_parameters: list[int] = field(default_factory=list)  # network with the heads of the tasks seen
    state_parameters: list[int] = field(default_factory=list)  # numbers the method keeps beside the network
    state_bytes: list[int] = field(default_factory=list)  # what these take; empty: made before it was kept
    passes: list[dict[str, int]] = field(
        default_factory=list
    )  # images of a stage, and how many passed forward and backward; empty: made before they were counted
    pruned: list[float] = field(default_factory=list)  # share of weights zeroed in each stage, if it prunes
    chosen: list[Raw] = field(
        default_factory=list
    )  # of a continual search: what each task chose, and what it tried
    samples: list[Raw] = field(default_factory=list)  # of a generator: what its samples are like at each stage


@dataclass
class PrunedRun(SeedRun):
    """One seed of a pruning study; stage 0 is the trained network, stage r after r rounds."""

    accuracy: list[float | None] = field(default_factory=list)  # on test images, shares in 0..1
    survivors: list[list[int]] = field(default_factory=list)  # [stage][layer], in the order of the result's layers
    importance_seconds: list[float] = field(default_factory=list)  # part of `seconds`; stage 0: 0


@dataclass(kw_only=True)
class AnyResult:
    """What every result file holds, beside its sha256. `config` is the configuration verbatim; metrics are never
    stored, and the seeds are those of the runs.

    makers: what made stages: versions, device, plugins, by the key that runs name. modified: whether the file was
    once changed outside clbench, and read all the same.
    """

    digest: str
    config: dict[str, Any]
    data: dict[str, str]  # file name -> sha256 of what was read
    runs: list[Any]
    makers: dict[str, Raw] = field(default_factory=dict)
    modified: bool = False
    status: str = "running"
    reason: str | None = None
    started: str = ""
    finished: str | None = None
    origins: dict[str, str] | None = None  # value of the configuration -> where it came from: origins.py
    kind: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    @property
    def path(self) -> Path:
        """Where it lies below a folder of results."""
        raise NotImplementedError

    def news(self, runs: list[Any]) -> str:
        """In a few words how far these of its runs have come."""
        raise NotImplementedError


@dataclass(kw_only=True, repr=False)
class Result(AnyResult):
    """Of `clbench train`. A notebook shows its table."""

    protocol: str  # sequential | joint (all tasks at once in stage 1)
    tasks: list[str]
    runs: list[Run]
    score: Score = ACCURACY  # what the matrices hold
    search: Raw | None = None  # how its hyper-parameters were chosen, if `clbench sweep` did
    kind: str = "train"

    def __post_init__(self) -> None:
        """Classes in the order in which they are learned; a file keeps names in that of the alphabet."""
        for run in self.runs:
            run.samples = [
                {
                    key: dict(sorted(value.items(), key=lambda item: self.place_of_class(item[0])))
                    if isinstance(value, dict)
                    else value
                    for key, value in entry.items()
                }
                for entry in run.samples
            ]

    def place_of_class(self, name: str) -> tuple[int, int]:
        """Its task and its place there: '3', or of a task of several classes '3' of '2/3', or NAME[1]."""
        for number, task in enumerate(self.tasks):
            parts = [task] if name == task else task.split("/")
            if name in parts:
                return number, parts.index(name)
            inner = name.removeprefix(f"{task}[").removesuffix("]")
            if name == f"{task}[{inner}]" and inner.isdecimal():
                return number, int(inner)
        return len(self.tasks), 0

    @property
    def path(self) -> Path:
        return place_of(self.config["stream"]["name"], self.config["method"], self.digest)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """R, float64 [seeds, stages, tasks]: R[s, t, k] is the score on task k after t tasks, of seed `seeds[s]`.

        R[:, 0] is the untrained network. In the score's own numbers: accuracy is a share in 0..1 (`score.factor`
        makes percent of it). NaN stands for what is not there: stages that a seed did not reach, as it goes on or
        diverged, and scores that were not finite. Of joint training stage 1 is after all tasks at once.
        """
        import numpy as np

        found = np.full((len(self.runs), len(self.tasks) + 1, len(self.tasks)), np.nan)
        for each, run in zip(found, self.runs, strict=True):
            for row, scores in zip(each, run.matrix, strict=False):
                row[:] = scores  # None becomes NaN
        return found

    def table(self, metrics: list[str] | None = None) -> View:
        """ACC, BWT, FWT, SMT and the like, mean and standard deviation over seeds; `metrics` names others.

        Several results in one table: `clbench.table`.
        """
        return clbench.table(self, metrics=metrics)

    def __repr__(self) -> str:
        what = f"{self.config['method']} on {self.config['stream']['name']}"
        return f"<Result {what}: {self.status}, seeds {self.seeds}, {self.news(self.runs)}>"

    def _repr_markdown_(self) -> str:
        return self.table()._repr_markdown_()

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def news(self, runs: list[Run]) -> str:
        """'ACC 93.1 after task 3': over the tasks learned so far (joint: all), mean of the seeds that go on."""
        joint = self.protocol == "joint"
        rows = [run.matrix[-1] for run in runs if run.matrix and run.status != "diverged"]
        stage = max((len(run.matrix) for run in runs), default=1) - 1
        values = [v for row in rows for v in (row if joint and stage else row[:stage]) if v is not None]
        learned = "of all tasks at once" if joint else f"after task {stage}"
        if not values:
            return "untrained"
        if not joint and any(None in row[:stage] for row in rows):
            newest = [row[stage - 1] for row in rows if row[stage - 1] is not None]
            mean = self.score.factor * sum(v for v in newest if v is not None) / max(len(newest), 1)
            return f"task {stage} alone at {mean:.2f}"
        return f"{self.score.mean_name} {self.score.factor * sum(values) / len(values):.2f} {learned}"


@dataclass(kw_only=True)
class PruningResult(AnyResult):
    """Of `clbench prune-lenet`. `layers` are those that are pruned, and their weights: 'layer1 W' -> 800."""

    layers: dict[str, int]
    output_parameters: int  # of the output layer, which is never pruned and, as in the paper, not counted
    runs: list[PrunedRun]
    kind: str = "pruning"

    @property
    def path(self) -> Path:
        return place_of(self.config["dataset"], self.config["pruning"]["importance"], self.digest, "prune-lenet")

    def news(self, runs: list[PrunedRun]) -> str:
        """'accuracy 98.87 at 5.0x after round 1': mean of the seeds that go on."""
        going = [run for run in runs if run.accuracy and run.accuracy[-1] is not None and run.status != "diverged"]
        if not going:
            return "untrained"
        accuracy = sum(run.accuracy[-1] or 0.0 for run in going) / len(going)
        left = sum(sum(run.survivors[-1]) for run in going) / len(going)
        round_ = len(going[0].accuracy) - 1
        where = f"at {sum(self.layers.values()) / max(left, 1):.1f}x after round {round_}" if round_ else "trained"
        return f"accuracy {100 * accuracy:.2f} {where}"


KINDS: dict[str, tuple[type[AnyResult], type[SeedRun]]] = {
    "train": (Result, Run),
    "pruning": (PruningResult, PrunedRun),
}


R = TypeVar("R", bound=AnyResult)


def settle(result: AnyResult) -> None:
    """Its status and reason out of those of its runs; while one is running, so is the whole."""
    result.status, result.reason = status_of(run.status for run in result.runs), None
    if result.status != "running":
        result.reason = next((run.reason for run in result.runs if run.reason), None)


def of_seeds(result: R, seeds: Iterable[int]) -> R:
    """The result as if it had these of its seeds alone."""
    chosen = set(seeds)
    found = replace(result, runs=[run for run in result.runs if run.seed in chosen])
    settle(found)
    return found


def samples_path(folder: Path, stage: int, seed: int) -> Path:
    """The picture of what a generator of one seed paints after `stage` tasks, a row a class, in a run's folder."""
    return folder / "samples" / f"stage-{stage:03d}-seed-{seed}.png"


def as_fields(result: AnyResult) -> Raw:
    """As `asdict` gives it, but for copies: of a matrix of a thousand tasks they cost more than to train one."""
    raw = {f.name: getattr(result, f.name) for f in fields(result)}
    raw |= {name: asdict(value) for name, value in raw.items() if isinstance(value, Score)}
    return raw | {"runs": [fields_of(run) for run in result.runs]}


def fields_of(run: SeedRun) -> Raw:
    """Its lists themselves, by name."""
    return {f.name: getattr(run, f.name) for f in fields(run)}


def save(result: AnyResult, path: Path) -> None:
    """Write the whole file or none of it; UserError if the disk refuses. Equal results give equal bytes."""
    raw = as_fields(result)
    jsonfile.write({**raw, "sha256": seal(raw)}, path)


def load(path: Path, accept_modified: bool = False) -> Any:
    """The result in a file, of the class of its kind; UserError names the file and the field that is wrong.

    accept_modified: read a file that does not agree with its sha256 all the same; the result is `modified`.
    """
    from clbench.results import checks as result_checks  # jsonschema is slow to import, and saving does without it

    raw = _taken(path)
    fault = version_fault(raw, SCHEMA_VERSION, UPGRADES) or result_checks.fault(raw)
    sealed = raw["sha256"] if not fault and "sha256" in raw else None
    intact = sealed is None or sealed == seal(raw)
    if not fault:
        raw = _upgraded(raw)
        fault = next(result_checks.inconsistencies(raw), None)
    if not fault and raw["digest"] != (expected := digest(raw["config"])):
        fault = f"digest: {raw['digest']!r} is not that of the config ({expected!r}); the file was edited"
    if not fault and not intact and not accept_modified:
        fault = "sha256: its contents do not agree with it, so it was changed since clbench wrote it; put the "
        fault += "original back, or read it all the same with --accept-modified, which marks its tables"
    if fault:
        raise UserError(f"{path}: {fault}")
    return _built({**raw, "modified": raw["modified"] or not intact})


def _built(raw: Raw) -> AnyResult:
    whole, run = KINDS[raw["kind"]]
    fields = {name: value for name, value in raw.items() if name != "sha256"}
    if "score" in fields:
        fields["score"] = Score(**fields["score"])
    return whole(**{**fields, "runs": [run(**each) for each in raw["runs"]]})


WRITERS = {"train": "`clbench train`", "pruning": "`clbench prune-lenet`"}


def none_found(paths: Iterable[Path], *kinds: str) -> UserError:
    """The error where paths hold no result of these kinds (of any): what was looked for, and what writes it."""
    which = "results" if len(kinds) != 1 else f"results of the kind {kinds[0]}"
    writers = [WRITERS[kind] for kind in kinds or WRITERS]
    return UserError(
        f"no {which} in {', '.join(map(str, paths)) or 'no paths'}; "
        f"{' and '.join(writers)} write{'s' * (len(writers) == 1)} them"
    )


TRIALS = "_trials"  # the folder, beside those of streams, of what sweeps try; no stream may be called so


def find(paths: list[Path]) -> list[Path]:
    """Files as given and, sorted, the result files in the folders given; each once.

    Trials of sweeps are left out, unless the path given leads into their folder.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not os.path.exists(path):  # unlike Path.exists, says no to names that cannot be
            raise UserError(f"{path}: no such file or folder")
        inside = sorted(_results_in(path)) if path.is_dir() else [path]
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _results_in(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.json"):
        if TRIALS not in path.relative_to(folder).parts and _is_result(path):
            yield path


def _is_result(path: Path) -> bool:
    """Whether the file is a result, or was one before it was damaged: that is reported, not skipped."""
    from clbench.results import checks as result_checks

    if not path.is_file():
        return False
    try:
        raw = jsonfile.read(path)
    except UserError:
        return '"schema_version"' in jsonfile.text(path, errors="replace")
    found = isinstance(raw, dict) and raw.get("kind") in list(result_checks.KINDS)
    if found and len(_seen) < SEEN:
        _seen[path] = (_stamp(path), raw)
    return found


SEEN = 2000  # parsed files that are kept from `find` to `load`
_seen: dict[Path, tuple[Any, Any]] = {}


def _taken(path: Path) -> Any:
    """What `find` has parsed a moment ago, once, if the file is still the same; else what it says now."""
    stamp, raw = _seen.pop(path, (None, None))
    return raw if stamp is not None and stamp == _stamp(path) else jsonfile.read(path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def version_fault(raw: Any, newest: int, upgrades: Container[int]) -> str | None:
    """Whether this program has never heard of the schema, which is the newest or one that can be upgraded."""
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        return None  # the checks say what is wrong
    if version > newest:
        return (
            f"schema_version: {version} was written by a newer clbench (this one reads up to {newest}); "
            "upgrade clbench"
        )
    if version < newest and version not in upgrades:
        return f"schema_version: {version} is not one that clbench ever wrote"
    return None


def _upgraded(raw: Raw) -> Raw:
    """The same content in today's schema, one version a step."""
    while raw["schema_version"] < SCHEMA_VERSION:
        raw = {**UPGRADES[raw["schema_version"]](raw), "schema_version": raw["schema_version"] + 1}
    return raw
