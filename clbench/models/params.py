"""Dicts of parameters, seed axis first: name -> tensor [S, ...]."""

from __future__ import annotations

import torch
from torch import Tensor

Params = dict[str, Tensor]


def copies(params: Params) -> Params:
    return {name: p.detach().clone() for name, p in params.items()}


def zeros(params: Params) -> Params:
    return {name: torch.zeros_like(p, requires_grad=False) for name, p in params.items()}


def count(params: Params) -> int:
    """Numbers of one seed."""
    return sum(p[0].numel() for p in params.values())
