"""Tiny data sets in MNIST's form, and a machine without data: no CLBENCH_DATA, an empty cache folder."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from clbench.datasets.idx_set import PARTS

WriteSet = Callable[..., dict[str, np.ndarray]]


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.delenv("CLBENCH_DATA", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(folder / name))
    return folder / "clbench"


@pytest.fixture
def write_set() -> WriteSet:
    """write_set(root, folder, gz=True, **arrays by part): ten train and five test images otherwise."""

    def write(root: Path, folder: str, gz: bool = True, **changed: np.ndarray) -> dict[str, np.ndarray]:
        arrays = {}
        raw = root / folder / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        for part, ndim in PARTS.items():
            count = 10 if part.startswith("train") else 5
            images = np.arange(count * 6, dtype=np.uint8).reshape(count, 2, 3)
            array = images if ndim == 3 else np.arange(count, dtype=np.uint8)
            arrays[part] = changed.get("_".join(part.split("-")[:2]), array)
            content = idx_bytes(arrays[part])
            path = raw / f"{part}.gz" if gz else raw / part
            path.write_bytes(gzip.compress(content, mtime=0) if gz else content)
        return arrays

    return write
