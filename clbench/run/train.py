"""The experiment of `clbench train`: a method through a stream, task after task."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clbench.config.options import options_of
from clbench.config.resolve import Config
from clbench.config.scenario import Scenario
from clbench.datasets import Images, load
from clbench.datasets.find import sha256_of
from clbench.errors import UserError
from clbench.learn.optimizers import new_optimizer
from clbench.learn.trainer import Trainer
from clbench.models.passes import Passes
from clbench.networks import pretrained
from clbench.registry import datasets, model_kind, models, networks, plugins_behind, strategies
from clbench.registry import streams as forms
from clbench.results import Result, Run, samples_path
from clbench.results.scored_stages import scored_after
from clbench.run import sample_sheets
from clbench.run.experiment import GOES_ON, Experiment, Scores, SeedGroup
from clbench.run.free_memory import seeds_that_fit
from clbench.run.machine import Machine
from clbench.strategies.base import Strategy
from clbench.streams.assemble import Common, assemble
from clbench.streams.budget import Budget
from clbench.streams.find import data_sets_of, is_list, own_file, place_of
from clbench.streams.shown import shown_as
from clbench.streams.task import Stream, Task


class StreamCache:
    """Data sets and the last stream, for who learns them again and again: `with stream_cache.kept(): ...`."""

    def __init__(self) -> None:
        self.keeping = 0  # how many ask for it
        self.last: tuple[Any, Stream | None] = (None, None)
        self.images: dict[Any, Images] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within one command, in which no file of data changes."""
        self.keeping += 1
        try:
            yield
        finally:
            self.keeping -= 1
            if not self.keeping:
                self.last, self.images = (None, None), {}

    def get(self, key: Any, build: Callable[[], Stream]) -> Stream:
        if not self.keeping:
            return build()
        if self.last[0] != key or self.last[1] is None:
            self.last = (None, None)  # before the next one is built, which may be as large
            self.last = (key, build())
        assert self.last[1] is not None
        return self.last[1]

    def read(self, name: str, machine: Machine, size: int | None = None, skip_broken: bool = False) -> Images:
        found = self.images.get((name, size, skip_broken)) or load(
            name,
            machine.data_root,
            download=machine.download,
            allow_modified=machine.allow_modified,
            size=size,
            skip_broken=skip_broken,
        )
        if self.keeping:
            self.images[name, size, skip_broken] = found
        return found


stream_cache = StreamCache()


def build_stream(config: Config, machine: Machine, device: torch.device) -> Stream:
    """The stream of a configuration, read from disk (or fetched); without test data where none is scored."""
    single = strategies[config.method].single_head and config.scenario == "task"
    scenario, tested = "domain" if single else config.scenario, config.score == "test"
    stream = stream_cache.get(
        (config.stream, config.stream_options, scenario, tested, machine.data_root, device, config.train.budget),
        lambda: stream_of(config, machine, device, scenario, tested),
    )
    bare = [task.name for task in stream.tasks if task.validation is None]
    if bare and (config.score == "validation" or (config.train.patience and config.train.stop_on == "validation")):
        share = config.stream_options["validation"]
        raise UserError(
            f"stream.validation={share} leaves task {bare[0]} no validation image, which --score validation and "
            "train.stop_on=validation need; --set stream.validation=0.1"
        )
    return stream


def stream_of(config: Config, machine: Machine, device: torch.device, scenario: Scenario, tested: bool) -> Stream:
    registered, data = place_of(config.stream)
    options = dict(config.stream_options)
    common = Common(**{name: options.pop(name) for name in Common.__dataclass_fields__})
    budget = Budget.of(config.train.budget)

    def images(name: str) -> Images:
        found = stream_cache.read(name, machine, common.size, common.skip_broken)
        return shown_as(found, common.size, common.channels, budget)

    what: Any = images
    if data is not None:
        what = [images(one) for one in data.split(",")] if is_list(registered) else images(data)
    parts = forms[registered](what, common.seed, **options)
    return assemble(config.stream, parts, common, scenario, device, tested, budget)


