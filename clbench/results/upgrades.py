"""Result files of earlier schemas as today's: one function a version, given a file that is valid in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from clbench.results.digests import digest, key_of
from clbench.scores import ACCURACY

Raw = dict[str, Any]


def from_1(raw: Raw) -> Raw:
    """Seeds leave the configuration, every score is an accuracy, the one environment made all stages.

    A digest that was wrong stays wrong, and seeds that are not those of the runs stay where they are, so that what
    reads on can say so. The memory was the process's largest since its start, hence not the run's: null.
    """
    old = raw["config"]
    seeds = [run["seed"] for run in raw["runs"]]
    config = {name: value for name, value in old.items() if name != "seeds" or sorted(value) != sorted(seeds)}
    maker, stages = _maker(raw["environment"]), "matrix" if raw["kind"] == "train" else "accuracy"
    key = key_of(maker)
    runs = [{**run, "peak_memory_bytes": None, "made_by": [key] * len(run[stages])} for run in raw["runs"]]
    rest = {name: value for name, value in raw.items() if name != "environment"}
    new = {"config": config, "makers": {key: maker}, "modified": False, "origins": raw.get("origins")}
    new["digest"] = digest(config) if raw["digest"] == digest(old) else raw["digest"]
    if raw["kind"] == "train":
        new |= {"score": asdict(ACCURACY), "search": raw.get("search")}
        runs = [{"chosen": [], "pruned": [], **run} for run in runs]
    return {**rest, **new, "runs": runs}


def _maker(environment: Raw) -> Raw:
    """The environment, its plugins left out where they are no table of names and checksums."""
    plugins = environment.get("plugins")
    sound = isinstance(plugins, dict) and all(isinstance(sha256, str) for sha256 in plugins.values())
    return {**environment, "plugins": plugins if sound else {}}


UPGRADES: dict[int, Callable[[Raw], Raw]] = {1: from_1}  # version -> what makes a file of it one of the next
