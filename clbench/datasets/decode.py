"""Image files to arrays of one size: decoded once, in parallel, into a file of the cache that is then mapped."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from clbench.datasets.cache import alone, cache_folder, written_whole
from clbench.datasets.decoding_progress import Decoding
from clbench.datasets.find import sha256_of
from clbench.datasets.tree import Tree
from clbench.errors import UserError
from clbench.results.atomic import write_whole

VERSION = 2  # of what `picture` makes of a file: another number, and all is decoded anew
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
MAX_PIXELS = 2**26  # of an image file
LARGEST = 1024  # pixels a side
AHEAD = 8  # files a worker that are read and not yet decoded
Broken = dict[str, str]  # file -> why it cannot be decoded


def decoded(
    tree: Tree, names: Sequence[str], size: int, grey: bool, skip_broken: bool, known: Collection[str] = ()
) -> tuple[np.memmap, Broken]:
    """uint8 [N, size, size, 1 or 3] of the files, in their order, mapped; and those that are broken.

    The row of a broken one is black. Unless `skip_broken`, it is a UserError with its path; `known`: of those that
    are published broken.
    """
    if not 0 < size <= LARGEST:
        raise UserError(f"{tree.path}: images cannot be decoded at {size} pixels; 1 to {LARGEST} can be")
    shape = (len(names), size, size, 1 if grey else 3)
    path = cache_folder() / f"{_key(tree.digest, names, shape)}.npy"
    found = _kept(path, shape)
    if found is None:
        with alone(path):
            if _kept(path, shape) is None:  # another process may have been at it
                _decode(tree, names, shape, path, skip_broken, known)
        found = _kept(path, shape)
    if found is None:
        raise UserError(f"{path}: what was decoded cannot be read again; is its disk full or broken?")
    if found[1] and not skip_broken:
        raise _refused(tree, *next(iter(found[1].items())), known)
    return found


def _key(digest: str, names: Sequence[str], shape: tuple[int, ...]) -> str:
    """Content, size and version: what makes decoded images the same."""
    listed = "\n".join(names).encode("utf-8", "surrogateescape")
    made_of = [str(VERSION), digest, hashlib.sha256(listed).hexdigest(), *map(str, shape)]
    return hashlib.sha256(" ".join(made_of).encode()).hexdigest()[:32]


def _kept(path: Path, shape: tuple[int, ...]) -> tuple[np.memmap, Broken] | None:
    """What the cache has; None where it has nothing, something else, or what is damaged."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        facts = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError, EOFError, RecursionError, BadZipFile):
        return None
    whole = isinstance(array, np.memmap) and array.shape == shape and array.dtype == np.uint8
    if not whole or not isinstance(facts, dict) or facts != _facts(sha256_of(path), facts.get("broken")):
        return None
    return array, facts["broken"]


def _facts(pixels: str, broken: Any) -> dict[str, Any]:
    """What stands beside decoded images of this sha256: which are broken, and a sha256 of all that."""
    words = json.dumps([pixels, broken], sort_keys=True)
    return {"broken": broken, "sha256": hashlib.sha256(words.encode()).hexdigest()}


def _decode(
    tree: Tree,
    names: Sequence[str],
    shape: tuple[int, ...],
    path: Path,
    skip_broken: bool,
    known: Collection[str],
) -> None:
    rows = {name: row for row, name in enumerate(names)}
    broken: Broken = {}
    with written_whole(path) as temporary:
        array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
        _take_room(temporary)
        with Decoding(f"{tree.path}: decoding {len(names):,} images at {shape[1]} pixels", len(names)) as progress:
            for name, made in pictures(tree, rows, shape[1], shape[3] == 1):
                if isinstance(made, str):
                    if not skip_broken:
                        raise _refused(tree, name, made, known)
                    broken[name] = made
                else:
                    array[rows[name]] = made
                progress.advance()
        array.flush()
        del array
        facts = _facts(sha256_of(temporary), dict(sorted(broken.items())))
        write_whole(path.with_suffix(".json"), json.dumps(facts, indent=1).encode())


def _take_room(path: Path) -> None:
    """OSError now for a disk without room: later, writing to mapped memory would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def pictures(
    tree: Tree, wanted: Collection[str], size: int | None, grey: bool | None
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each file's name with its `picture`, or why there is none: read by one thread, decoded by one a core."""
    waiting: deque[tuple[str, Future[np.ndarray | str]]] = deque()
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        try:
            for name, raw in tree.contents(wanted):
                waiting.append((name, pool.submit(_picture, raw, size, grey)))
                if len(waiting) > AHEAD * workers:
                    name, future = waiting.popleft()
                    yield name, future.result()
            for name, future in waiting:
                yield name, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _picture(raw: bytes, size: int | None, grey: bool | None) -> np.ndarray | str:
    from PIL import Image, UnidentifiedImageError

    if not raw:
        return "it is empty"
    try:
        return picture(raw, size, grey)
    except UnidentifiedImageError:
        return f"it is no image, or in none of the formats {', '.join(FORMATS)}"
    except (Exception, Image.DecompressionBombError) as error:  # a decoder may raise anything for a broken file
        return " ".join(str(error).split())[:200] or type(error).__name__


def picture(raw: bytes, size: int | None, grey: bool | None) -> np.ndarray:
    """uint8 [size, size, 1 or 3]: the shorter side resized (bilinear, smoothed), the middle cut out.

    The same pixels as torchvision's Resize(size) and CenterCrop(size) give for an image opened by Pillow. size,
    grey: None for as the file has it.
    """
    from PIL import Image

    with Image.open(io.BytesIO(raw), formats=FORMATS) as file:
        width, height = file.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"it has {width} x {height} pixels, more than {MAX_PIXELS}")
        whole = file.convert("RGBA") if file.mode == "P" and "transparency" in file.info else file
        grey = file.mode in ("1", "L") if grey is None else grey
        image = whole.convert("L" if grey else "RGB")
    if size is None:
        array = np.asarray(image)
        return array[..., None] if grey else array
    short = min(width, height)
    if short != size:
        width, height = (size if side == short else int(size * side / short) for side in (width, height))
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    array = np.asarray(image.crop((left, top, left + size, top + size)))
    return array[..., None] if grey else array


def _refused(tree: Tree, name: str, why: str, known: Collection[str]) -> UserError:
    where = f"{tree.path}: {name}" if tree.archived else str(tree.path / name)
    files = [file for file in known if file.rpartition("/")[2] == name.rpartition("/")[2]]
    also = f"; it is one of the {len(known)} that are published so ({', '.join(known)})" if files else ""
    return UserError(
        f"{where}: broken image: {why}{also}; mend it or move it away, or leave out what is broken "
        "(--set stream.skip_broken=true)"
    )
