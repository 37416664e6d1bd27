"""Each mutant in a copy of the tree, under the tests that speak of its module; the first that fails sees it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from benchmarks.mutation.modules import ROOT, TESTS
from benchmarks.mutation.mutants import Mutant, mutated
from clbench.errors import UserError

COPIED = ("clbench", "tests", "benchmarks", "pyproject.toml", "clbench.toml", "README.md")
FAILED = ("FAILED", "ERROR", "ImportError while loading conftest")
PRELOADED = "ignore::pytest.PytestAssertRewriteWarning"
WORDS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=no", "-W", PRELOADED)


@dataclass(frozen=True)
class Verdict:
    mutant: Mutant
    seen_by: str | None  # the test, or why else its run failed

    @property
    def test(self) -> str | None:
        words = (self.seen_by or "").split(" ", 1)
        return words[1] if words[0] == "FAILED" else None


def run(mutants: Sequence[Mutant], say: Callable[[str], None]) -> Iterator[Verdict]:
    """One after the other, saying a line each. UserError where a test fails without any change."""
    sound: set[str] = set()  # tests that pass in the tree as it is
    with copy_of_the_tree() as tree:
        for number, mutant in enumerate(mutants, 1):
            found = Verdict(mutant, seen(mutant, tree))
            if found.test and found.test not in sound:
                require_sound(found.test, tree)
                sound.add(found.test)
            say(
                f"{number} of {len(mutants)} {'seen' if found.seen_by else 'NOT SEEN'} {mutant} <- {found.seen_by}"
            )
            yield found


@dataclass
class Tree:
    """A copy of the tree, and a process that runs its tests."""

    folder: Path
    process: subprocess.Popen[str]

    def failure(self, arguments: list[str]) -> str | None:
        """What failed first, as pytest names it; None: nothing."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([*WORDS, *arguments]), file=self.process.stdin, flush=True)
        code, printed = json.loads(self.process.stdout.readline())
        if code == 0:
            return None
        if code is None:
            return "no end"
        failed = [line for line in printed.splitlines() if line.startswith(FAILED)]
        if not failed:
            raise UserError(f"mutation: pytest fails, and no test: {printed.strip()[-500:]}")
        return failed[0].split(" - ")[0]


@contextmanager
def copy_of_the_tree() -> Iterator[Tree]:
    with tempfile.TemporaryDirectory(prefix="clbench-mutation-") as name:
        folder = Path(name)
        for each in COPIED:
            if (ROOT / each).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.svg")
                shutil.copytree(ROOT / each, folder / each, ignore=ignored)
            else:
                shutil.copy(ROOT / each, folder / each)
        alone = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "CLBENCH_WORKERS": "1"}
        process = subprocess.Popen(
            [sys.executable, str(folder / "benchmarks/mutation/forks.py")],
            cwd=folder,
            env={**os.environ, **alone, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Tree(folder, process)
        finally:
            process.kill()
            process.communicate()


def seen(mutant: Mutant, tree: Tree) -> str | None:
    """What failed first, with the module changed; None: nothing."""
    path = tree.folder / "clbench" / f"{mutant.module}.py"
    code = path.read_text()
    path.write_text(mutated(code, mutant))
    try:
        return tree.failure(TESTS[mutant.module].arguments)
    finally:
        path.write_text(code)


def require_sound(test: str, tree: Tree) -> None:
    if tree.failure([test]) is not None:
        raise UserError(f"mutation: {test} fails without any change")


def summary(verdicts: Sequence[Verdict]) -> str:
    """`180 of 200 seen: 90.0% (85.1% to 93.4%)`, and a line a survivor."""
    count, survivors = len(verdicts), [v.mutant for v in verdicts if v.seen_by is None]
    low, high = (100 * share for share in wilson(count - len(survivors), count))
    share = 100 * (1 - len(survivors) / count)
    head = f"{count - len(survivors)} of {count} seen: {share:.1f}% (95% of samples: {low:.1f}% to {high:.1f}%)"
    return "\n".join([head, *(f"- {mutant}" for mutant in survivors)])


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    share, width = successes / count, z * z / count
    middle = (share + width / 2) / (1 + width)
    half = z * sqrt(share * (1 - share) / count + width / (4 * count)) / (1 + width)
    return middle - half, middle + half
