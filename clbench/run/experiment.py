"""An experiment, and groups of its seeds: stage after stage, with a checkpoint after each to go on from."""

from __future__ import annotations

import gc
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from clbench.errors import UserError, out_of_memory
from clbench.learn.trainer import Trainer
from clbench.results import SeedRun, fields_of
from clbench.results.checks import run_fault
from clbench.results.digests import key_of
from clbench.run import checkpoint
from clbench.run.machine import Keep, Machine
from clbench.run.pace import Pace
from clbench.run.peak_memory import Peak
from clbench.run.provenance import Maker, made_here

GOES_ON = "what is finished is kept, and the same command goes on from there"


class Configuration(Protocol):
    """Everything that decides the numbers of a result, and the seeds asked for, which its digest knows not of."""

    @property
    def seeds(self) -> tuple[int, ...]: ...
    @property
    def digest(self) -> str: ...
    @property
    def path(self) -> Path: ...  # of the result, below the output folder
    def as_dict(self) -> dict[str, Any]: ...
    def values(self) -> dict[str, Any]: ...  # each by a name, of which `origins` says where it came from
    @property
    def origins(self) -> dict[str, str]: ...


class Stopped(Exception):
    """Raised in a group whose parent has heard enough of it; the stages done are kept."""


@dataclass(frozen=True)
class News:
    """What a group tells while it learns: samples since, of how many; after a stage runs and makers; a warning."""

    samples: int = 0
    total: int | None = None
    runs: list[Any] | None = None
    makers: dict[str, Maker] = field(default_factory=dict)
    warning: str | None = None


class Experiment(ABC):
    """What has a result file, and how its stages are learned: a method on a stream, or a pruning study.

    It knows of no file and no process. Seeds that are trained as one program are a SeedGroup of it.
    """

    first_kept: ClassVar[int] = 0  # the first stage that leaves a checkpoint
    kind: ClassVar[str]  # of its result
    new_run: ClassVar[Callable[..., Any]]  # the SeedRun of this kind of experiment

    config: Any  # a Configuration

    @property
    @abstractmethod
    def name(self) -> str:
        """In messages about its file."""

    @property
    @abstractmethod
    def title(self) -> str:
        """In messages about its progress."""

    @property
    def own_file(self) -> bool:
        """Whether its data is a file of the user's, which may change."""
        return False

    @property
    def plugins(self) -> dict[str, str]:
        """File name -> sha256 of those that its configuration uses."""
        return {}

    def seeds_at_once(self, machine: Machine, device: torch.device, processes: int) -> int:
        """Of how many seeds a group may be, at most, if so many groups are trained at a time; 0: of all.

        To find it out may take a while.
        """
        return 0

    @abstractmethod
    def checksums(self, machine: Machine, device: torch.device) -> dict[str, str]:
        """File name -> sha256 of the data that it reads."""

    @abstractmethod
    def result(self, machine: Machine, device: torch.device) -> Any:
        """A new result, without runs; UserError where the experiment cannot be made."""

    @abstractmethod
    def build(self, seeds: tuple[int, ...], machine: Machine, device: torch.device) -> Trainer:
        """The trainer of these seeds before the first stage."""

    @abstractmethod
    def plan(self, trainer: Trainer) -> list[int]:
        """Samples that each stage trains on, all seeds: how many stages there are, and for the time left."""

    @abstractmethod
    def learn_stage(self, group: SeedGroup, trainer: Trainer, stage: int, runs: list[Any]) -> bool:
        """Learn one stage and `group.record` it; whether it was learned here and not found done."""

    @abstractmethod
    def name_of(self, stage: int) -> str:
        """The stage in a message: 'task 3'."""

    @abstractmethod
    def score_again(self, group: SeedGroup, machine: Machine, stage: int, data: dict[str, str]) -> Scores:
        """Scores of a stage that is kept; UserError where the data's sha256 are not `data`."""

    def smaller(self, seeds: int) -> str:
        """What to try where so many seeds do not fit: the end of a sentence that begins with `out of memory`."""
        return f"; use fewer --workers or a smaller network; {GOES_ON}"

    def group(self, seeds: tuple[int, ...], folder: Path, digest: str | None = None) -> SeedGroup:
        """Some of its seeds as one program, with checkpoints in `folder`. digest: see SeedGroup."""
        return SeedGroup(self, seeds, folder, digest)


@dataclass(frozen=True)
class Scores:
    """rows: score [seed][task]. accounts: of each seed what a generator's samples gave, if it is one."""

    rows: list[list[float | None]]
    accounts: list[dict[str, Any]] | None = None


