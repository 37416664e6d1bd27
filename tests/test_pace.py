"""What grows with a run is written so often that writing takes a small part of the time; nothing is lost by it."""

import pytest
from test_runner import Interrupting, matrices, small

from clbench.results import find, load
from clbench.run import pace
from clbench.run.machine import Machine
from clbench.run.pace import Pace
from clbench.run.schedule import run_all


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize(("took", "waits"), [(0.05, 0.0), (0.5, 4.5), (3.0, 27.0)])
def test_the_next_writing_waits_nine_times_as_long_as_a_long_one_took(took, waits, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    mine = Pace()
    assert mine.due
    with mine.writing():
        clock.now += took
    assert mine.due is (waits == 0)
    clock.now += max(waits - 0.001, 0.0)
    assert mine.due is (waits == 0)
    clock.now += 0.002
    assert mine.due


@pytest.mark.parametrize("of", ["checkpoints", "results"])
def test_a_run_that_is_cut_between_two_writings_ends_as_one_never_cut(of, tmp_path, monkeypatch):
    config = small(seeds=(0, 1))
    [(_, whole)] = run_all([config], tmp_path / "whole", Machine(keep="last"))
    room = {"checkpoints": "experiment", "results": "store"}[of]
    with monkeypatch.context() as patched:
        patched.setattr(f"clbench.run.{room}.Pace", Once)
        with pytest.raises(KeyboardInterrupt):
            run_all([config], tmp_path / "cut", Machine(keep="last"), watch=Interrupting(1))
    (path,) = find([tmp_path / "cut"])
    assert len(load(path).runs[0].matrix) == (2 if of == "checkpoints" else 0)
    [(_, after)] = run_all([config], tmp_path / "cut", Machine(keep="last"))
    assert matrices(after) == matrices(whole)
    assert after.status == "done"


class Once(Pace):
    """Due until something was written."""

    def __init__(self):
        super().__init__()
        self.written = False

    @property
    def due(self):
        return not self.written

    def writing(self):
        self.written = True
        return super().writing()