def build_trainer(
    config: Config, stream: Stream, seeds: tuple[int, ...], device: torch.device, download: bool = True
) -> Trainer:
    """Model, strategy and trainer of some of the configuration's seeds, before the first task.

    download: published weights that are not here; else NotHere.
    """
    weights = pretrained.weights_of(config.network, config.network_options, download)
    pretrained.refuse_pixels(config.network, config.network_options, config.stream_options["normalize"])

    def network() -> torch.nn.Module:
        return pretrained.build(config.network, stream.input_shape, config.network_options, weights)

    kind = models[model_kind(networks[config.network])]
    settings = kind.settings
    own = {} if settings is None else {"options": settings(**chosen(settings, config))}
    model = kind(network, stream, seeds, device, **own)
    strategy = strategies[config.method](**config.strategy_options)
    if config.train.score_every != 1 and "labels" not in model.offers:
        raise UserError(
            f"train.score_every={config.train.score_every}: what a generator paints is scored every time"
        )
    if problem := strategy.unfit(config.scenario, model) or strategy.untrainable(stream, config.train):
        raise UserError(f"{config.method} {problem}")
    strategy.start(model, stream)
    return Trainer(model, strategy, stream, config.train, budget=Budget.of(config.train.budget))


def chosen(settings: type, config: Config) -> dict[str, Any]:
    """The options of a kind of model, as they stand among the network's."""
    return {name: config.network_options[name] for name in options_of(settings)}


def weights_read(config: Config, machine: Machine) -> dict[str, str]:
    """File name -> sha256 of the weights that a configuration starts from, and of those that FID goes by."""
    found = pretrained.weights_of(config.network, config.network_options, machine.download)
    read = {} if found is None else {found.file.name: found.sha256}
    if (seen_by := fid_weights(config)) is not None:
        read[seen_by.name] = sha256_of(seen_by)
    return read


def fid_weights(config: Config) -> Path | None:
    """The user's own file of Inception's weights, if one is named."""
    named = config.network_options.get("fid_weights")
    return None if named is None else Path(named)


def plugins_of(config: Config) -> dict[str, str]:
    """File name -> sha256 of every plugin that the configuration uses."""
    model, stream = model_kind(networks[config.network]), place_of(config.stream)[0]
    names = {"method": config.method, "network": config.network, "model": model, "stream": stream}
    found = plugins_behind(**names)
    for data in data_sets_of(config.stream, config.stream_options):
        if data in datasets:  # a file of the user's is no code
            found |= plugins_behind(**{"data set": data})
    return found


