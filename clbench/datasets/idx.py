"""IDX files: a magic number, big-endian sizes, the bytes, last axis fastest (LeCun's format for MNIST)."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from clbench.errors import UserError

UBYTE = 0x08
MAX_BYTES = 2**31  # forty times MNIST: a header that declares more is a broken one
CHUNK = 2**20
BROKEN = (OSError, EOFError, zlib.error)


def decode(raw: bytes, path: Path, ndim: int) -> np.ndarray:
    """The uint8 array of `ndim` axes in `raw`, the bytes of `path` (gzipped if its name ends in .gz).

    Memory is bounded by what is really there: a header that promises more is a UserError, not an allocation.
    """
    stream = _unpacked(io.BytesIO(raw), path)
    try:
        shape = _shape(_take(stream, 4 + 4 * ndim), path, ndim)
        size = math.prod(shape)
        payload = _take(stream, size + 1)  # one more than declared: finds excess, and makes gzip check its CRC
    except BROKEN as error:
        raise _broken(path, error) from error
    if len(payload) != size:
        fault = "too long" if len(payload) > size else f"truncated at {len(payload)} bytes"
        raise UserError(f"{path}: {fault}; its header declares {size} bytes of data {list(shape)}")
    return np.frombuffer(payload, dtype=np.uint8).reshape(shape)


def count(path: Path, ndim: int) -> int:
    """How many images or labels the header of a file declares; nothing after the header is read."""
    try:
        with path.open("rb") as plain:
            return _shape(_take(_unpacked(plain, path), 4 + 4 * ndim), path, ndim)[0]
    except BROKEN as error:
        raise _broken(path, error) from error


def _unpacked(plain: BinaryIO, path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.GzipFile(fileobj=plain) if path.suffix == ".gz" else plain


def _broken(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: broken gzip file ({error}); move it away and fetch it again")


def _shape(header: bytearray, path: Path, ndim: int) -> tuple[int, ...]:
    if len(header) >= 4 and (header[:2] != b"\0\0" or header[2] != UBYTE):
        raise UserError(f"{path}: not an IDX file of unsigned bytes (magic number {header[:4].hex()})")
    if len(header) >= 4 and header[3] != ndim:
        raise UserError(f"{path}: has {header[3]} dimensions, {ndim} wanted")
    if len(header) < 4 + 4 * ndim:
        raise UserError(f"{path}: truncated in its header at {len(header)} bytes")
    shape = tuple(int(n) for n in np.frombuffer(header, dtype=">u4", offset=4))
    if 0 in shape:
        raise UserError(f"{path}: empty; its header declares the shape {list(shape)}")
    if math.prod(shape) > MAX_BYTES:
        raise UserError(f"{path}: its header declares the absurd shape {list(shape)}")
    return shape


def _take(stream: BinaryIO | gzip.GzipFile, count: int) -> bytearray:
    """Up to `count` bytes, read in chunks so that a declared size alone allocates nothing."""
    taken = bytearray()
    while len(taken) < count and (chunk := stream.read(min(CHUNK, count - len(taken)))):
        taken += chunk
    return taken
