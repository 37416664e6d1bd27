"""Statistics of real images, measured once: kept by the images, by what sees them, and by where."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clbench.datasets.decoding_progress import say
from clbench.datasets.members import whole
from clbench.models.features.base import Advance, Features
from clbench.models.features.cache_files import alone, digest_of, keep
from clbench.scores.fid.distance import Statistics, statistics_of

VERSION = 1  # of what is measured: another number, and all is measured anew


def statistics(
    images: Tensor, features: Features, cache: Path | None, advance: Advance | None = None
) -> Statistics:
    """Of the features of images (uint8 [N, C, H, W]), from the cache where they are there.

    They are found by the images' own numbers, so that other rows, or another count, are others.
    """
    seen_by = {"features": features.name, "sha256": features.sha256, "dimension": features.dimension}
    key = digest_of(seen_by | {"device": features.device.type, "version": VERSION}, images)
    path = None if cache is None else cache / f"statistics-{key[:32]}.npz"
    with alone(path):
        if path is not None and (found := read(path, key)):
            return found
        made = statistics_of(features(images, advance))
        buffer = io.BytesIO()
        seal = np.array(sealed(made, key))
        np.savez(buffer, mean=made.mean, covariance=made.covariance, count=np.array(made.count), seal=seal)
        keep(path, buffer.getvalue())
    return made


def sealed(statistics: Statistics, key: str) -> str:
    """sha256 of the numbers and of what they are of."""
    arrays = (torch.from_numpy(statistics.mean), torch.from_numpy(statistics.covariance))
    return digest_of({"key": key, "count": statistics.count}, *arrays)


def read(path: Path, key: str) -> Statistics | None:
    """None where there are none, or they are damaged, or of something else."""
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            mean, covariance, count, seal = (
                whole(archive, n, path) for n in ("mean", "covariance", "count", "seal")
            )
        found = Statistics(mean, covariance, int(count))
        if mean.dtype == covariance.dtype == np.float64 and str(seal) == sealed(found, key):
            return found
    except Exception:  # zipfile, zlib and numpy raise a dozen types for a broken file
        pass
    say(f"{path}: damaged; it is measured again")
    return None
