"""How many seeds the memory that is free has room for: what one seed takes is measured, not reckoned."""

from __future__ import annotations

import contextlib
import gc
import re
from dataclasses import replace
from pathlib import Path

import torch

from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.run import checkpoint
from clbench.run.peak_memory import Peak
from clbench.streams.budget import FLOAT
from clbench.streams.task import Split

SHARE = 0.7  # of the free memory, to be used: seeds differ, and so do later tasks
IMAGES = 512  # that are shown of each of two tasks, or two batches if these are more
GROUP = Path("/sys/fs/cgroup")  # of a container, whose memory may be less than the machine's


def seeds_that_fit(trainer: Trainer, device: torch.device) -> int:
    """At least one. `trainer`: of one seed, at its start; it cannot be used any further."""
    gc.collect()  # a model holds itself in circles
    free, peak = free_bytes(device), Peak(device)
    before = peak.bytes()
    if free is None or before is None:
        raise UserError("train.seeds_at_once=auto cannot tell how much memory is free here; give a number")
    learn_a_little(trainer)
    each = max((peak.bytes() or 0) - before, 2 * held_by(trainer))
    return max(1, int((SHARE * free - of_all_seeds(trainer)) // each))


def learn_a_little(trainer: Trainer) -> None:
    """Two tasks of a few images, with all that the method does before, in and after them, and a checkpoint."""
    images = max(2 * trainer.options.batch_size, IMAGES)
    trainer.options = replace(trainer.options, epochs=1, iterations=0, patience=0)
    for task in trainer.stream.tasks[:2]:
        few = replace(task, train=first_of(task.train, images))
        trainer.model.seen = task.index + 1
        trainer.strategy.begin_task(trainer, few)
        trainer.strategy.learn(trainer, few)
        trainer.strategy.end_task(trainer, few)
        tested = task.test or task.validation
        if tested is not None:
            trainer.score(task, first_of(tested, trainer.scored_at_once(tested)))
    checkpoint.in_bytes(checkpoint.collect(trainer), {})


def first_of(split: Split, images: int) -> Split:
    owner = None if split.owner is None else split.owner[:images]
    return replace(split, rows=split.rows[:images], labels=split.labels[:images], owner=owner)


def held_by(trainer: Trainer) -> int:
    """Bytes of weights and state, of one seed."""
    tensors = [*trainer.model.state().values(), *trainer.strategy.state().values()]
    return sum(t.numel() * t.element_size() for t in tensors)


def of_all_seeds(trainer: Trainer) -> int:
    """Bytes of a task's images, of which all seeds have one copy."""
    numbers = max(task.train.numbers_dense for task in trainer.stream.tasks)
    return FLOAT * numbers if trainer.budget.keeps(numbers) else 0


def free_bytes(device: torch.device) -> int | None:
    """What a program may still take: of the GPU, or of the machine, its container and the limit of the process."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    found = [of_machine(), of_container(), of_process()]
    known = [n for n in found if n is not None]
    return max(0, min(known)) if known else None


def of_machine() -> int | None:
    return kilobytes(Path("/proc/meminfo"), "MemAvailable")


def of_container() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        most, now = ((GROUP / name).read_text() for name in ("memory.max", "memory.current"))
        return int(most) - int(now)  # `max` where there is no limit
    return None


def of_process() -> int | None:
    try:
        import resource
    except ImportError:  # on Windows
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    now = kilobytes(Path("/proc/self/status"), "VmSize")
    return None if most == resource.RLIM_INFINITY or now is None else most - now


def resident_bytes() -> int | None:
    """What this process takes of the machine's memory now."""
    return kilobytes(Path("/proc/self/status"), "VmRSS")


def kilobytes(file: Path, name: str) -> int | None:
    """The bytes that a line `name: N kB` speaks of."""
    with contextlib.suppress(OSError):
        if found := re.search(rf"{name}:\s*(\d+) kB", file.read_text()):
            return int(found[1]) * 1024
    return None
