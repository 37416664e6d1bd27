"""The gate of clbench itself: faults planted in methods are seen, unchanged code passes."""

import pytest

from benchmarks.gate import FAULTS, checked, planted


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_worse_than_the_baseline(fault):
    verdicts = planted(fault)
    assert {verdict.state for verdict in verdicts} >= {"worse"}, verdicts
    assert len({(verdict.method, verdict.stream) for verdict in verdicts}) == 1


@pytest.mark.long
def test_unchanged_code_passes_one_seed_at_a_time(monkeypatch):
    from clbench.run.train import Train

    monkeypatch.setattr(Train, "seeds_at_once", lambda *_: 1)
    names = ("ewc", "si", "er")

    def wanted(one):
        config = one.config.as_dict()
        return config.get("method") in names and config["network"]["name"] == "mlp"

    verdicts = checked(wanted).compared.verdicts
    assert {verdict.state for verdict in verdicts} <= {"same", "undecided"}, verdicts
    assert {verdict.method.split()[0] for verdict in verdicts} == set(names)
