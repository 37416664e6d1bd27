"""Are two programs' tensors the same, up to a constant that is known?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clbench.errors import UserError

TOLERANCE = 1e-4  # of the largest entry of a tensor
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """A quantity of both programs: Euclidean norms, Avalanche's over clbench's, and what that should be.

    difference: of the tensor that fits worst, the largest |a - expected · c| over its largest |expected · c|.
    """

    quantity: str
    avalanche: float
    clbench: float
    ratio: float
    expected: float
    difference: float

    @property
    def equal(self) -> bool:
        return self.difference <= TOLERANCE


def compared(quantity: str, avalanche: Arrays, clbench: Arrays, expected: float) -> Row:
    """Over the tensors that clbench has: Avalanche's penalty has the heads beside them."""
    missing = [n for n, c in clbench.items() if n not in avalanche or avalanche[n].shape != c.shape]
    if missing or not clbench:
        raise UserError(
            f"{quantity}: the two sides have different tensors: {', '.join(missing) or 'clbench none'}"
        )
    a, c = norm(avalanche[name] for name in clbench), norm(clbench.values())
    worst = max(difference(avalanche[name], expected * each) for name, each in clbench.items())
    return Row(quantity, a, c, a / c if c else np.nan, expected, worst)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest |a - b| over the largest |b|; infinite for a b of zeros, which says nothing, and for no numbers."""
    scale = np.abs(b).max()
    usable = 0 < scale < np.inf and np.isfinite(a).all()
    return float(np.abs(a - b).max() / scale) if usable else np.inf


def norm(arrays: Iterable[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.square(a).sum() for a in arrays)))


def largest(arrays: Arrays) -> float:
    return float(max((np.abs(a).max() for a in arrays.values()), default=0.0))


def arrays_in(path: Path) -> Arrays:
    with np.load(path) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}


def group(arrays: Arrays, key: str) -> Arrays:
    """'importance': all of 'importance/...', by what follows; '' where the key itself is an array."""
    return {n[len(key) :].lstrip("/"): a for n, a in arrays.items() if n == key or n.startswith(f"{key}/")}
