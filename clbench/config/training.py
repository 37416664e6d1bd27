"""How a task is trained: the options of the section [train], and how many steps they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from math import ceil
from typing import Annotated, Literal

from clbench.config.options import Absent, Count, Execution, Fraction, Natural, NonNegative, Positive

Schedule = Literal["steps", "cosine", "warmup-cosine", "constant"]


@dataclass(frozen=True)
class Training:
    """How every task is trained. The optimiser, its rate and its momentum start anew with every fit.

    keep_optimizer carries momentum and moments on. They then move a weight whose gradient a method masks, so
    such a method must put the weight back after the step, as anpyc, hat and packnet do. In the task scenario the
    head starts anew all the same: a task's own head has no state before its task, and moments that were kept
    would move the heads of earlier tasks.
    """

    epochs: Annotated[Count, "passes over a task's training images (with patience: at most)"] = 5
    batch_size: Annotated[Count, "images a step"] = 128
    optimizer: Annotated[str, "any element-wise optimiser of torch.optim, by name"] = "sgd"
    lr: Annotated[Positive, "initial learning rate"] = 0.1
    momentum: Annotated[Fraction, "of SGD and whatever else takes one"] = 0.9
    betas: Annotated[
        tuple[Fraction, Fraction] | None, "β1 and β2 of Adam and its kin (default: torch's)", Absent(None)
    ] = None
    weight_decay: Annotated[NonNegative, "added to the gradients before the method sees them"] = 0.0
    lr_step: Annotated[Natural, "epochs after which the rate falls (0: never)"] = 0
    lr_gamma: Annotated[Positive, "what the rate is multiplied by then"] = 0.1
    schedule: Annotated[
        Schedule, "how the rate goes from epoch to epoch of a fit (steps: by lr_step)", Absent("steps")
    ] = "steps"
    lr_milestones: Annotated[
        tuple[Count, ...], "steps: epochs after each of which the rate falls, instead of lr_step", Absent(())
    ] = ()
    warmup: Annotated[Natural, "warmup-cosine: epochs in which the rate rises first", Absent(1)] = 1
    patience: Annotated[Natural, "stop after so many epochs without improvement (0: never)"] = 0
    stop_on: Annotated[Literal["train", "validation"], "the loss that patience watches"] = "train"
    keep_optimizer: Annotated[
        bool, "carry the optimiser's state from fit to fit instead of starting it anew", Absent(False)
    ] = False
    iterations: Annotated[
        Natural, "steps a task instead of epochs (0: epochs); joint: times the tasks", Absent(0)
    ] = 0
    precision: Annotated[
        Literal["float32", "bf16"],
        "bf16: products and convolutions in bfloat16, weights and losses in float32",
        Absent("float32"),
    ] = "float32"
    channels_last: Annotated[
        bool, "show images to the network with the channels of a pixel side by side in memory", Absent(False)
    ] = False
    score_every: Annotated[
        Natural, "tasks after which all are scored, else the new one alone (0: after the last)", Absent(1)
    ] = 1
    budget: Annotated[
        Positive, "GiB for images as floats and for what goes through the network at once", Absent(2.0)
    ] = 2.0
    seeds_at_once: Annotated[
        Natural | Literal["auto"], "seeds trained as one program, at most (0: all; auto: what fits)", Execution
    ] = 0

    def lengths(
        self, images: int, epochs: int | None = None, tasks: int = 1, joined: bool = False
    ) -> Iterator[int]:
        """Steps of each epoch of a fit to images of so many tasks; if iterations count, the last is cut short.

        joined: see `sizes_of`.
        """
        whole = len(sizes_of(images, self.batch_size, joined))
        if epochs or not self.iterations:
            return repeat(whole, epochs or self.epochs)
        full, rest = divmod(self.iterations * tasks, whole)
        return chain(repeat(whole, full), [rest] * (rest > 0))

    def count(self, images: int, epochs: int | None = None, tasks: int = 1, joined: bool = False) -> int:
        """How many epochs `lengths` gives, one that is cut short included."""
        if epochs or not self.iterations:
            return epochs or self.epochs
        return ceil(self.iterations * tasks / len(sizes_of(images, self.batch_size, joined)))

    def passes(self, images: int, tasks: int = 1) -> float:
        """How often a fit to so many images, of so many tasks, shows each of them."""
        if not self.iterations:
            return self.epochs
        full, rest = divmod(self.iterations * tasks, ceil(images / self.batch_size))
        return full + rest * self.batch_size / images


def sizes_of(images: int, size: int, joined: bool) -> list[int]:
    """Images of each batch of a pass. joined: a last batch of one image is part of the batch before it."""
    whole, rest = divmod(images, size)
    sizes = [size] * whole + [rest] * (rest > 0)
    return [*sizes[:-2], size + 1] if joined and rest == 1 and whole else sizes
