"""What is mutated, and the test files that speak of it: those that are quick to see a change first."""

from __future__ import annotations

from pathlib import Path

from clbench.errors import UserError

ROOT = Path(__file__).parents[2]
METHODS = (
    "test_definitions",
    "test_every_method",
    "test_costs",
    "test_order",
    "test_seeds_together",
    "test_nothing_left",
)
REPLAY = ("test_replay", "test_memory_per_class", *METHODS)
PULL = ("test_regularisers", "test_importance", *METHODS)
GATES = ("test_gates_and_masks", *METHODS, "test_gateable_networks")
EXEMPLARS = ("test_exemplars", *METHODS)
PAINTERS = ("test_dgr", "test_costs", "test_order")
FID = ("tests/fid/test_distance", "tests/test_other_scores", "test_cgan")

TESTS: dict[str, tuple[str, ...]] = {
    "strategies/agem": REPLAY,
    "strategies/anpyc": ("test_pruning", *METHODS, "test_importance"),
    "strategies/base": METHODS,
    "strategies/costs": ("test_costs",),
    "strategies/derpp": REPLAY,
    "strategies/dgr": PAINTERS,
    "strategies/er": REPLAY,
    "strategies/er_ace": REPLAY,
    "strategies/ewc": PULL,
    "strategies/exemplars": EXEMPLARS,
    "strategies/gdumb": ("test_training_lengths", *REPLAY),
    "strategies/hat": GATES,
    "strategies/icarl": EXEMPLARS,
    "strategies/joint": (*METHODS, "test_joint_counts"),
    "strategies/l2": PULL,
    "strategies/lwf": ("test_gates_and_masks", *METHODS),
    "strategies/mas": PULL,
    "strategies/packnet": GATES,
    "strategies/painter": PAINTERS,
    "strategies/path": ("test_si", *PULL),
    "strategies/quadratic": PULL,
    "strategies/replay": REPLAY,
    "strategies/rwalk": PULL,
    "strategies/sgd_f": METHODS,
    "strategies/si": ("test_si", *PULL),
    "strategies/wa": EXEMPLARS,
    "strategies/xdg": GATES,
    "learn/importance": ("test_importance", "test_importance_samples", "test_regularisers", "test_cgan"),
    "learn/per_sample": ("test_per_sample", "test_convolutional_networks", "test_importance"),
    "learn/pruning": ("test_pruning", "test_gates_and_masks"),
    "learn/memory": ("test_memory", "test_memory_per_class", "test_replay", "test_exemplars"),
    "metrics": ("tests/test_metrics", "tests/test_other_scores", "tests/test_metric_names", "tests/test_analysis"),
    "scores/score": ("tests/test_other_scores", "tests/test_metrics", "tests/test_report"),
    "scores/stored": ("tests/test_other_scores", "tests/test_results"),
    "scores/fid/distance": FID,
    "scores/fid/kernel": FID,
    "scores/fid/manifolds": FID,
    "scores/fid/score": FID,
    "statistics/intervals": ("tests/test_statistics", "tests/test_report_statistics"),
    "statistics/paired": ("tests/test_statistics", "tests/test_report_statistics"),
    "statistics/ranks": ("tests/test_statistics", "tests/test_report_statistics"),
}


def tests_of(module: str) -> list[str]:
    """Paths of the test files, from the root of the tree."""
    names = (name if "/" in name else f"tests/methods/{name}" for name in TESTS[module])
    return [f"{name}.py" for name in names]


def chosen(names: str | None) -> list[str]:
    """Modules by their names or the start of them, comma-separated (strategies/,metrics); None: all."""
    if names is None:
        return list(TESTS)
    starts = names.split(",")
    for start in starts:
        if not any(module.startswith(start) for module in TESTS):
            raise UserError(f"no module {start!r} is mutated; there are {', '.join(TESTS)}")
    return [module for module in TESTS if module.startswith(tuple(starts))]
