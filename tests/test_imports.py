"""Imports run one way, and what needs no torch does not wait for it."""

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from results_by_hand import result

from clbench.results import save

# Rooms, the lowest first. A module may import from its own room and from those above it in this list; one that
# stands in another row than its room has a row of its own.
ROWS = [
    ["errors", "run.interrupt", "config.printable", "__init__"],
    ["config.options", "config.index", "config.origins", "config.scenario", "scores", "statistics"],
    ["registry", "metrics"],
    ["results"],
    ["config"],
    ["report"],
    ["datasets"],
    ["streams", "networks"],
    ["models"],
    ["learn"],
    ["strategies"],
    ["run"],
    ["sweep"],
    ["analysis"],
    ["reproduce"],
    ["compare"],
    ["cli"],
    ["__main__"],
]
REPORT_NEEDS = {
    "errors",
    "printable",
    "registry",
    "scores",
    "metrics",
    "statistics",
    "results",
    "report",
    "config",
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted((ROOT / "clbench").rglob("*.py"))}


def at_run_time(tree: ast.AST):
    """Every import but those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from at_run_time(node)


def imports_of(module: str) -> set[str]:
    """The modules of clbench that a module imports, wherever in it."""
    found: set[str] = set()
    package = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    for node in at_run_time(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
        origin = base if node.level else str(node.module)
        for alias in node.names:
            found.add(f"{origin}.{alias.name}" if f"{origin}.{alias.name}" in MODULES else origin)
    return {name for name in found if name in MODULES and name != module}


GRAPH = {module: imports_of(module) for module in MODULES}


def row_of(module: str) -> int:
    parts = module.split(".")[1:] or ["__init__"]
    names = (".".join(parts[:2]), parts[0])  # a module that stands apart from its package, then the package
    return next(n for name in names for n, row in enumerate(ROWS) if name in row)


def test_every_module_has_its_row():
    for module in MODULES:
        row_of(module)


def test_imports_run_one_way():
    wrong = [f"{a} imports {b}" for a, names in GRAPH.items() for b in names if row_of(b) > row_of(a)]
    assert not wrong


def test_no_circles():
    whole = {module: {name for name in names if name != "clbench"} for module, names in GRAPH.items()}
    inside = {m: {n for n in names if n != m.rpartition(".")[0]} for m, names in whole.items()}  # a package's own
    graphlib.TopologicalSorter(inside).prepare()


def test_report_reads_results_alone():
    for module in (m for m in MODULES if m.startswith("clbench.report")):
        assert {name.split(".")[1] for name in GRAPH[module] if "." in name} <= REPORT_NEEDS


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["data", "--help"],
        ["fid", "--help"],
        ["data", "list"],
        ["report"],
        ["show", "runs/ewc.json"],
        ["show", "runs/ewc.json", "--json"],
        ["analyze", "--help"],
        ["analyze", "runs", "--what", "growth,tasks"],
    ],
)
def test_without_torch(words, tmp_path):
    save(result(), tmp_path / "runs" / "ewc.json")
    code = f"""
import sys
from clbench.cli import main
sys.argv = ["clbench", *{words!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, stdout=subprocess.PIPE, env=environment)
