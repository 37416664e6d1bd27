"""Pickles of arrays, bytes, text, lists, dicts and numbers, and of nothing else: no class is ever imported."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from clbench.errors import UserError

MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")  # of arrays
PLAIN = (np.ndarray, bytes, str, int, float)


class Kind:
    """Stands for numpy.dtype."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else str(state[1])
        self.order = order if order in "<>" else ""

    def dtype(self) -> np.dtype:
        if self.name not in KINDS:
            raise pickle.UnpicklingError(f"an array of {self.name!r}")
        return np.dtype(getattr(self, "order", "") + self.name)


class Array:
    """Stands for an array: numpy's own constructor never sees what a file says."""

    def __init__(self, *_: object) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, Kind) or not isinstance(raw, bytes):
            raise pickle.UnpicklingError("an array that is not made of bytes")
        if not all(isinstance(n, int) and n >= 0 for n in shape) or math.prod(
            shape
        ) * kind.dtype().itemsize != len(raw):
            raise pickle.UnpicklingError(f"an array of {len(raw)} bytes that declares the shape {list(shape)}")
        self.value = np.frombuffer(raw, kind.dtype()).reshape(shape, order="F" if fortran else "C")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in MODULES and name == "_reconstruct":
            return Array
        if module == "numpy" and name in ("ndarray", "dtype"):
            return Kind if name == "dtype" else Array
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def loads(raw: bytes, path: Path | str) -> Any:
    """What `raw`, the bytes of `path`, holds; text of Python 2 as bytes. A UserError for anything not admitted."""
    try:
        _hold_memo(raw)
        return _plain(_Reader(io.BytesIO(raw), encoding="bytes").load())
    except Exception as error:  # a broken pickle raises a dozen types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{path}: not a pickle of arrays, bytes, lists, dicts and numbers alone ({reason})"
        ) from error


def _hold_memo(raw: bytes) -> None:
    """Python makes room for as many memorised objects as a pickle names, which a few bytes can put at billions."""
    for code, number, _ in pickletools.genops(raw):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(number) > len(raw):  # type: ignore[arg-type]
            raise pickle.UnpicklingError(f"it memorises object {number} in {len(raw)} bytes")


def _plain(value: Any, depth: int = 8) -> Any:
    """With arrays in the place of those that stood for them."""
    if not depth:
        raise pickle.UnpicklingError("it is nested too deeply")
    if isinstance(value, Array) and value.value is not None:
        return value.value
    if isinstance(value, list):
        return [_plain(each, depth - 1) for each in value]
    if isinstance(value, dict):
        return {_plain(key, depth - 1): _plain(each, depth - 1) for key, each in value.items()}
    if isinstance(value, PLAIN):
        return value
    raise pickle.UnpicklingError(f"it holds a {type(value).__name__}")
