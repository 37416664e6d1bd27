"""What FID is measured through: a network without its last layer, at rest, over images in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from clbench.errors import UserError
from clbench.scores import Score

Advance = Callable[[int], None]  # told how many images were seen since it was told last


class Features(Protocol):
    """A network's features of images. A distance through them is called by `score`: FID only through Inception."""

    @property
    def name(self) -> str:
        """inception | lenet."""
        ...

    @property
    def score(self) -> Score: ...
    @property
    def dimension(self) -> int: ...
    @property
    def sha256(self) -> str:
        """Of the weights: of Inception's file, of a LeNet's tensors."""
        ...

    @property
    def device(self) -> torch.device: ...
    @property
    def accuracy(self) -> float | None:
        """Share of held-out images that it reads rightly, 0..1; None for Inception."""
        ...

    def __call__(self, images: Tensor, advance: Advance | None = None) -> Tensor:
        """images uint8 [N, C, H, W] -> float32 [N, dimension] on the CPU; UserError for images it cannot take."""
        ...


@torch.no_grad()
def in_chunks(
    network: Callable[[Tensor], Tensor],
    images: Tensor,
    at_once: int,
    device: torch.device,
    advance: Advance | None,
) -> Tensor:
    """The network's outputs for all images, on the CPU. network: uint8 [n, C, H, W] on the device -> [n, ...]."""
    if images.dtype != torch.uint8 or images.ndim != 4 or not len(images):
        raise UserError(f"features are of images, uint8 [N, C, H, W], not {images.dtype} of {list(images.shape)}")
    found = []
    for chunk in images.split(at_once):
        found.append(network(chunk.to(device)).cpu())
        if advance is not None:
            advance(len(chunk))
    return torch.cat(found)
