"""How the learning rate of one fit goes from epoch to epoch: torch's own schedules, by the field's names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, SequentialLR, StepLR

from clbench.config.training import Training


def schedule_of(
    options: Training, optimizer: torch.optim.Optimizer, epochs: int, stretch: float = 1.0
) -> LRScheduler | None:
    """Of the rate in a fit of so many epochs; None: it stays. stretch: factor of what is counted in epochs."""
    if options.schedule == "constant":
        return None
    if options.schedule == "steps":
        milestones = [round(m * stretch) for m in options.lr_milestones]
        return steps(optimizer, round(options.lr_step * stretch), milestones, options.lr_gamma)
    warmup = round(options.warmup * stretch) if options.schedule == "warmup-cosine" else 0
    return cosine(optimizer, epochs, warmup)


def steps(
    optimizer: torch.optim.Optimizer, step: int, milestones: Sequence[int], gamma: float
) -> LRScheduler | None:
    """Times `gamma` after every one of `milestones`, or without any after every `step` epochs (0: never)."""
    if milestones:
        return MultiStepLR(optimizer, milestones, gamma)
    return StepLR(optimizer, step, gamma) if step else None


def cosine(optimizer: torch.optim.Optimizer, epochs: int, warmup: int = 0) -> LRScheduler:
    """Half a cosine from the whole rate down to 0 after the last of `epochs` (Loshchilov & Hutter 2017).

    The first `warmup` epochs, but never all, rise to it: 1 / (warmup + 1) of the rate, 2 / (warmup + 1), ...
    """
    rising = min(warmup, epochs - 1)
    if not rising:
        return CosineAnnealingLR(optimizer, epochs)
    parts = [
        LinearLR(optimizer, 1 / (rising + 1), total_iters=rising),
        CosineAnnealingLR(optimizer, epochs - rising),
    ]
    return SequentialLR(optimizer, parts, [rising])
