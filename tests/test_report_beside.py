"""`report --beside NAME=FOLDER`: the mean of other results of the same streams and methods as a column more."""

from __future__ import annotations

import json
import re

import pytest
from command_line import clbench
from results_by_hand import JOINT3, R3, result, run, shifted

from clbench.errors import UserError
from clbench.report.compose import report
from clbench.results import save


def put(folder, *results):
    for one in results:
        save(one, folder / "split-toy" / f"{one.config['method']}-{one.digest}.json")


@pytest.fixture
def folders(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    put(here, result("ewc", [R3, R3]), result("si", [R3]), result("joint", [JOINT3]))
    other = {"train": {"epochs": 2, "lr": 0.3}}
    put(there, result("ewc", [shifted(R3, -0.05)] * 2, **other), result("joint", [JOINT3, JOINT3], **other))
    return here, there


def rows_of(text):
    """Without the marks of the best."""
    lines = [
        re.sub(" +", " ", re.sub("[*_]", "", line)).strip("| ")
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return {cells[0]: cells[1:] for cells in (line.split(" | ") for line in lines)}


def test_the_mean_of_the_same_method_stands_behind_the_mean_whatever_the_values(folders):
    here, there = folders
    text = report([here], metrics=["BWT", "mean", "FWT"], beside=[f"tuned elsewhere={there}"])
    rows = rows_of(text)
    assert [head.split(" (")[0] for head in rows["method"]] == [
        "BWT",
        "ACC",
        "ACC, tuned elsewhere",
        "FWT",
        "n seeds",
    ]
    assert rows["ewc"][1:3] == ["75.00 ± 0.00", "70.00 ± 0.00"]
    assert rows["si"][2] == "– [2]"
    assert rows["joint"][2] == "94.00 ± 0.00 [4]"
    assert f"[2] {there} has no result of it, or several" in text
    assert f"[4] in {there} over 2 seeds, 0, 1" in text
    assert f"ACC, tuned elsewhere: of {there}; clbench report {there} says with which values." in text


def test_every_format_has_it(folders, tmp_path):
    here, there = folders
    beside = [f"again={here}", f"other={there}"]
    ewc = next(r for r in json.loads(report([here], "json", beside=beside)) if r["method"] == "ewc")
    assert ewc["metrics"]["ACC, other"]["values"] == pytest.approx([70, 70])
    assert ewc["metrics"]["ACC, again"]["values"] == ewc["metrics"]["ACC"]["values"]
    head, *_ = report([here], "csv", beside=beside).splitlines()
    assert "ACC, other_mean" in head
    for form in ("html", "latex", "txt"):
        assert "ACC, other" in report([here], form, beside=beside)


def test_tests_are_of_the_first_column_alone(folders):
    here, there = folders
    rows = json.loads(report([here], "json", stats=True, beside=[f"other={there}"]))
    assert {name for row in rows for name in row.get("statistics", {})} == {"ACC"}


def test_variants_of_a_method_stand_beside_those_of_the_same_label(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    weak, strong = ({"strategy": {"lam": lam}} for lam in (1, 10))
    put(here, result("ewc", [R3], **weak), result("ewc", [shifted(R3, 0.01)], **strong))
    put(there, result("ewc", [shifted(R3, -0.1)], **strong), result("ewc", [shifted(R3, -0.2)], **weak))
    rows = rows_of(report([here], metrics=["mean"], beside=[f"x={there}"]))
    assert [rows[f"ewc ({lam})"][:2] for lam in ("lam=1", "lam=10")] == [["75.00", "55.00"], ["76.00", "65.00"]]


def test_what_has_not_finished_there_says_so(folders, tmp_path):
    here, _ = folders
    there = tmp_path / "diverged"
    put(there, result("ewc", runs=[run(0, status="diverged", step=7, reason="loss is not finite")]))
    text = report([here], beside=[f"x={there}"])
    assert "no finished seed: seed 0 diverged at step 7 (loss is not finite)" in text


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ("{there}", "--beside takes NAME=FOLDER"),
        ("=x", "--beside takes NAME=FOLDER"),
        ("x=", "--beside takes NAME=FOLDER"),
        ("x={nowhere}", "nowhere"),
        ("x={other}", "--beside x: nothing in"),
    ],
)
def test_a_mistake_is_one_line(folders, tmp_path, beside, words):
    here, there = folders
    put(tmp_path / "other", result("ewc", [R3], scenario="domain"))
    filled = beside.format(there=there, nowhere=tmp_path / "nowhere", other=tmp_path / "other")
    ran = clbench("report", here, "--beside", filled)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert words in ran.err


def test_a_name_twice_and_a_table_without_the_mean_are_refused(folders):
    here, there = folders
    with pytest.raises(UserError, match="two columns would be called 'x'"):
        report([here], beside=[f"x={there}", f"x={there}"])
    with pytest.raises(UserError, match="add it to --metrics"):
        report([here], metrics=["BWT"], beside=[f"x={there}"])
