"""What is kept between runs in the cache: named by what it was made of, made by one process at a time."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.datasets import cache
from clbench.datasets.decoding_progress import say
from clbench.errors import UserError
from clbench.results.atomic import write_whole


def digest_of(*parts: Tensor | Mapping[str, Any]) -> str:
    """sha256 of tensors (types, shapes, numbers) and of plain values, in their order."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            array = part.detach().cpu().contiguous().numpy()
            whole.update(f"{array.dtype} {array.shape}\n".encode())
            whole.update(array.reshape(-1).view(np.uint8).data)
        else:
            whole.update(json.dumps(part, sort_keys=True).encode())
    return whole.hexdigest()


@contextlib.contextmanager
def alone(path: Path | None) -> Iterator[None]:
    """One process at a time makes a file; another waits, and then finds it. A folder that takes none: no lock."""
    if path is None:
        yield
        return
    with contextlib.ExitStack() as held:
        with contextlib.suppress(cache.Unwritable):
            held.enter_context(cache.alone(path))
        yield


def keep(path: Path | None, content: bytes) -> None:
    """Write the file; where that cannot be, say so and go on: it is made again the next time."""
    if path is None:
        return
    try:
        write_whole(path, content)
    except UserError as error:
        say(f"not kept for the next time: {error}")


@contextlib.contextmanager
def same_bits() -> Iterator[None]:
    """One thread, subnormal numbers flushed, gradients on: a CPU then does the same whatever runs around it."""
    threads, flushed = torch.get_num_threads(), bool(torch.tensor(1e-39) * 1 == 0)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(threads)
