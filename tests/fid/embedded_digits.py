"""Real handwritten digits of 8x8 pixels, which need no download, and a LeNet of a second."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from clbench.models.features.lenet import Recipe

QUICK = Recipe(maps=(4, 8), hidden=(24, 16), iterations=60)


def digits(first: int, count: int) -> tuple[Tensor, Tensor]:
    """uint8 [N, 1, 8, 8], int64 [N]."""
    found = load_digits()
    images = torch.tensor(found.images[first : first + count] * 15).round().to(torch.uint8)
    return images[:, None], torch.tensor(found.target[first : first + count]).long()
