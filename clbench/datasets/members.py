"""The arrays of an .npz file: read whole, or, large and uncompressed, mapped where they lie in it."""

from __future__ import annotations

import hashlib
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clbench.errors import UserError

MAX_BYTES = 2**32  # of one array that is read whole, unpacked
MAPPED_FROM = 2**26  # bytes of an array; a smaller one is not worth it
CHUNK = 2**24  # bytes that a check looks at at once
LOCAL_HEADER = struct.Struct("<4s22xHH")  # PK\3\4, ..., lengths of the name and of the extra field
ENCRYPTED = 0x1
SEAL = "sha256"


@dataclass(frozen=True)
class Header:
    """What an array's .npy header declares."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    length: int  # of the header itself, in bytes


def whole(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """The array `name`, in memory; a UserError for pickle, and beyond its bytes or MAX_BYTES."""
    header_of(archive, name, path, MAX_BYTES)
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def mapped(archive: zipfile.ZipFile, name: str, path: Path) -> np.memmap | None:
    """The array `name` as a read-only memory map; None where it is small, compressed, or not in C's order."""
    member = archive.getinfo(f"{name}.npy")
    stored = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & ENCRYPTED
    if not stored or member.file_size < MAPPED_FROM:
        return None
    header = header_of(archive, name, path)
    if header.fortran:
        return None
    with archive.open(member) as stream:  # to the end, where zipfile compares the bytes with their CRC
        while stream.read(CHUNK):
            pass
    offset = start_of(member, path) + header.length
    return np.memmap(path, header.dtype, "r", offset, header.shape)


def start_of(member: zipfile.ZipInfo, path: Path) -> int:
    """Where in the file the bytes of a stored member begin: after its local header, whose name and extra vary."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        magic, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if magic != b"PK\3\4":
        raise zipfile.BadZipFile(f"no local header for {member.filename}")
    return member.header_offset + LOCAL_HEADER.size + name + extra


def header_of(archive: zipfile.ZipFile, name: str, path: Path, limit: int | None = None) -> Header:
    """Before numpy allocates or maps what a header declares, hold it to the bytes that the archive has for it."""
    declared = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        if dtype.hasobject:
            raise UserError(f"{path}: {name} holds Python objects (pickle), which are never loaded")
        if stream.tell() + math.prod(shape) * dtype.itemsize != declared:
            raise UserError(
                f"{path}: {name} declares {list(shape)} of {dtype}, which its {declared} bytes are not"
            )
        if limit is not None and declared > limit:
            raise UserError(
                f"{path}: {name} has {declared} bytes, too many to unpack into memory ({limit} at most); "
                "save it with np.savez (uncompressed, C order), and it is mapped"
            )
        return Header(shape, fortran, dtype, stream.tell())


def seal_of(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 of arrays by their names; clbench keeps it as the array SEAL in a file that it writes."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype} {array.shape}\n".encode())
        for rows in chunks(array):
            found.update(rows.tobytes())
    return found.hexdigest()


def hold(archive: zipfile.ZipFile, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """UserError where the arrays do not fit the seal in their file; a file of other makers has none."""
    if f"{SEAL}.npy" in archive.namelist() and str(whole(archive, SEAL, path)) != seal_of(arrays):
        raise UserError(f"{path}: its contents do not agree with its sha256; write it again")


def chunks(x: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array, about CHUNK bytes of them at once."""
    rows = max(1, CHUNK // max(1, x[:1].nbytes))
    return (x[first : first + rows] for first in range(0, len(x), rows))
