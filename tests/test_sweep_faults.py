"""A fault of the machine stops a sweep, and is no trial's: the same command ends as if nothing had happened."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import TINY, clbench, plugins_forgotten
from test_sweep import CPU, plan_of

from clbench import results
from clbench.errors import MachineFault, NotHere, UserError, of_machine
from clbench.results import sweep_record as records
from clbench.results.locks import locked
from clbench.run import store
from clbench.run.experiment import SeedGroup
from clbench.run.local import outcome_of
from clbench.sweep.drive import sweep

GRID = "strategy.lam=0,1,1000"
TWO = "strategy.lam=0,1000"
TPE = {"search": "tpe", "trials": 7}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def killed(group):
    raise outcome_of(None, group)


def disk_full(group):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def disk_full_in_words(group):
    try:
        disk_full(group)
    except OSError as error:
        raise UserError(f"cannot write: {error.strerror}") from None


def memory_full(group):
    raise MemoryError


def gpu_gone(group):
    raise RuntimeError("CUDA error: unspecified launch failure")


def stages_then(fault, call):
    """`SeedGroup.learn` that ends in the fault, at the call of that number, after its first stage."""
    learn, seen = SeedGroup.learn, []

    def interrupted(self, machine, tell):
        seen.append(self)

        def tell_and_fail(news):
            tell(news)
            if len(seen) == call and news.runs and len(news.runs[0].matrix) > 1:
                fault(self)

        return learn(self, machine, tell_and_fail)

    return interrupted


def found(outcome):
    """What a sweep found, without when and how fast."""
    trials = [replace(trial, seconds=0.0) for trial in outcome.record.trials]
    return trials, outcome.record.winner, outcome.result.search, [run.matrix for run in outcome.result.runs]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the sweep finds that is left alone."""
    return found(sweep(plan_of(TWO), tmp_path_factory.mktemp("whole"), CPU))


@pytest.mark.long
@pytest.mark.parametrize("fault", [killed, disk_full, disk_full_in_words, memory_full, gpu_gone])
def test_a_fault_of_the_machine_stops_the_sweep_and_leaves_the_trial_open(fault, whole, monkeypatch):
    plan = plan_of(TWO)
    with monkeypatch.context() as patch:
        patch.setattr(SeedGroup, "learn", stages_then(fault, 2))
        with pytest.raises(MachineFault, match="the sweep stopped, and the same command goes on") as error:
            sweep(plan, Path("cut"), CPU)
    assert "\n" not in str(error.value)
    record = records.load(Path("cut") / plan.path)
    assert [trial.status for trial in record.trials] == ["done", "running"]
    assert (record.status, record.winner) == ("running", {})
    assert found(sweep(plan, Path("cut"), CPU)) == whole


def test_tpe_tries_what_it_would_have_tried(monkeypatch):
    plan = plan_of("strategy.lam=0.01..1000:log", **TPE)
    with monkeypatch.context() as patch:
        patch.setattr(SeedGroup, "learn", stages_then(killed, 3))
        with pytest.raises(MachineFault):
            sweep(plan, Path("cut"), CPU)
    assert found(sweep(plan, Path("cut"), CPU)) == found(sweep(plan, Path("whole"), CPU))


PLUGIN = '''
import os
from dataclasses import dataclass
from pathlib import Path
from clbench.registry import strategies
from clbench.strategies.base import Strategy


@strategies.register("mortal")
@dataclass
class Mortal(Strategy):
    """Its process is killed once."""

    share: float = 1.0

    def begin_task(self, trainer, task):
        if task.index == 1 and self.share == 0.5 and Path("alive").exists():
            Path("alive").unlink()
            os.kill(os.getpid(), 9)
'''


@pytest.mark.long
def test_a_killed_worker_gives_exit_code_2_and_then_the_same_winner():
    Path("mortal.py").write_text(PLUGIN)
    words = ["sweep", "--method", "mortal", "--plugin", "mortal.py", *TINY, "--grid", "strategy.share=1,0.5"]
    words += ["--quiet", "--out"]
    Path("alive").touch()
    with plugins_forgotten():
        line = clbench(*words, "cut", "--workers", "2").line
    assert "its process was killed (out of memory?)" in line
    assert line.endswith("the sweep stopped, and the same command goes on")
    [record] = Path("cut").rglob("sweep-*.json")
    assert "running" in [trial.status for trial in records.load(record).trials]
    with plugins_forgotten():
        assert clbench(*words, "cut").code == clbench(*words, "whole").code == 0
    scores = [[t.scores for t in records.load(p).trials] for p in sorted(Path().rglob("sweep-*.json"))]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 2


def test_what_lies_in_the_way_of_a_trial_is_no_fault_of_its_values():
    plan = plan_of(GRID)
    [first, second] = [Path("runs") / results.TRIALS / plan.trial({"strategy.lam": lam}).path for lam in (0, 1)]
    second.parent.mkdir(parents=True)
    second.write_text("{")
    with pytest.raises(UserError, match=f"{second.name}: not valid JSON"):
        sweep(plan, Path("runs"), CPU)
    second.unlink()
    first.unlink()
    with locked(first), pytest.raises(UserError, match="another clbench process"):
        sweep(plan, Path("runs"), CPU, force=True)
    record = sweep(plan, Path("runs"), CPU).record
    assert [trial.status for trial in record.trials] == ["done"] * 3


def test_a_trial_that_cannot_be_is_its_own_fault_and_the_others_go_on(monkeypatch):
    begin = store.read_or_begin

    def sometimes(experiment, *rest):
        if experiment.config.strategy_options["lam"] == 1 and experiment.config.score == "validation":
            raise UserError("these values do not go together")
        return begin(experiment, *rest)

    monkeypatch.setattr(store, "read_or_begin", sometimes)
    record = sweep(plan_of(GRID), Path("runs"), CPU).record
    assert [trial.status for trial in record.trials] == ["done", "failed", "done"]


def test_the_winner_s_provenance_says_what_is_true_at_the_end(monkeypatch):
    plan, learn = plan_of(GRID), SeedGroup.learn

    def sometimes(self, machine, tell):
        if self.experiment.config.strategy_options["lam"] == 1:
            raise RuntimeError("on purpose")
        return learn(self, machine, tell)

    with monkeypatch.context() as patch:
        patch.setattr(SeedGroup, "learn", sometimes)
        first = sweep(plan, Path("runs"), CPU)
    assert first.result.search["trials"] == {"done": 2, "failed": 1}
    again = sweep(plan, Path("runs"), CPU)  # a second chance
    assert results.load(again.winner).search["trials"] == {"done": 3}
    assert again.record.status == "done"


@pytest.mark.parametrize(
    ("error", "of_it"),
    [
        (OSError(28, "full"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True),
        (MachineFault("its process was killed"), True),
        (NotHere("mnist is not here"), True),
        (UserError("out of memory is a phrase here"), False),
        (ZeroDivisionError("mine"), False),
    ],
)
def test_a_fault_is_the_machine_s_by_its_type_or_words(error, of_it):
    assert of_machine(error) is of_it