@dataclass(frozen=True)
class Train(Experiment):
    """A method that learns a stream; a stage is a task, stage 0 the untrained network.

    search: how its hyper-parameters were chosen, for the result file.
    """

    config: Config
    search: dict[str, Any] | None = None

    first_kept = 1
    kind = "train"
    new_run = Run

    def seeds_at_once(self, machine: Machine, device: torch.device, processes: int) -> int:
        if self.config.train.seeds_at_once != "auto":
            return self.config.train.seeds_at_once
        stream = build_stream(self.config, machine, device)
        trainer = build_trainer(self.config, stream, self.config.seeds[:1], device)
        return max(1, seeds_that_fit(trainer, device) // processes)

    @property
    def name(self) -> str:
        return self.config.method

    @property
    def title(self) -> str:
        return f"{self.config.method} on {self.config.stream}"

    @property
    def own_file(self) -> bool:
        config = self.config
        weights = pretrained.own_file(config.network, config.network_options) or fid_weights(config) is not None
        return own_file(config.stream) or weights

    @property
    def plugins(self) -> dict[str, str]:
        return plugins_of(self.config)

    def checksums(self, machine: Machine, device: torch.device) -> dict[str, str]:
        return build_stream(self.config, machine, device).checksums | weights_read(self.config, machine)

    def result(self, machine: Machine, device: torch.device) -> Result:
        config = self.config
        stream = build_stream(config, machine, device)
        new_optimizer(config.train, [torch.zeros(1, requires_grad=True)])  # one that is unknown refuses here, as
        trainer = build_trainer(config, stream, config.seeds[:1], device, machine.download)  # does a method
        return Result(
            digest=config.digest,
            config=config.as_dict(),
            origins=config.origins,
            protocol=strategies[config.method].protocol,
            tasks=[task.name for task in stream.tasks],
            score=trainer.model.score,
            data=stream.checksums | weights_read(config, machine),
            runs=[],
            search=self.search,
        )

    def smaller(self, seeds: int) -> str:
        batch = self.config.train.batch_size
        fewer = f"--set train.seeds_at_once={(seeds + 1) // 2}, or auto, which changes no number"
        images = f"--set train.batch_size={batch // 2}"
        tries = [words for words, more in ((fewer, seeds > 1), (images, batch > 1)) if more]
        programs = f"{seeds} seeds at once and batches" if seeds > 1 else "one seed and batches"
        return f" with {programs} of {batch}; try {', or '.join(tries) or 'a smaller network'}; {GOES_ON}"

    def build(self, seeds: tuple[int, ...], machine: Machine, device: torch.device) -> Trainer:
        if self.config.train.seeds_at_once:
            gc.collect()  # the model of the group before, which holds itself in circles
        stream = build_stream(self.config, machine, device)
        return build_trainer(self.config, stream, seeds, device, machine.download)

    def plan(self, trainer: Trainer) -> list[int]:
        strategy, stream, train = trainer.strategy, trainer.stream, self.config.train
        seeds = len(trainer.model.seeds)
        each = [(task, train.passes(*strategy.fitted(task, stream))) for task in stream.tasks]
        return [0, *(round(strategy.samples(task, stream, epochs)) * seeds for task, epochs in each)]

    def learn_stage(self, group: SeedGroup, trainer: Trainer, stage: int, runs: list[Run]) -> bool:
        if stage == 0:
            self.score(group, trainer, runs, 0, 0.0, 0.0, {"images": 0, "forward": 0, "backward": 0})
        else:
            self.learn_task(group, trainer, trainer.stream.tasks[stage - 1], runs)
        return True

    def learn_task(self, group: SeedGroup, trainer: Trainer, task: Task, runs: list[Run]) -> None:
        before, start = trainer.trained, time.perf_counter()
        passes = copy(trainer.model.passes)
        trainer.model.seen = task.index + 1
        trainer.strategy.begin_task(trainer, task)
        trainer.strategy.learn(trainer, task)
        learned = time.perf_counter() - start
        if trainer.strategy.statistics == "per-task":
            trainer.model.keep_statistics(task.index)
        trainer.strategy.end_task(trainer, task)
        speed = (trainer.trained - before) * len(group.seeds) / max(learned, 1e-9)
        seconds, cost = time.perf_counter() - start, self.cost(trainer, task, passes)
        self.score(group, trainer, runs, task.index + 1, seconds, speed, cost)

    def cost(self, trainer: Trainer, task: Task, before: Passes) -> dict[str, int]:
        """Training images of a task, and how many passed forward and back since, of one seed."""
        now, seeds, joint = trainer.model.passes, len(trainer.model.seeds), trainer.strategy.protocol == "joint"
        images = trainer.strategy.fitted(task, trainer.stream)[0] if joint else len(task.train)
        return {
            "images": images if not joint or task.index == 0 else 0,
            "forward": round((now.forward - before.forward) / seeds),
            "backward": round((now.backward - before.backward) / seeds),
        }

    def name_of(self, stage: int) -> str:
        return f"task {stage}"

    def score(
        self,
        group: SeedGroup,
        trainer: Trainer,
        runs: list[Run],
        stage: int,
        seconds: float,
        speed: float,
        passes: dict[str, int],
    ) -> None:
        """A row of the matrix of every seed, and what the stage cost."""
        joint, seeds = trainer.strategy.protocol == "joint", len(group.seeds)
        parameters = trainer.model.parameters_at(len(trainer.stream.tasks) if joint else stage)
        state = trainer.strategy.numbers(stage) + trainer.model.numbers_kept()
        held = trainer.strategy.bytes(stage) + trainer.model.bytes_kept()
        told = all(len(run.state_bytes) == len(run.matrix) for run in runs)  # by an older clbench it was not
        counted = all(len(run.passes) == len(run.matrix) for run in runs)
        pruned, rows = self.pruned(trainer, runs, stage), self.rows(trainer, stage, runs)
        learned = trainer.stream.tasks[: trainer.model.seen]
        more = trainer.model.account(trainer, learned)
        group.record(
            trainer,
            runs,
            stage,
            seconds,
            speed,
            matrix=rows,
            network_parameters=[parameters] * seeds,
            state_parameters=[state] * seeds,
            **({"state_bytes": [held] * seeds} if told else {}),
            **({"passes": [passes] * seeds} if counted else {}),
            **({} if pruned is None else {"pruned": pruned}),
            **({} if more is None else {"samples": more}),
        )
        if more is not None and learned:
            self.show_samples(group, trainer, stage, learned, more)

    def show_samples(
        self, group: SeedGroup, trainer: Trainer, stage: int, learned: Sequence[Task], more: list[Any]
    ) -> None:
        """A picture of the samples of every seed, and a warning where something looks wrong with them."""
        for place, (seed, found) in enumerate(zip(group.seeds, more, strict=True)):
            if trainer.first_bad[place] < 0:
                sample_sheets.write(
                    samples_path(group.folder, stage, seed), trainer.model.grid(trainer, learned, place)
                )
            for words in found["warnings"]:
                warnings.warn(f"{self.config.method}, seed {seed}, {self.name_of(stage)}: {words}", stacklevel=2)

    def pruned(self, trainer: Trainer, runs: list[Run], stage: int) -> list[float] | None:
        """Share that each seed pruned; None where a method prunes nothing or an older clbench began the run."""
        share = trainer.strategy.pruned_share()
        if share is None or any(len(run.pruned) < len(run.matrix) for run in runs):
            return None
        return [round(s, 6) if stage else 0.0 for s in share.tolist()]

    def rows(self, trainer: Trainer, stage: int, runs: Sequence[Run] = ()) -> list[list[float | None]]:
        """Scores [seed][task] as the network is after a stage; None of tasks that are not scored then.

        runs: have the rows of the stages before; what the stage has not touched is taken from there.
        """
        tasks, seeds = trainer.stream.tasks, len(trainer.model.seeds)
        joint = trainer.strategy.protocol == "joint"
        chosen = scored_after(stage, len(tasks), 1 if joint else self.config.train.score_every)
        strategy = trainer.strategy
        asks = bool(runs) and type(strategy).untouched is not Strategy.untouched  # it takes a moment
        known = strategy.untouched(trainer.model, tasks[stage - 1]) if asks and stage else set()
        nothing: list[float | None] = [None] * seeds

        def column(task: Task) -> list[float | None]:
            if task.index not in chosen:
                return nothing
            rows = [run.matrix[stage - 1] if 0 < stage == len(run.matrix) else () for run in runs]
            same = asks and trainer.answers_as_before(task) and task.index in known
            before = [row[task.index] for row in rows] if same and all(rows) else nothing
            return self.scored(trainer, task) if None in before else before

        columns = [column(task) for task in tasks]
        return [[each[s] for each in columns] for s in range(seeds)]

    def scored(self, trainer: Trainer, task: Task) -> list[float | None]:
        return trainer.score(task, task.validation if self.config.score == "validation" else task.test)

    def score_again(self, group: SeedGroup, machine: Machine, stage: int, data: dict[str, str]) -> Scores:
        """Of every task; stage 0 is the untrained network."""
        trainer = self.build(group.seeds, machine, machine.prepare())
        require_same(trainer.stream.checksums | weights_read(self.config, machine), data)
        if stage > 0:
            group.load(trainer, stage)
        joint = trainer.strategy.protocol == "joint"
        trainer.model.seen = len(trainer.stream.tasks) if joint and stage else stage
        rows = self.rows(trainer, stage)
        return Scores(rows, trainer.model.account(trainer, trainer.stream.tasks[: trainer.model.seen]))


def require_same(checksums: dict[str, str], data: dict[str, str]) -> None:
    """UserError where what was read now is not what a run was made of."""
    if checksums != data:
        raise UserError(f"the data ({', '.join(checksums)}) is not that of the run; its sha256 differs")
