"""A VAE that learns beside a classifier, from the images that it is shown: what paints for generative replay."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.learn.optimizers import KeptOptimizer, NewOptimizer, uncompiled
from clbench.models.base import Model
from clbench.models.params import copies
from clbench.models.vae import VAE, Variational
from clbench.networks.mlp_vae import MLPVAE
from clbench.streams.task import Batch

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

NAMES = "painter"  # before the names of its parameters, among those of the classifier's


class Painter:
    """Fully connected, one latent layer for all tasks; of the same seeds as the classifier."""

    def __init__(self, model: Model, hidden: tuple[int, ...], latent: int) -> None:
        stream, settings = model.stream, Variational(latent_per_task=False)

        def network() -> MLPVAE:
            return MLPVAE(stream.input_shape, hidden, latent)

        self.vae = VAE(network, stream, model.seeds, model.device, settings)
        self.vae.passes = model.passes  # what it costs is the method's

    def begin(self, trainer: Trainer, rate: float) -> None:
        """Before a task. The optimiser starts anew, or goes on where that of training does."""

        def adam(params: list[Tensor]) -> torch.optim.Optimizer:
            return uncompiled(torch.optim.Adam)(params, lr=rate)

        self.vae.noise.generators = trainer.generators("noise of the painter")
        self.vae.precision = trainer.model.precision
        named = {f"{NAMES}.{name}": p for name, p in self.vae.params.items()}
        kept = trainer.options.keep_optimizer
        self.optimizer = KeptOptimizer(named, adam, trainer.optimizer_state) if kept else NewOptimizer(named, adam)

    def step(self, active: Tensor, batch: Batch) -> None:
        """One step on the images of a batch; seeds that are not active, bool [S], stay where they are."""
        vae, everyone = self.vae, bool(active.all())
        vae.active = active
        held = {} if everyone else copies(vae.params)
        loss = vae.loss(vae(vae.inputs(batch), batch.task), batch)
        self.optimizer.clear()
        loss[active].sum().backward()
        self.optimizer.step(active)
        for name, values in held.items():
            vae.params[name].data[~active] = values[~active]

    def end(self, trainer: Trainer) -> None:
        """After a task."""
        if isinstance(self.optimizer, KeptOptimizer):
            trainer.optimizer_state.update(self.optimizer.state())


def layers(shape: tuple[int, ...], hidden: tuple[int, ...], latent: int) -> int:
    """Numbers of such a VAE for images of a shape."""
    there = pairwise((prod(shape), *hidden, 2 * latent))
    back = pairwise((latent, *hidden[::-1], prod(shape)))
    return sum((a + 1) * b for each in (there, back) for a, b in each)
