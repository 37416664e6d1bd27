"""A byte turned, a byte lost, the rest lost, at every place of a small file: it is refused, or says the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmarks.fuzz import valid
from clbench.errors import UserError
from clbench.results import load, sweep_record
from clbench.run import checkpoint
from clbench.run.prune_lenet import sparse

WAYS = ("a bit turned", "a byte lost", "the rest lost")


@dataclass
class Caught:
    """places: bytes of the file, each damaged in every way. same: read, with the same numbers."""

    file: str
    places: int = 0
    tried: int = 0
    refused: int = 0
    same: int = 0
    faults: list[str] = field(default_factory=list)


def files() -> dict[str, tuple[str, bytes, Callable[[Path], Any]]]:
    """Suffix, content, and what reads it to values that can be compared."""
    training, study, *_ = valid.results()
    return {
        "result of a training": (".json", training, load),
        "result of a pruning study": (".json", study, load),
        "record of a sweep": (".json", valid.records()[0], sweep_record.load),
        "checkpoint": (".safetensors", valid.checkpoints()[0], lambda path: comparable(checkpoint.read(path))),
        "exported network": (".safetensors", valid.networks()[0], lambda path: comparable(sparse.read(path))),
    }


def comparable(found: Any) -> Any:
    arrays = found.tensors if isinstance(found, checkpoint.Checkpoint) else found.params
    return found.record, {name: (str(a.dtype), np.asarray(a).tolist()) for name, a in arrays.items()}


def damaged(content: bytes, at: int) -> Iterator[bytes]:
    """In each of the WAYS."""
    yield content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]
    yield content[:at] + content[at + 1 :]
    yield content[:at]


def caught(name: str, every: int = 1) -> Caught:
    """At every place, or at every so manieth."""
    suffix, content, read = files()[name]
    found = Caught(name)
    with tempfile.TemporaryDirectory(prefix="clbench-damage-") as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(content)
        whole = read(path)
        for at in range(0, len(content), every):
            found.places += 1
            for way, bad in zip(WAYS, damaged(content, at), strict=True):
                found.tried += 1
                path.write_bytes(bad)
                try:
                    if read(path) == whole:
                        found.same += 1
                    else:
                        found.faults.append(f"{way} at byte {at}: read, and says something else")
                except UserError as error:
                    found.refused += 1
                    if not str(error).startswith(f"{path}: ") or "\n" in str(error):
                        found.faults.append(f"{way} at byte {at}: {error}")
                except Exception as error:
                    found.faults.append(f"{way} at byte {at}: {type(error).__name__}: {error}")
    return found


def table(found: list[Caught]) -> str:
    rows = [
        {
            "file": one.file,
            "places": f"{one.places:,}",
            "damaged": f"{one.tried:,}",
            "refused": f"{one.refused:,}",
            "read the same": f"{one.same:,}",
            "faults": len(one.faults),
        }
        for one in found
    ]
    sides = ("left", *["right"] * 5)
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=sides)
