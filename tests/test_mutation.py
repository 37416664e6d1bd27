"""What `python -m benchmarks mutation` changes, and that it finds tests for all of it."""

import pytest

from benchmarks.mutation.modules import EVERY, ROOT, TESTS, chosen
from benchmarks.mutation.run import Verdict, summary, wilson
from benchmarks.versions import RUNNERS, declared
from benchmarks.versions import TESTS as OF_VERSIONS
from clbench.errors import UserError


def test_every_method_measure_and_statistic_is_mutated_and_every_test_file_is_there():
    folders = ("strategies", "statistics", "scores/fid")
    there = {f"{folder}/{path.stem}" for folder in folders for path in (ROOT / "clbench" / folder).glob("*.py")}
    there -= {name for name in there if name.endswith("__init__")}
    assert there - set(TESTS) <= {"strategies/finetuning", "strategies/sgd"}  # which are declarations
    for module, tests in TESTS.items():
        assert (ROOT / "clbench" / f"{module}.py").is_file()
        for argument in tests.arguments:
            assert not argument.startswith("tests/") or (ROOT / argument).is_file()
    assert all((ROOT / f"tests/methods/{name}.py").is_file() for name in EVERY)
    assert chosen("statistics/,metrics") == [
        "metrics",
        "statistics/estimates",
        "statistics/intervals",
        "statistics/noninferiority",
        "statistics/paired",
        "statistics/ranks",
    ]
    with pytest.raises(UserError, match="no module 'nothing'"):
        chosen("nothing")


def test_a_mutant_leaves_out_what_sets_pruned_weights_to_zero_after_a_step():
    mutants = pytest.importorskip("benchmarks.mutation.mutants", exc_type=UserError)
    found = [mutant for place in mutants.places_of("strategies/anpyc") for mutant in place]
    [one] = [m for m in found if m.operator == "LeaveOut" and "model.params[name].mul_" in m.text]
    code = (ROOT / "clbench/strategies/anpyc.py").read_text()
    before, after = (text.splitlines() for text in (code, mutants.mutated(code, one)))
    assert [(a.strip(), b.strip()[:4]) for a, b in zip(before, after, strict=True) if a != b] == [
        (one.text, "pass")
    ]
    assert not any("Annotated[" in mutant.text or "TYPE_CHECKING" in mutant.text for mutant in found)


def test_a_share_is_told_with_its_interval_and_survivors():
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert summary([Verdict("a", "FAILED tests/x.py::y"), Verdict("b", None)]).splitlines()[1:] == ["- b"]


def test_versions_are_those_that_are_declared():
    names = [line.name for line in declared()]
    assert {"torch", "numpy", "pytorch-fid"} <= set(names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)
    assert {line.name for line in declared("test")} > set(RUNNERS)
    assert all((ROOT / test).is_file() for test in OF_VERSIONS)
