"""MATLAB files of version 5: the arrays of numbers in them, read within the bytes that are there.

scipy.io.loadmat reads more of them, and ends the whole process on some that are broken.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

VERSION = b"\0\1IM"  # the end of the header: version 5, little-endian
HEADER, TAG, HEAD = 128, 8, 1024  # bytes: of the file's header, of a tag, of an array up to its numbers
MATRIX, COMPRESSED = 14, 15
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}


@dataclass(frozen=True)
class Array:
    """One of a file. start, size: of its bytes there; first: where its numbers begin in them, unpacked."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    packed: bool
    start: int
    size: int
    first: int

    def numbers(self, file: BinaryIO) -> np.ndarray:
        """Columns first, as MATLAB has them; ValueError where the shape is not that of the bytes."""
        count = math.prod(self.shape)
        file.seek(self.start)
        raw = file.read(self.size)
        most = self.first + TAG + 8 * count
        kind, content, _ = element(zlib.decompressobj().decompress(raw, most) if self.packed else raw, self.first)
        stored = np.dtype(STORED[kind])
        if len(content) != count * stored.itemsize:
            raise ValueError(f"{self.name} declares {list(self.shape)}, which its {len(content)} bytes are not")
        return np.frombuffer(content, stored).astype(self.dtype).reshape(self.shape, order="F")


def arrays(file: BinaryIO) -> Iterator[Array]:
    """The arrays of numbers, without their numbers; ValueError, KeyError, struct.error or zlib.error if broken."""
    if file.read(HEADER)[-len(VERSION) :] != VERSION:
        raise ValueError("no MATLAB file of version 5")
    while tag := file.read(TAG):
        kind, size = struct.unpack("<II", tag)
        start = file.tell()
        begun = file.read(min(size, HEAD))
        packed = kind == COMPRESSED
        if packed:
            begun = zlib.decompressobj().decompress(begun, HEAD)
            kind, begun = struct.unpack_from("<I", begun)[0], begun[TAG:]
        if kind == MATRIX and (found := described(begun)) is not None:
            name, shape, dtype, first = found
            yield Array(name, shape, dtype, packed, start, size, first + TAG * packed)
        file.seek(start + size)


def described(begun: bytes) -> tuple[str, tuple[int, ...], np.dtype, int] | None:
    """Name, shape, type, and where the numbers begin; None of what is no array of numbers."""
    _, flags, at = element(begun, 0)
    _, sizes, at = element(begun, at)
    _, name, at = element(begun, at)
    shape = struct.unpack(f"<{len(sizes) // 4}i", sizes)
    if min(shape, default=0) < 0:
        raise ValueError(f"an array of the shape {list(shape)}")
    kind = CLASSES.get(flags[0] if flags else 0)
    return None if kind is None else (name.decode("latin-1"), shape, np.dtype(kind), at)


def element(raw: bytes, at: int) -> tuple[int, bytes, int]:
    """Its kind, its bytes, and where the next one begins; up to 4 bytes stand in the tag itself."""
    kind, size = struct.unpack_from("<II", raw, at)
    if kind >> 16:
        kind, size, begin, after = kind & 0xFFFF, kind >> 16, at + 4, at + TAG
    else:
        begin = at + TAG
        after = begin + size + -size % 8
    content = raw[begin : begin + size]
    if len(content) < size:
        raise ValueError(f"truncated: {len(content)} bytes of {size}")
    return kind, content, after
