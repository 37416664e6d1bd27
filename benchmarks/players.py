"""A GAN trained by clbench beside a bare PyTorch loop of the same two players: one process, one thread.

Each timing of clbench stands between two of the bare loop, and is divided by their mean. Both train one epoch of a
digit from a new optimiser, on the same images; the bare loop is what one would write for one seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor
from torch.nn import functional as F

from benchmarks.speed.clock import Clock
from clbench.config.resolve import resolve
from clbench.learn.optimizers import new_optimizer
from clbench.learn.trainer import Trainer
from clbench.registry import networks
from clbench.run.machine import Machine
from clbench.run.train import build_stream, build_trainer
from clbench.streams.task import Task

TARGET = 0.9  # images per second, as a share of the bare loop's
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setting:
    stream: str = "cgan-mnist"
    network: str = "dcgan"
    repeats: int = 5
    limit: int | None = 1000  # images of the digit
    data_root: Path | None = None


def measured(setting: Setting) -> dict[str, Any]:
    """What `table` and --json show."""
    machine = Machine("cpu", threads=1, data_root=setting.data_root)
    machine.prepare()
    sets = ["stream.tasks=2", "train.epochs=1", *([f"stream.limit={setting.limit}"] if setting.limit else [])]
    config = resolve("finetuning", setting.stream, network=setting.network, sets=tuple(sets))
    stream = build_stream(config, machine, CPU)
    trainer = build_trainer(config, stream, (0,), CPU)
    trainer.model.seen = 1
    bare = Bare(trainer, stream.tasks[0], setting.network)
    for warming in (bare.epoch, lambda: trainer.fit(stream.tasks[0])):
        warming()
    ratios, speeds = [], []
    before = bare.epoch()
    for _ in range(setting.repeats):
        start = Clock.now()
        trainer.fit(stream.tasks[0])
        spent = Clock.now() - start
        after = bare.epoch()
        ratios.append((before + after).over(spent, 0.5))
        speeds.append((len(bare.images) / spent.wall, len(bare.images) / after.wall))
        before = after
    return {
        "network": setting.network,
        "images_per_second": median(ours for ours, _ in speeds),
        "bare_images_per_second": median(theirs for _, theirs in speeds),
        "ratio": median(r.wall for r in ratios),
        "ratio_of_processor_time": median(r.cpu for r in ratios),
        "target": TARGET,
    }


class Bare:
    """The same two players, losses and optimisers, written down for one seed."""

    def __init__(self, trainer: Trainer, task: Task, network: str) -> None:
        self.options, self.rate = trainer.options, trainer.model.options.critic_rate
        self.images = 2 * task.train.take(torch.arange(len(task.train))) - 1
        self.pair = networks[network](trainer.stream.input_shape)
        classes = trainer.stream.outputs
        self.tables = [
            [torch.randn(classes, w).mul(0.1).requires_grad_() for w in one.takes] for one in self.players
        ]
        self.c = F.one_hot(torch.zeros(len(self.images), dtype=torch.int64), classes).float()

    @property
    def players(self) -> tuple[Any, Any]:
        return self.pair.painter, self.pair.critic

    def epoch(self) -> Clock:
        start = Clock.now()
        painter, critic = self.players
        of_painter = new_optimizer(self.options, [*painter.parameters(), *self.tables[0]])
        of_critic = new_optimizer(self.options, [*critic.parameters(), *self.tables[1]], self.rate)
        for rows in torch.randperm(len(self.images)).split(self.options.batch_size):
            real, c = self.images[rows], self.c[rows]
            with torch.no_grad():
                fake = self.painted(c)
            said = critic(torch.cat([real, fake]), [torch.cat([c, c]) @ table for table in self.tables[1]])
            loss = (F.softplus(-said[: len(real)]) + F.softplus(said[len(real) :])).mean()
            of_critic.zero_grad()
            loss.backward()
            of_critic.step()
            for p in critic.parameters():
                p.requires_grad_(False)
            loss = F.softplus(-critic(self.painted(c), [c @ table.detach() for table in self.tables[1]])).mean()
            of_painter.zero_grad()
            loss.backward()
            of_painter.step()
            for p in critic.parameters():
                p.requires_grad_(True)
        return Clock.now() - start

    def painted(self, c: Tensor) -> Tensor:
        z = torch.randn(len(c), self.pair.latent)
        return self.pair.painter(z, [c @ table for table in self.tables[0]])


def table(found: dict[str, Any]) -> str:
    rows = [
        [
            "clbench",
            f"{found['images_per_second']:.0f}",
            f"{found['ratio']:.2f}",
            f"{found['ratio_of_processor_time']:.2f}",
        ],
        ["bare loop", f"{found['bare_images_per_second']:.0f}", "1", "1"],
    ]
    reached = "reached" if found["ratio"] >= TARGET else "missed"
    words = f"target: at least {TARGET} of the bare loop, {reached}"
    return (
        tabulate(rows, [f"{found['network']}, one seed", "images/s", "ratio", "of processor time"])
        + "\n\n"
        + words
    )
