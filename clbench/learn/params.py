"""Dicts of parameters, seed axis first: name -> tensor [S, ...]."""

from __future__ import annotations

import hashlib

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


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The generator of one seed for one purpose; draws for one purpose never shift those for another."""
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))
