"""Which weights to drop: the lowest by rank, within a set of candidates. Shared by every method that prunes."""

from __future__ import annotations

from math import floor

import torch
from torch import Tensor


def lowest(scores: Tensor, candidates: Tensor, percent: float, ties: Tensor | None = None) -> Tensor:
    """Mask [S, ...] of the lowest `percent` of each seed's candidates; floor(percent · candidates / 100) of them.

    By rank, not threshold: importances tie at zero, and a threshold would drop every tie. Equal scores are
    ordered by `ties` (the smaller goes first), then by position.
    """
    flat = scores.masked_fill(~candidates, torch.inf).flatten(1)
    order = torch.arange(flat.shape[1], device=flat.device).expand_as(flat)
    if ties is not None:
        order = ties.flatten(1).argsort(dim=1, stable=True)
    order = order.gather(1, flat.gather(1, order).argsort(dim=1, stable=True))
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    )
    counts = torch.tensor([quota(percent, n) for n in candidates.flatten(1).sum(1).tolist()])
    return (rank < counts.to(rank.device).unsqueeze(1)).view_as(scores) & candidates


def quota(percent: float, candidates: int) -> int:
    """How many of so many candidates are the lowest `percent`."""
    return floor(percent * candidates / 100 + 1e-9)


def share_of_zeros(tensors: list[Tensor]) -> Tensor | None:
    """Of all elements of tensors [S, ...], [S]; None where there are none."""
    return (torch.cat([t.flatten(1) for t in tensors], dim=1) == 0).double().mean(1) if tensors else None


def factors(mask: Tensor, weights: Tensor) -> Tensor:
    """A mask as ones and zeros of the weights' type: a product is ten times as fast as filling by a mask."""
    return mask.to(weights.dtype)
