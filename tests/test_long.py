"""Every long test has its turn, and nobody who asks for it by hand is refused."""

import runpy
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DAYS = 4
TESTS = """
import pytest

@pytest.mark.long
@pytest.mark.parametrize("case", range(12))
def test_long(case):
    pass

def test_short():
    pass
"""


def collected(folder: Path, *words: str) -> tuple[int, set[str], str]:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return ran.returncode, {line for line in ran.stdout.splitlines() if "::" in line}, ran.stdout + ran.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long\n")
    (tmp_path / "test_one.py").write_text(TESTS)
    return tmp_path


def test_each_has_its_turn_within_the_days_and_short_ones_always(folder: Path) -> None:
    days = [(date(2026, 12, 30) + timedelta(n)).isoformat() for n in range(DAYS)]
    drawn = [collected(folder, "--long", day)[1] for day in days]
    long = [one - {"test_one.py::test_short"} for one in drawn]
    assert all("test_one.py::test_short" in one for one in drawn)
    assert sum(map(len, long)) == len(set.union(*long)) == 12
    assert len(collected(folder)[1]) == len(collected(folder, "--long", "all")[1]) == 13
    assert collected(folder, "--long", "today")[1] == collected(folder, "--long", date.today().isoformat())[1]


def test_a_day_that_is_none_is_refused(folder: Path) -> None:
    code, _, said = collected(folder, "--long", "tomorrow")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "--long takes all, today or a date, not 'tomorrow'" in said


def test_the_check_command_runs_today_s_and_can_run_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tests", "--long", "all"])
    *_, words = runpy.run_path(str(ROOT / "tests" / "__main__.py"), run_name="tests")["CHECKS"]
    assert words[-4:] == ["--long", "today", "--long", "all"]  # what is typed comes last and wins
