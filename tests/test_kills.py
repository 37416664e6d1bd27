"""A killed run goes on to the numbers of one left alone: the short form of `python -m benchmarks kills`."""

import pytest

from benchmarks.kills.subjects import SUBJECTS
from benchmarks.kills.survive import survive
from benchmarks.kills.table import Tally, table


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "victim", "kills"), [("train", "group", 2), ("train", "worker", 1), ("prune-lenet", "parent", 1)]
)
def test_a_killed_run_ends_with_the_numbers_and_weights_of_one_left_alone(tmp_path, name, victim, kills):
    said: list[str] = []

    tally = survive(SUBJECTS[name], kills, 1, said.append, tmp_path, victim)

    assert not tally.faults, "\n".join(said)
    assert tally.survived == kills == sum(line.startswith("kill ") for line in said)


def test_the_table_counts_what_was_survived_and_names_what_was_not():
    cells = {("train", "group"): Tally(3, 3), ("train", "worker"): Tally(3, 1, ["x.json: other numbers"] * 2)}
    shown = table(cells)
    assert "| train     | 3 of 3  | 1 of 3   |" in shown
    assert "4 of 6 kills survived." in shown
    assert shown.count("- train, worker: x.json: other numbers") == 1
