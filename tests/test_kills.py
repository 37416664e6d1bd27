"""A killed run goes on to the numbers of one left alone: the short form of `python -m benchmarks kills`."""

import pytest

from benchmarks.kills import Subject, survive

TINY = ("train.epochs=1", "stream.tasks=3", "stream.limit=200", "strategy.beta=20", "strategy.retrain_epochs=1")


@pytest.mark.parametrize(("workers", "kills"), [(1, 2), (2, 1)])
def test_a_killed_run_ends_with_the_bytes_of_one_left_alone(tmp_path, workers, kills):
    arguments = ["--method", "anpyc", "--stream", "permuted-digits", "--seeds", "2", "--workers", str(workers)]
    arguments += [word for text in TINY for word in ("--set", text)]
    said: list[str] = []

    faults = survive(Subject(tuple(arguments), tmp_path), kills, seed=1, say=said.append)

    assert not faults, "\n".join(said)
    assert sum(line.startswith("kill ") for line in said) == kills


def test_a_killed_pruning_study_ends_with_the_bytes_of_one_left_alone(tmp_path):
    sizes = {"epochs": 1, "retrain-epochs": 1, "rates": "0.5,0.5", "limit": 300, "seeds": 2, "dataset": "digits"}
    arguments = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    said: list[str] = []

    faults = survive(Subject(tuple(arguments), tmp_path, "prune-lenet"), 2, seed=2, say=said.append)

    assert not faults, "\n".join(said)
    assert sum(line.startswith("kill ") for line in said) == 2
