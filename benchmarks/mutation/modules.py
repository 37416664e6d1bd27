"""What is mutated, and the test files that speak of it: those that are quick to see a change first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clbench.errors import UserError

ROOT = Path(__file__).parents[2]
REPLAY = ("test_replay", "test_memory_per_class")
PULL = ("test_regularisers", "test_importance")
GATES = ("test_gates_and_masks",)
EXEMPLARS = ("test_exemplars",)
FID = ("tests/fid/test_distance", "tests/test_other_scores")
SEEDS = ("tests/test_statistics", "tests/test_report_statistics")
EVERY = (  # of every method; those of one are picked by its name
    "test_definitions",
    "test_every_method",
    "test_costs",
    "test_order",
    "test_seeds_together",
    "test_nothing_left",
)


@dataclass(frozen=True)
class Tests:
    """Files, without .py, from tests/methods/ where no folder is named; of EVERY those that name the method."""

    own: tuple[str, ...]
    method: str = ""

    @property
    def arguments(self) -> list[str]:
        """Of pytest."""
        files = (*self.own, *(EVERY if self.method else ()))
        words = [name.split("/")[-1] + ".py" for name in self.own]  # -k goes by the names of files too
        return [
            *(f"{name}.py" if "/" in name else f"tests/methods/{name}.py" for name in files),
            *(("-k", " or ".join([*words, self.method])) if self.method else ()),
        ]


TESTS = {
    "strategies/agem": Tests(REPLAY, "agem"),
    "strategies/anpyc": Tests(("test_pruning", "test_importance"), "anpyc"),
    "strategies/base": Tests((), "finetuning"),
    "strategies/costs": Tests(("test_costs",)),
    "strategies/derpp": Tests(REPLAY, "derpp"),
    "strategies/dgr": Tests(("test_dgr",), "dgr"),
    "strategies/er": Tests(REPLAY, "[er]"),
    "strategies/er_ace": Tests(REPLAY, "er-ace"),
    "strategies/ewc": Tests(PULL, "ewc"),
    "strategies/exemplars": Tests(EXEMPLARS, "icarl"),
    "strategies/gdumb": Tests(("test_training_lengths", *REPLAY), "gdumb"),
    "strategies/hat": Tests(("test_gates_and_masks", "test_gateable_networks"), "hat"),
    "strategies/icarl": Tests(EXEMPLARS, "icarl"),
    "strategies/joint": Tests(("test_joint_counts",), "joint"),
    "strategies/l2": Tests(PULL, "l2"),
    "strategies/lwf": Tests(GATES, "lwf"),
    "strategies/mas": Tests(PULL, "mas"),
    "strategies/packnet": Tests(GATES, "packnet"),
    "strategies/painter": Tests(("test_dgr",), "dgr"),
    "strategies/path": Tests(("test_si",), "si]"),
    "strategies/quadratic": Tests(PULL, "ewc"),
    "strategies/replay": Tests(REPLAY, "[er]"),
    "strategies/rwalk": Tests(PULL, "rwalk"),
    "strategies/sgd_f": Tests((), "sgd-f"),
    "strategies/si": Tests(("test_si",), "si]"),
    "strategies/wa": Tests(EXEMPLARS, "wa]"),
    "strategies/xdg": Tests(GATES, "xdg"),
    "learn/importance": Tests(("test_importance", "test_importance_samples", "test_regularisers")),
    "learn/per_sample": Tests(("test_per_sample", "test_convolutional_networks", "test_importance")),
    "learn/pruning": Tests(("test_pruning", "test_gates_and_masks")),
    "learn/memory": Tests(("test_memory", "test_memory_per_class", "test_replay", "test_exemplars")),
    "metrics": Tests(("tests/test_metrics", "tests/test_other_scores", "tests/test_metric_names")),
    "scores/score": Tests(("tests/test_other_scores", "tests/test_metrics", "tests/test_metric_names")),
    "scores/stored": Tests(("tests/test_other_scores", "tests/test_results")),
    "scores/fid/distance": Tests(FID),
    "scores/fid/kernel": Tests(FID),
    "scores/fid/manifolds": Tests(FID),
    "scores/fid/score": Tests(FID),
    "statistics/estimates": Tests(("tests/test_statistics",)),
    "statistics/intervals": Tests(SEEDS),
    "statistics/noninferiority": Tests(("tests/test_compare",)),
    "statistics/paired": Tests(SEEDS),
    "statistics/ranks": Tests(SEEDS),
}


def chosen(names: str | None) -> list[str]:
    """Modules by their names or the start of them, comma-separated (strategies/,metrics); None: all."""
    if names is None:
        return list(TESTS)
    starts = names.split(",")
    for start in starts:
        if not any(module.startswith(start) for module in TESTS):
            raise UserError(f"no module {start!r} is mutated; there are {', '.join(TESTS)}")
    return [module for module in TESTS if module.startswith(tuple(starts))]
