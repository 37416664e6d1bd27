"""Result files: one JSON a configuration, written whole, validated when read. Imports no torch."""

from clbench.results.digests import digest, place_of
from clbench.results.result import (
    KINDS,
    NOT_PUBLISHED,
    SCHEMA_VERSION,
    SHEET,
    AnyResult,
    PrunedRun,
    PruningResult,
    Result,
    Run,
    SeedRun,
    find,
    load,
    none_found,
    of_seeds,
    samples_path,
    save,
    settle,
)

__all__ = [
    "KINDS",
    "NOT_PUBLISHED",
    "SCHEMA_VERSION",
    "SHEET",
    "AnyResult",
    "PrunedRun",
    "PruningResult",
    "Result",
    "Run",
    "SeedRun",
    "digest",
    "find",
    "load",
    "none_found",
    "of_seeds",
    "place_of",
    "samples_path",
    "save",
    "settle",
]
