"""A disk that is full, a quota, a read-only folder, a clock that jumps back: one line, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import TINY, Ran, clbench, train
from test_runner import Interrupting

from clbench.config.resolve import resolve
from clbench.results import load
from clbench.results.locks import locked
from clbench.run.checkpoint import fingerprint, read
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.schedule import run

SMALL = 64 * 1024  # bytes: room for a result, none for a checkpoint
LARGE = ("--set", "network.hidden=200", "--stream", "split-digits", "--quiet")
PRUNING = ("--dataset", "digits", "--limit", "60", "--epochs", "1", "--retrain-epochs", "1", "--rates", "0.5")


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of memory there; a test is skipped where this may not be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "clbench-test", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def a_quota(folder: Path) -> Iterator[None]:
    """No file of this process may grow beyond SMALL: a write stops in its middle, as where a quota is used up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def a_full_disk(folder: Path) -> Iterator[None]:
    with mounted(folder, f"size={SMALL}"):
        yield


def of_a_training(out: Path) -> Ran:
    return train(out, "--method", "ewc", "--seeds", "2", *LARGE)


def of_a_study(out: Path) -> Ran:
    return clbench("prune-lenet", *PRUNING, "--out", out, "--quiet")


def numbers(out: Path) -> list[object]:
    return [getattr(each, "matrix", None) or each.accuracy for p in out.rglob("*.json") for each in load(p).runs]


@pytest.mark.parametrize("command", [of_a_training, of_a_study])
def test_a_quota_in_the_middle_of_a_write_is_one_line_and_the_same_command_goes_on(
    command: Callable[[Path], Ran], tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    with a_quota(out):
        line = command(out).line
    assert "cannot write: File too large" in line
    assert not list(out.rglob("*.tmp"))
    for path in out.rglob("*.json"):
        load(path)
    assert command(out).code == 0
    assert command(tmp_path / "whole").code == 0
    assert numbers(out) == numbers(tmp_path / "whole")


def test_a_full_disk_is_one_line_and_leaves_whole_files(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    with a_full_disk(out):
        line = of_a_training(out).line
        assert "No space left on device" in line
        assert not list(out.rglob("*.tmp"))
        for path in out.rglob("*.json"):
            load(path)
        subprocess.run(["mount", "-o", "remount,size=8m", str(out)], check=True)
        assert of_a_training(out).code == 0


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a finished training, in which nothing can be written, not even by root."""
    folder = tmp_path / "read-only"
    with contextlib.ExitStack() as stack:
        if os.geteuid():
            folder.mkdir()
        else:
            stack.enter_context(mounted(folder, "size=8m"))
        assert train(folder, "--method", "finetuning", "--stream", "split-digits").code == 0
        if os.geteuid():
            for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
                path.chmod(0o555)
                stack.callback(path.chmod, 0o755)
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder


def test_a_read_only_folder_is_one_line_to_who_writes_and_none_to_who_reads(read_only: Path) -> None:
    [result] = read_only.rglob("*.json")
    for words in (
        ("train", *TINY, "--out", read_only / "new"),
        ("train", "--method", "finetuning", "--stream", "split-digits", *TINY, "--force", "--out", read_only),
        ("sweep", "--grid", "strategy.lam=1,2", "--out", read_only / "new"),
        ("prune-lenet", *PRUNING, "--out", read_only / "new"),
        ("reproduce", Path(__file__).parents[1] / "benchmarks/kills/tiny.yaml", "--out", read_only / "new"),
        ("merge", result, result, "--into", read_only / "new"),
        ("report", read_only, "--output", read_only / "table.md"),
        ("report", read_only, "--plots", read_only / "plots"),
    ):
        ran = clbench(*words)
        assert ran.code == 2, (words, ran)
        last = ran.err.splitlines()[-1]
        assert "cannot write" in last, words
        assert any(why in last.lower() for why in ("read-only", "permission")), words
        assert "Traceback" not in ran.err
    for words in (("report", read_only), ("evaluate", read_only), ("show", result), ("analyze", read_only)):
        assert clbench(*words).code == 0, words


def test_a_sweep_s_record_is_for_one_process_at_a_time(tmp_path: Path) -> None:
    words = ("sweep", "--grid", "strategy.lam=1,2", "--method", "ewc", *TINY, "--quiet", "--out", tmp_path)
    assert clbench(*words).code == 0
    [record] = tmp_path.rglob("sweep-*.json")
    with locked(record):
        assert "another clbench process" in clbench(*words).line
    assert clbench(*words).code == 0


def test_a_clock_that_jumps_back_changes_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve("ewc", "split-digits", sets=tuple(TINY[1::2]))
    whole = run(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "runs", watch=Interrupting(1))
    hours = iter(range(10**6))
    monkeypatch.setattr("clbench.run.store.now", lambda: "1999-12-31T23:59:59+00:00")
    monkeypatch.setattr(time, "time", lambda: 946684799.0 - 3600 * next(hours))
    went_on = run(config, tmp_path / "runs", Machine())
    assert [each.matrix for each in went_on.runs] == [each.matrix for each in whole.runs]
    assert all(second >= 0 for each in went_on.runs for second in each.seconds)
    assert went_on.finished < went_on.started
    [path] = (tmp_path / "runs").rglob("*.json")
    for words in (("show", path), ("report", path), ("evaluate", path)):
        assert clbench(*words).code == 0
    assert json.loads(clbench("evaluate", path, "--json").out)


@pytest.mark.long
def test_begun_in_two_processes_and_ended_in_one_it_has_the_same_numbers_and_weights(tmp_path: Path) -> None:
    sets = (*TINY[1::2], "train.seeds_at_once=1")
    config = resolve("ewc", "split-digits", seeds=(0, 1), sets=sets)
    whole = run(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "runs", executor=Local(2), watch=Interrupting(1))
    ended = run(config, tmp_path / "runs")
    assert [each.matrix for each in ended.runs] == [each.matrix for each in whole.runs]
    assert weights(tmp_path / "runs") == weights(tmp_path / "whole")


def weights(out: Path) -> dict[str, str]:
    """A checksum of the tensors of every checkpoint."""
    return {path.name: fingerprint(read(path).tensors, "") for path in out.rglob("*.safetensors")}
