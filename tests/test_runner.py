"""Runs end, go on, fail and share out their work without touching what was finished before."""

import contextlib
import errno
import json
import multiprocessing
import os
import pickle
import signal
import time
import traceback
from dataclasses import replace

import pytest
from command_line import TINY, clbench, plugins_forgotten, process, train
from results_by_hand import sealed_anew
from test_plugins import PLUGIN

from clbench.config.resolve import resolve
from clbench.errors import UserError
from clbench.registry import load_plugin, networks, strategies, streams
from clbench.results import load
from clbench.results.locks import locked
from clbench.run.local import Failure, Teller, learn
from clbench.run.machine import Machine
from clbench.run.schedule import Silent, run, run_all
from clbench.run.store import deal
from clbench.run.train import Train

SETS = tuple(TINY[1::2])


class Interrupting(Silent):
    """Ctrl-C after a stage."""

    def __init__(self, stage: int) -> None:
        self.after = stage

    def stage(self, key, runs, news):
        if len(runs[0].matrix) > self.after:
            raise KeyboardInterrupt


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_method.py"
    path.write_text(PLUGIN)
    with plugins_forgotten():
        yield path


def small(method="finetuning", **more):
    return resolve(method, "split-digits", sets=SETS, **more)


def matrices(result):
    return {run.seed: run.matrix for run in result.runs}


def files_of(folder):
    """But for locks: some versions of filelock empty them anew."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_seeds_are_dealt_evenly():
    assert deal((0, 1, 2, 3, 4), 2) == [(0, 1, 2), (3, 4)]
    assert deal((7,), 4) == [(7,)]


def test_what_is_finished_is_not_run_again(tmp_path):
    first = run(small(), tmp_path)
    before = files_of(tmp_path)
    assert run(small(), tmp_path) == first
    assert files_of(tmp_path) == before
    assert run(small(), tmp_path, force=True).started >= first.started
    assert files_of(tmp_path) != before


@pytest.mark.parametrize("stage", [0, 1])
def test_an_interrupted_run_of_several_seeds_ends_as_one_never_interrupted(stage, tmp_path):
    config = small("anpyc", seeds=(0, 4))
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path / "cut", watch=Interrupting(stage))
    path = tmp_path / "cut" / config.path
    assert load(path).status == "running"
    (path.parent / f".{path.name}.123.tmp").write_text("left by a killed writer")
    went_on = run(config, tmp_path / "cut")
    assert went_on.status == "done"
    assert matrices(went_on) == matrices(run(config, tmp_path / "whole"))
    assert not list(tmp_path.rglob("*.tmp"))


def test_force_that_cannot_start_leaves_the_earlier_result(tmp_path):
    run(small(), tmp_path)
    before = files_of(tmp_path)
    bad = replace(small(), train=replace(small().train, optimizer="nonsense"))
    for config in (bad, replace(small(), stream_options={**small().stream_options, "tasks": 6})):
        with pytest.raises(UserError):
            run_all([small(), config], tmp_path, Machine(), force=True)
    assert {p: v for p, v in files_of(tmp_path).items() if p in before} == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_result(call, tmp_path, monkeypatch):
    ran = train(tmp_path, "--method", "finetuning", "--json")
    path = tmp_path / "permuted-digits"
    before = {p: p.read_bytes() for p in path.glob("*.json")}
    assert before, ran

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    line = train(tmp_path, "--method", "finetuning", "--force", "--quiet").line
    assert "No space left on device" in line
    assert {p: p.read_bytes() for p in path.glob("*.json")} == before
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_second_process_is_kept_off(tmp_path):
    config = small()
    with locked(tmp_path / config.path), pytest.raises(UserError, match="another clbench process") as error:
        run(config, tmp_path)
    assert str(config.path) in str(error.value)


def test_another_configuration_s_file_is_not_taken_for_mine(tmp_path):
    run(small(), tmp_path)
    other = small("sgd")
    os.rename(tmp_path / small().path, tmp_path / other.path)
    with pytest.raises(UserError, match="another configuration"):
        run(other, tmp_path)


def test_a_damaged_result_is_named_and_force_runs_it_afresh(tmp_path):
    run(small(), tmp_path)
    path = tmp_path / small().path
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="--force") as error:
        run(small(), tmp_path)
    assert str(path) in str(error.value)
    assert run(small(), tmp_path, force=True).status == "done"


def test_changed_data_does_not_go_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(small(), tmp_path, watch=Interrupting(1))
    path = tmp_path / small().path
    path.write_text(path.read_text().replace("09f66e6d", "00000000"))
    sealed_anew(path)
    with pytest.raises(UserError, match="other data"):
        run(small(), tmp_path)


def test_checkpoints_of_a_deleted_result_are_not_taken_up(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(small(), tmp_path, watch=Interrupting(1))
    (tmp_path / small().path).unlink()
    assert matrices(run(small(), tmp_path)) == matrices(run(small(), tmp_path / "whole"))


def test_many_seeds_have_a_checkpoint_that_a_disk_can_name(tmp_path):
    config = small(seeds=tuple(range(100, 180)))
    assert run(config, tmp_path).status == "done"
    assert all(len(p.name) < 150 for p in tmp_path.rglob("*.safetensors"))


def test_a_seed_that_diverges_is_recorded_and_the_command_goes_on(tmp_path):
    sets = (*SETS, "train.lr=1e30", "train.epochs=3")
    result = run(resolve("finetuning", "split-digits", sets=sets, seeds=(0, 1)), tmp_path)
    assert result.status == "diverged"
    assert [(r.status, r.step is not None) for r in result.runs] == [("diverged", True)] * 2


def test_a_failure_is_recorded_with_its_reason_retried_and_the_others_go_on(plugin, tmp_path):
    words = ["--method", "fails,finetuning", "--plugin", plugin, "--quiet"]
    line = train(tmp_path, *words).line
    assert "fails on permuted-digits, seed 0 failed: ZeroDivisionError: two lines" in line
    found = {path.name.split("-")[0]: load(path) for path in tmp_path.rglob("*.json")}
    assert (found["fails"].status, found["finetuning"].status) == ("failed", "done")
    assert "ZeroDivisionError" in str(found["fails"].reason)
    again = train(tmp_path, *words, "--set", "strategy.fails.how=mistake").line  # another configuration
    assert again.endswith("failed: this cannot be")
    plugin.write_text(PLUGIN.replace("raise ZeroDivisionError", "return print"))  # mended
    with plugins_forgotten():
        for name in ("fails", "gentle"):
            del strategies.entries[name]
        for name in ("backwards", "odd-even"):
            del streams.entries[name]
        del networks.entries["conv"]
        refused = train(tmp_path, *words).line
        assert "was made with other code than that of my_method.py (sha256 " in refused
        assert refused.endswith("--force runs it afresh")
        ran = train(tmp_path, *words, "--force")
    assert ran.code == 0, ran


def test_debug_shows_where_in_the_training(plugin, tmp_path):
    ran = clbench("train", "--out", tmp_path, *TINY, "--method", "fails", "--plugin", plugin, "-q", "--debug")
    assert ran.code == 2
    assert "Traceback" in ran.err
    assert "begin_task" in ran.err
    assert ran.err.splitlines()[-1].startswith("clbench: ")


# -- worker processes -----------------------------------------------------------------------------------------


@pytest.mark.long
def test_workers_give_the_same_bits_and_one_that_is_killed_loses_its_own_job_alone(plugin, tmp_path):
    words = ["--method", "fails,anpyc", "--seeds", "2", "--plugin", plugin, "--quiet"]
    words += ["--set", "strategy.fails.how=killed", "--set", "strategy.fails.seed=0", "--workers", "2"]
    line = train(tmp_path, *words).line
    assert "fails on permuted-digits, seed 0 failed: its process was killed" in line
    found = {path.name.split("-")[0]: load(path) for path in tmp_path.rglob("*.json")}
    assert [r.status for r in found["fails"].runs] == ["failed", "done"]
    assert found["anpyc"].status == "done"
    alone = run(resolve("anpyc", sets=SETS, seeds=(0, 1)), tmp_path / "alone")
    assert matrices(alone) == matrices(found["anpyc"])


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_a_warning_is_one_line_whichever_process_it_comes_from(workers, tmp_path):
    words = ["--method", "packnet", "--stream", "split-digits", "--set", "strategy.prune=0", "--seeds", "2"]
    ran = process("train", "--out", tmp_path, *TINY, *words, "--workers", workers, "--quiet")
    _, err = ran.communicate(timeout=120)
    assert ran.returncode == 0
    line = "clbench: warning: packnet has no weight left for task 2/3: its head alone is trained"
    assert [said.startswith(line) for said in err.splitlines()] == [True]


def test_a_worker_s_error_is_one_line_and_keeps_its_traceback_for_debug(plugin, tmp_path):
    load_plugin(plugin)
    config = resolve("fails", sets=SETS)
    group, machine = Train(config).group((0,), tmp_path / "kept"), Machine(plugins=(plugin,))
    here, there = multiprocessing.Pipe()
    failure = learn(group, machine, Teller(there))
    here.close(), there.close()
    assert isinstance(failure, Failure)
    error = pickle.loads(pickle.dumps(failure)).error()
    assert str(error) == "ZeroDivisionError: two lines (--debug shows where)"
    assert "in begin_task" in "".join(traceback.format_exception(error))


SLOW = ["--method", "finetuning", "--set", "train.epochs=100000", "--set", "stream.limit=1000"]


def wait_for(condition, seconds=300.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def children_of(pid):
    """Processes of the session that `pid` leads, as /proc has them."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != pid:
            try:
                with open(f"/proc/{entry}/stat") as file:
                    state, _, _, session = file.read().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == pid and state != "Z":
                found.append(int(entry))
    return found


