"""What files of pictures are called: after the stream and scenario, and more where that is not enough."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.report.build.pruning.studies import Comparison
from clbench.report.build.result_table import ResultTable
from clbench.report.build.tables import group_key
from clbench.results import digest
from clbench.results.digests import file_name


def stems(tables: Sequence[ResultTable]) -> list[str]:
    """`permuted-mnist-task` of each; where several tables are called so, with what tells them apart."""
    names = [f"{slug(table.stream)}-{table.first.config['scenario']}" for table in tables]
    keys = [digest(group_key(table.first)) for table in tables]
    different = {name: {k for n, k in zip(names, keys, strict=True) if n == name} for name in names}
    return [n if len(different[n]) == 1 else f"{n}-{k}" for n, k in zip(names, keys, strict=True)]


def slug(name: str) -> str:
    return file_name(name, kept="_-", between="-").strip("-") or "unnamed"


def study_stem(one: Comparison) -> str:
    config = one.studies[0].result.config
    key = digest({"limit": config.get("limit"), "rates": config["pruning"]["rates"]})[:6]
    return f"prune-lenet-{slug(config['dataset'])}-{key}"
