"""Ctrl-C ends the program at once, whenever it comes: the short form of `python -m benchmarks interrupts`."""

import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import ROOT, TINY

from benchmarks import interrupts
from clbench.config.resolve import resolve
from clbench.results import load
from clbench.run.experiment import SeedGroup
from clbench.run.interrupt import LINE
from clbench.run.schedule import run

RUN = ["train", "--method", "finetuning", "--seeds", "2", *TINY]


@pytest.mark.long
@pytest.mark.parametrize(
    ("moment", "second"), [(0.1, None), (0.3, 0.05), (0.6, None), (1.0, 0.2), (2.0, None), (3.0, 0.02)]
)
def test_whenever_it_comes_it_is_130_with_one_line_and_nothing_is_recorded(moment, second, tmp_path):
    tried = interrupts.one(RUN, tmp_path / "out", moment, second)
    assert not tried.faults, tried


SCRIPT = """
import sys, time
from pathlib import Path
from clbench.run import interrupt
interrupt.begin()
Path("ready").touch()
try:
    {body}
except KeyboardInterrupt:
    interrupt.end()
    print(interrupt.LINE)
    sys.exit(130)
"""
LOST = """
    try:
        time.sleep(20)
    except BaseException:
        pass  # as what is called from C does
    while True:
        time.sleep(0.01)
"""
SAVING = """
    try:
        time.sleep(20)
    finally:
        for n in range(50):
            time.sleep(0.01)
        Path("saved").touch()
"""
CALLBACK = """
    class Noisy:
        def __del__(self):
            time.sleep(2)
    Noisy()
    time.sleep(20)
"""


def scripted(body, folder, times):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run = subprocess.Popen([sys.executable, "-c", SCRIPT.format(body=body.strip())], cwd=folder, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 20
    while not (folder / "ready").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    for _ in range(times):
        time.sleep(0.1)
        os.kill(run.pid, signal.SIGINT)
    return (*run.communicate(timeout=15), run.returncode)


@pytest.mark.parametrize(("body", "times"), [(LOST, 1), (LOST, 2), (CALLBACK, 1), (SAVING, 3)])
def test_one_that_goes_lost_is_raised_again_and_none_cuts_what_is_saved(body, times, tmp_path):
    assert scripted(body, tmp_path, times) == (f"{LINE}\n", "", 130)
    assert (tmp_path / "saved").exists() == (body == SAVING)


def test_a_program_in_the_background_ignores_it_as_its_shell_says(tmp_path):
    words = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from clbench.run import interrupt; "
    words += "interrupt.begin(); import os; os.kill(os.getpid(), signal.SIGINT); print('on')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "on\n")


def test_what_an_interrupt_became_records_no_failure(tmp_path, monkeypatch):
    def interrupted(self, machine, tell):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("cannot import name 'half'")  # noqa: B904

    monkeypatch.setattr(SeedGroup, "learn", interrupted)
    config = resolve("finetuning", "split-digits", sets=tuple(TINY[1::2]))
    with pytest.raises(KeyboardInterrupt):
        run(config, tmp_path)
    assert [each.status for each in load(tmp_path / config.path).runs] == ["running"]
