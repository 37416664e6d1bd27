"""A model kind of a user's own, which knows no classes: an autoencoder, scored by its reconstruction error."""

from math import prod
from typing import Annotated

import torch
from torch import nn

from clbench.models.base import Model
from clbench.registry import models, networks
from clbench.scores import Score

ERROR = Score("reconstruction error", mean_name="error", better="lower", factor=1000, unit="1/1000", low=0)


@networks.register("tiny-autoencoder")
class TinyAutoencoder(nn.Module):
    """One hidden layer there and back; logits of pixels that lie in 0..1."""

    model = "autoencoder"

    def __init__(self, input_shape, hidden: Annotated[int, "units"] = 13):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(prod(input_shape), hidden), nn.Linear(hidden, prod(input_shape))

    def forward(self, x):
        return self.decoder(self.encoder(x).relu())


@models.register("autoencoder")
class Autoencoder(Model):
    """Gives back what it is shown; the score is the mean squared error of a pixel, lower is better."""

    score = ERROR

    @property
    def offers(self):
        return frozenset({"likelihood", "uncertainty"})

    def __call__(self, x, task, gates=None, instead=None):
        flat = x.flatten(2)
        return torch.stack([self.forward(lambda one, x: one("network", x), (flat,), instead), flat])

    def loss(self, outputs, batch):
        return -self.log_likelihood(outputs, batch.y, batch.task).mean(1)

    def response(self, outputs):
        return outputs[0]

    def log_likelihood(self, outputs, y, task):
        """Of the pixels, read as shares of 0s and 1s."""
        return -nn.functional.binary_cross_entropy_with_logits(*outputs, reduction="none").sum(-1)

    def uncertainty(self, outputs):
        """Entropy of the pixels that are given back."""
        return torch.special.entr(outputs[0].sigmoid()).sum(-1) + torch.special.entr(1 - outputs[0].sigmoid()).sum(
            -1
        )

    def evaluate(self, trainer, task, split):
        total = torch.zeros(len(self.seeds), dtype=torch.float64, device=self.device)
        for x, _ in trainer.sweep(task, split, trainer.scored_at_once(split)):
            given, wanted = trainer.strategy.outputs(self, x, task)
            total += (given.sigmoid() - wanted).double().square().mean(-1).sum(1)
        return (total / len(split)).tolist()
