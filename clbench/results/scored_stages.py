"""Which tasks are scored after which stage: scoring all after each grows with the square of their number."""

from __future__ import annotations


def scored_after(stage: int, tasks: int, every: int = 1) -> range:
    """Places of the tasks that are scored after `stage` tasks; stage 0 is the untrained network.

    All of them after every `every`-th task, before the first and after the last; after the others the newest
    alone, which the transfers ask for. every 0: all after the last alone.
    """
    whole = stage in (0, tasks) or (every > 0 and stage % every == 0)
    return range(tasks) if whole else range(stage - 1, stage)
