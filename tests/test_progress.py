"""Progress: plain lines with a clock where there is no terminal; on one, bars and one for everything."""

import io
import re

import pytest
from rich.console import Console

from clbench.results import Run
from clbench.run import progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds since the start, to be set by the test; the time of day stands still."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress.time, "strftime", lambda form: "14:02:11")
    return now


def test_a_long_stage_is_not_silent(clock, capsys):
    lines = progress.Lines()
    lines.expect(1)
    lines.begin("a", "ewc on split-mnist, seed 0")
    lines.advance("a", 0, 1000)
    for second in range(1, 151):
        clock[0] = float(second)
        lines.advance("a", 5, None)
    lines.stage("a", [Run(0)], "ACC 93.10 after task 1")
    assert capsys.readouterr().err.splitlines() == [
        "14:02:11 ewc on split-mnist, seed 0: 30 % done, about 2 min left",
        "14:02:11 ewc on split-mnist, seed 0: 61 % done, about 78 s left",
        "14:02:11 ewc on split-mnist, seed 0: ACC 93.10 after task 1, about 50 s left",
    ]


def test_a_line_of_several_groups_says_which_it_is_of_and_the_time_left_for_all(clock, capsys):
    lines = progress.Lines()
    lines.expect(3)
    for key, title in (("a", "ewc on split-mnist, seed 0"), ("b", "si on split-mnist, seed 0")):
        lines.begin(key, title)
        lines.advance(key, 0, 1000)
    clock[0] = 100.0
    lines.advance("a", 1000, None)
    lines.stage("a", [Run(0)], "ACC 93.10 after task 5")
    lines.end("a", [Run(0)])
    lines.advance("b", 500, None)
    lines.stage("b", [Run(0)], "ACC 95.10 after task 2")
    assert capsys.readouterr().err.splitlines() == [
        "14:02:11 1 of 3 ewc on split-mnist, seed 0: 100 % done, about 3 min left for all",
        "14:02:11 1 of 3 ewc on split-mnist, seed 0: ACC 93.10 after task 5, about 3 min left for all",
        "14:02:11 2 of 3 si on split-mnist, seed 0: 50 % done, about 100 s left, 100 s for all".replace(
            "100 s", "2 min"
        ),
        "14:02:11 2 of 3 si on split-mnist, seed 0: ACC 95.10 after task 2, about 2 min left, 2 min for all",
    ]


def test_what_an_earlier_process_did_is_not_our_speed(clock):
    courses = progress.Courses()
    courses.expected = 2
    courses.begin("a", "ewc")
    courses.advance("a", 900, 1000)
    clock[0] = 10.0
    courses.advance("a", 100, None)
    assert courses.seconds_left() == pytest.approx(100.0)  # a tenth of a group in 10 s, one whole group is left


@pytest.mark.parametrize(("height", "shown"), [(40, 6), (7, 3), (2, 1)])
def test_bars_are_cut_to_the_height_of_the_window(height, shown):
    bars = progress.Bars()
    window = io.StringIO()
    bars.progress.live.console = Console(file=window, force_terminal=True, width=100, height=height)
    bars.expect(6)
    for n in range(6):
        bars.begin(str(n), f"group {n}")
        bars.advance(str(n), 0, 10)
    assert sum(task.visible for task in bars.progress.tasks) == 1 + shown
    bars.end("0", [Run(0)])
    left = [task for task in bars.progress.tasks if task.visible]
    assert len(left) == 1 + min(shown, 5)
    assert left[0].description == "all"
    assert left[0].fields["news"] == "1 of 6 done"
    assert left[0].completed == 1


def test_times_are_said_in_the_unit_that_suits_them():
    assert [progress.duration(s) for s in (5, 90, 600, 7200)] == ["5 s", "90 s", "10 min", "2.0 h"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", progress.time.strftime("%H:%M:%S"))
