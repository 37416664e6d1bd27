"""Plain lines of progress: one a stage, and one now and then within a long one."""

from clbench.results import Run
from clbench.run import progress


def test_a_long_stage_is_not_silent(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    lines = progress.Lines()
    lines.begin("a", "ewc on split-mnist, seed 0")
    lines.advance("a", 0, 1000)
    for second in range(1, 151):
        clock[0] = float(second)
        lines.advance("a", 5, None)
    lines.stage("a", [Run(0)], "ACC 93.10 after task 1")
    assert capsys.readouterr().err.splitlines() == [
        "ewc on split-mnist, seed 0: 30 % done, about 2 min left",
        "ewc on split-mnist, seed 0: 61 % done, about 78 s left",
        "ewc on split-mnist, seed 0: ACC 93.10 after task 1, about 50 s left",
    ]