def begun(out, groups):
    """Whether every group has its first row."""
    files = list(out.rglob("*.json"))
    return files and sum(bool(r["matrix"]) for r in json.loads(files[0].read_text())["runs"]) >= groups


@pytest.fixture
def started():
    """Starts a clbench that does not outlive the test."""
    all_of_them = []

    def start(*words):
        all_of_them.append(process(*words))
        return all_of_them[-1]

    yield start
    for one in all_of_them:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.communicate()


@pytest.mark.long
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_everything_with_one_line(workers, tmp_path, started):
    words = ["train", "--out", tmp_path, "--quiet", *SLOW, "--seeds", workers, "--workers", workers]
    running = started(*words)
    wait_for(lambda: begun(tmp_path, workers))
    assert "another clbench process" in clbench(*words).line
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert (out, len(err.splitlines())) == ("", 1), err
    assert "interrupted" in err
    assert load(next(tmp_path.rglob("*.json"))).status == "running"
    wait_for(lambda: not children_of(running.pid), 30)


@pytest.mark.long
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc")
def test_no_worker_outlives_a_killed_parent(tmp_path, started):
    running = started("train", "--out", tmp_path, "--quiet", *SLOW, "--seeds", "2", "--workers", "2")
    wait_for(lambda: begun(tmp_path, 2))
    assert children_of(running.pid)
    running.kill()
    running.communicate(timeout=120)
    wait_for(lambda: not children_of(running.pid), 30)