@dataclass
class SeedGroup:
    """Seeds of an experiment that are trained as one program, stage after stage, with their checkpoints."""

    experiment: Experiment
    seeds: tuple[int, ...]
    folder: Path
    digest: str | None = None  # of the stored configuration, which an older clbench may have written
    makers: dict[str, Maker] = field(default_factory=dict, init=False)  # of all its stages so far
    maker: str = field(default="", init=False)  # the key of this process
    peak: Peak | None = field(default=None, init=False)
    pace: Pace = field(default_factory=lambda: Pace(), init=False)  # of its checkpoints

    def new_run(self, **fields: Any) -> Any:
        return self.experiment.new_run(**fields)

    def learn(self, machine: Machine, tell: Callable[[News], None]) -> list[Any]:
        """Train to the end, from the last checkpoint if there is one. UserError where memory runs out."""
        try:
            return self.learned(machine, tell)
        except Exception as error:
            if not out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold what filled the memory, and others go on
            gc.collect()
            raise UserError(f"out of memory{self.experiment.smaller(len(self.seeds))}") from error

    def learned(self, machine: Machine, tell: Callable[[News], None]) -> list[Any]:
        device = machine.prepare()
        self.peak = Peak(device)
        self.made_by(made_here(machine.threads, device, self.experiment.plugins))
        trainer = self.experiment.build(self.seeds, machine, device)
        plan = self.experiment.plan(trainer)
        runs, done = self.resume(trainer)
        runs = runs or [self.new_run(seed=seed, together=list(self.seeds)) for seed in self.seeds]
        tell(News(sum(plan[:done]), sum(plan), runs, self.makers))
        trainer.progress = lambda samples: tell(News(samples * len(self.seeds)))
        for stage in range(done, len(plan)):
            if trainer.first_bad.ge(0).all():
                break  # every seed has diverged
            learned = self.experiment.learn_stage(self, trainer, stage, runs)
            last = stage == len(plan) - 1 or bool(trainer.first_bad.ge(0).all())
            if stage >= self.experiment.first_kept and (last or machine.keep == "all" or self.pace.due):
                with self.pace.writing():
                    self.keep_checkpoint(trainer, stage, runs, machine.keep)
            before: dict[str, Any] = {} if learned else {"samples": sum(plan[: stage + 1]), "total": sum(plan)}
            tell(News(**before, runs=runs, makers=self.makers))
        for run in runs:
            run.status = "done" if run.status == "running" else run.status
        if machine.keep != "all":  # an earlier start may have been killed before it removed one
            self.forget_checkpoints(spare=1 if machine.keep == "last" else 0)
        return runs

    def made_by(self, maker: Maker) -> None:
        """The stages to come are made by this process."""
        self.maker = key_of(maker)
        self.makers = {self.maker: maker}

    def record(
        self, trainer: Trainer, runs: list[Any], stage: int, seconds: float, speed: float, **lists: list[Any]
    ) -> None:
        """Append to every seed's lists what a stage gave and cost; `lists` has an entry a seed."""
        peak = self.peak.bytes() if self.peak else None
        for s, run in enumerate(runs):
            if run.status == "diverged":
                continue
            run.peak_memory_bytes = larger(run, peak)
            run.made_by.append(self.maker)
            for name, each in lists.items():
                getattr(run, name).append(each[s])
            run.seconds.append(round(seconds, 4))
            run.samples_per_second.append(round(speed, 1))
            if trainer.first_bad[s] >= 0:
                self.diverged(run, int(trainer.first_bad[s]), stage)

    def diverged(self, run: SeedRun, step: int, stage: int) -> None:
        run.status, run.step = "diverged", step
        at = self.experiment.name_of(stage)
        run.reason = f"the loss was not finite at step {step} ({at}); lower the rate or strength"

    # -- checkpoints ------------------------------------------------------------------------------------------

    def resume(self, trainer: Trainer) -> tuple[list[Any], int]:
        """The runs so far and the stages they have done: ([], 0) where nothing was kept.

        An unusable checkpoint gives way to the last one before it that is whole; UserError where none is.
        """
        kept = self.kept()
        damaged: dict[int, checkpoint.Damaged] = {}
        for stage in reversed(kept):
            try:
                runs = self.load(trainer, stage)
            except checkpoint.Damaged as why:
                damaged[stage] = why
                continue
            for later, found in damaged.items():
                kept[later].unlink(missing_ok=True)  # else it would be taken for the last of those to come
                at = self.experiment.name_of(stage)
                warnings.warn(f"{found.what}; goes on from the checkpoint after {at}", stacklevel=2)
            return runs, stage + 1
        if damaged:
            raise damaged[max(damaged)]
        return [], 0

    def load(self, trainer: Trainer, stage: int) -> list[Any]:
        path = self.kept()[stage]
        found = checkpoint.read(path)
        mine = self.belongs(stage)
        if {name: found.record.get(name) for name in mine} != mine:
            raise checkpoint.damaged(path, "it is of another configuration, stage or group of seeds")
        try:
            checkpoint.restore(trainer, found, path)
            runs, makers = found.record["runs"], found.record["makers"]
            if fault := run_fault(runs, self.experiment.kind) or (None if isinstance(makers, dict) else "makers"):
                raise ValueError(fault)
            self.makers |= makers
            return [self.new_run(**run) for run in runs]
        except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            if out_of_memory(error):
                raise
            raise checkpoint.damaged(path, " ".join(f"{type(error).__name__}: {error}".split())[:200]) from error

    def keep_checkpoint(self, trainer: Trainer, stage: int, runs: list[Any], keep: Keep) -> None:
        slots = {name: asdict(slot) for name, slot in trainer.model.slots.items()}
        found = {"runs": [fields_of(run) for run in runs], "makers": self.makers}
        record = {**self.belongs(stage), **found, "slots": slots}
        path = checkpoint.path_of(self.folder, stage, self.seeds)
        checkpoint.write(path, checkpoint.collect(trainer), record)
        if keep != "all":
            self.forget_checkpoints(spare=1)

    def belongs(self, stage: int) -> dict[str, Any]:
        """What a checkpoint says of whose it is."""
        return {"config": self.digest or self.experiment.config.digest, "stage": stage, "seeds": list(self.seeds)}

    def forget_checkpoints(self, spare: int) -> None:
        """Remove all but the last `spare`."""
        kept = list(self.kept().values())
        for path in kept[: len(kept) - spare]:
            path.unlink(missing_ok=True)

    def kept(self) -> dict[int, Path]:
        """Checkpoints by stage, in order."""
        return checkpoint.stages(self.folder, self.seeds)


def larger(run: SeedRun, peak: int | None) -> int | None:
    """The peak of a run that may have been gone on with; None where that of a part is not known."""
    unknown = peak is None or (run.seconds and run.peak_memory_bytes is None)
    return None if unknown else max(run.peak_memory_bytes or 0, peak or 0)
