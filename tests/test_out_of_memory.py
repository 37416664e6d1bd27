"""Memory that runs out is one line that says what to try; what was finished stays; fewer seeds go on from it."""

import json
import os
import subprocess
import sys

import pytest
import torch
from command_line import ROOT, clbench, train

from clbench.config.resolve import resolve
from clbench.learn.trainer import Trainer
from clbench.results import load
from clbench.run import free_memory as room

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of .."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:132] DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried to"),
    MemoryError(),
]
EWC = ("--method", "ewc", "--stream", "split-digits")


@pytest.fixture
def short(monkeypatch):
    """short(error): a machine on which the second task of more than two seeds does not fit."""

    def fail(error):
        fit = Trainer.fit

        def limited(trainer, task, *more, **options):
            if task.index == 1 and len(trainer.model.seeds) > 2:
                raise error
            return fit(trainer, task, *more, **options)

        monkeypatch.setattr(Trainer, "fit", limited)

    return fail


def result_of(folder):
    (path,) = folder.rglob("ewc-*.json")
    return path, load(path)


def checkpoints(folder):
    return sorted(path.name for path in folder.rglob("*.safetensors"))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error)[:20])
def test_it_is_one_line_with_what_to_try(error, short, tmp_path):
    short(error)
    line = train(tmp_path, *EWC, "--seeds", "4", "--quiet").line
    assert line == (
        "clbench: ewc on split-digits, seeds 0,1,2,3 failed: out of memory with 4 seeds at once and batches of "
        "32; try --set train.seeds_at_once=2, or auto, which changes no number, or --set train.batch_size=16; "
        "what is finished is kept, and the same command goes on from there"
    )


@pytest.mark.long
@pytest.mark.parametrize("keep", ["last", "all"])
def test_fewer_seeds_at_once_go_on_from_what_all_had_finished(keep, short, tmp_path, monkeypatch):
    kept = ("--checkpoints", keep)
    train(tmp_path / "whole", *EWC, "--seeds", "5", *kept)
    _, whole = result_of(tmp_path / "whole")
    with monkeypatch.context():
        short(ERRORS[0])
        assert train(tmp_path / "runs", *EWC, "--seeds", "5", *kept).code == 2
        path, failed = result_of(tmp_path / "runs")
        assert (failed.status, len(failed.runs[0].matrix)) == ("failed", 2)
        assert checkpoints(tmp_path / "runs")[-1] == "stage-001-seeds-0-1-2-3-4.safetensors"
        ended = train(tmp_path / "runs", *EWC, "--seeds", "5", *kept, "--set", "train.seeds_at_once=2")
        assert ended.code == 0, ended
    again, done = result_of(tmp_path / "runs")
    assert (again, done.status) == (path, "done")
    assert [run.together for run in done.runs] == [[0, 1], [0, 1], [2, 3], [2, 3], [4]]
    assert [run.matrix for run in done.runs] == [run.matrix for run in whole.runs]
    assert [run.seconds[:2] for run in done.runs] == [run.seconds for run in failed.runs]  # not trained again
    stages = ["001", "002"] if keep == "all" else ["002"]
    groups = ["0-1", "2-3", "4"]
    assert checkpoints(tmp_path / "runs") == [f"stage-{s}-seeds-{g}.safetensors" for s in stages for g in groups]
    for stage in map(int, stages):
        rows = json.loads(clbench("evaluate", path, "--stage", stage, "--json").out)
        assert [row["stored"] for row in rows] == [row["scored"] for row in rows]


def test_how_many_seeds_at_once_is_of_no_configuration(tmp_path):
    def of(at_once):
        return resolve("ewc", "split-digits", sets=(f"train.seeds_at_once={at_once}",))

    assert of(0).digest == of(3).digest == of("auto").digest == resolve("ewc", "split-digits").digest
    assert "seeds_at_once" not in of("auto").as_dict()["train"]
    assert "greater than or equal to 0" in train(tmp_path, "--set", "train.seeds_at_once=-1").line


@pytest.mark.long
def test_auto_takes_as_many_as_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "free_bytes", lambda device: 100 * 2**20)
    large = ("--set", "network.hidden=1000,1000", "--set", "train.seeds_at_once=auto")  # 4 MB of weights a seed
    assert train(tmp_path, *EWC, "--seeds", "9", *large).code == 0
    _, result = result_of(tmp_path)
    at_once = len(result.runs[0].together)
    assert 1 <= at_once <= 100 // (5 * 4)  # weights, gradients, momentum, importance, anchor
    assert {len(run.together) for run in result.runs} <= {at_once, at_once - 1}


def test_auto_of_small_seeds_takes_all(tmp_path):
    assert train(tmp_path, *EWC, "--seeds", "3", "--set", "train.seeds_at_once=auto").code == 0
    _, result = result_of(tmp_path)
    assert [run.together for run in result.runs] == [[0, 1, 2]] * 3


@pytest.mark.long
def test_auto_leaves_room_for_every_worker(tmp_path, monkeypatch):
    monkeypatch.setattr("clbench.run.train.seeds_that_fit", lambda trainer, device: 4)
    assert train(tmp_path, *EWC, "--seeds", "5", "--workers", "2", "--set", "train.seeds_at_once=auto").code == 0
    _, result = result_of(tmp_path)
    assert [run.together for run in result.runs] == [[0, 1], [0, 1], [2], [3, 4], [3, 4]]


def test_auto_says_where_it_cannot_know(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "free_bytes", lambda device: None)
    line = train(tmp_path, *EWC, "--seeds", "3", "--set", "train.seeds_at_once=auto").line
    assert "give a number" in line


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits an address space as Linux does")
LIMITED = """
import resource, sys
from clbench.run import free_memory as room
from clbench.cli import main
import clbench.run.schedule, clbench.run.train
import torch
torch.set_num_threads(1)
torch.ones(500, 500) @ torch.ones(500, 500)
now = room.kilobytes(room.Path("/proc/self/status"), "VmSize")
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv.pop(1)) * 2**20,) * 2)
main()
"""


def limited(out, *sets, seeds="20", workers="1"):
    """A training whose process, and each of its workers, may take 700 MB of address space more than torch does."""
    every = ("network.hidden=1400,1400", "stream.limit=20", "stream.tasks=2", "train.epochs=1", *sets)
    words = [word for one in every for word in ("--set", one)]
    command = [sys.executable, "-c", LIMITED, "700", "train", *EWC, "--seeds", seeds, "--workers", workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    return subprocess.run([*command, "--out", out, *words], capture_output=True, text=True, env=environment)


@pytest.mark.long
@linux
def test_under_a_limit_of_the_process_all_seeds_fail_and_fewer_or_auto_succeed(tmp_path):
    failed = limited(tmp_path)
    assert failed.returncode == 2
    assert "out of memory with 20 seeds at once and batches of 32; try --set" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr
    went_on = limited(tmp_path, "train.seeds_at_once=auto")
    assert went_on.returncode == 0, went_on.stderr
    _, result = result_of(tmp_path)
    assert result.status == "done"
    assert 1 <= len(result.runs[0].together) < 20


@pytest.mark.long
@linux
def test_workers_that_run_out_of_memory_are_the_same_line(tmp_path):
    failed = limited(tmp_path, seeds="40", workers="2")
    assert failed.returncode == 2
    last = failed.stderr.splitlines()[-1]
    assert "out of memory with 20 seeds at once and batches of 32; try --set" in last
    assert last.endswith("(and 1 more failed; each file has its reason)")
    assert "Traceback" not in failed.stderr
    _, result = result_of(tmp_path)
    assert {run.status for run in result.runs} == {"failed"}
