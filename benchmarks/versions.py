"""The oldest and the newest versions of the declared dependencies, in an environment of their own, tested."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from clbench.errors import UserError

ROOT = Path(__file__).parents[1]
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
RUNNERS = ("pytest", "hypothesis", "psutil")  # of the extra `test`: what the tests below need
TESTS = (  # every dependency is used by one of them
    "tests/test_cli.py",
    "tests/test_config.py",
    "tests/test_results.py",
    "tests/test_runner.py",
    "tests/test_metrics.py",
    "tests/test_statistics.py",
    "tests/test_sweep.py",
    "tests/test_prune_lenet.py",
    "tests/test_report_formats.py",
    "tests/test_pictures.py",
    "tests/test_cluster.py",
    "tests/methods/test_every_method.py",
    "tests/methods/test_per_sample.py",
    "tests/methods/test_convolutional_networks.py",
    "tests/datasets/test_download.py",
    "tests/datasets/test_npz.py",
    "tests/fid/test_distance.py",
)


@dataclass(frozen=True)
class Requirement:
    """A line of pyproject.toml."""

    text: str

    @property
    def name(self) -> str:
        return self.text.split(">")[0].split("=")[0]


def passes(which: str, folder: Path) -> bool:
    """Install into `folder`, print what was installed beside what is declared, and run TESTS there."""
    if which not in RESOLUTIONS:
        raise UserError(f"versions {which!r}: expected {' or '.join(RESOLUTIONS)}")
    python = installed(which, folder)
    print(table(python), flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning"]  # of dependencies, at each other
    words = [str(python), "-m", "pytest", *quiet, *TESTS]
    return subprocess.run(words, cwd=ROOT, env=environment).returncode == 0


def installed(which: str, folder: Path) -> Path:
    """The Python of an environment with clbench, its extra `ray` and what runs tests."""
    uv = shutil.which("uv")
    if uv is None:
        raise UserError("versions: needs uv, which picks oldest versions: pip install uv")
    python = folder / "bin" / "python"
    if not python.exists():
        run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
    runners = [line.text for line in declared("test") if line.name in RUNNERS]
    wanted = ["--resolution", RESOLUTIONS[which], "-e", f"{ROOT}[ray]", *runners]
    run(uv, "pip", "install", "--quiet", "--python", str(python), *wanted)
    return python


def run(*words: str) -> None:
    if subprocess.run(words).returncode:
        raise UserError(f"versions: {' '.join(words)} failed")


def declared(extra: str = "") -> Iterator[Requirement]:
    """Lines of pyproject.toml: the dependencies, or those of an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    yield from map(Requirement, project["optional-dependencies"][extra] if extra else project["dependencies"])


def table(python: Path) -> str:
    names = [line.name for line in (*declared(), *declared("ray"))]
    ask = f"import importlib.metadata as m, json; print(json.dumps([m.version(n) for n in {names!r}]))"
    found = json.loads(subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout)
    rows = zip((line.text for line in (*declared(), *declared("ray"))), found, strict=True)
    return tabulate(rows, headers=["declared", "installed"], disable_numparse=True)
