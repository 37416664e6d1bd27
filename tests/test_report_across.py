"""`report --across scenario`: results that differ in one thing alone, as the columns of one table."""

from __future__ import annotations

import json
import re

import pytest
from command_line import clbench
from results_by_hand import JOINT3, R3, result, run, shifted
from test_report_beside import put, rows_of

from clbench.errors import UserError
from clbench.report.compose import report


@pytest.fixture
def scenarios(tmp_path):
    here = tmp_path / "here"
    put(here, result("ewc", [R3, R3]), result("hat", [R3]), result("joint", [JOINT3]))
    put(
        here,
        result("ewc", [shifted(R3, -0.05)], scenario="class", train={"epochs": 2, "lr": 0.3}),
        result("wa", [shifted(R3, -0.01)], scenario="class"),
        result("joint", [JOINT3], scenario="class"),
    )
    put(here, result("si", runs=[run(0, status="diverged", step=7, reason="loss")], scenario="domain"))
    return here


def test_a_column_a_scenario_in_their_order_and_a_line_a_method(scenarios):
    text = report([scenarios], across="scenario")
    rows = rows_of(text)
    assert rows["method"] == ["ACC, task (%)", "ACC, domain (%)", "ACC, class (%)", "n seeds"]
    assert list(rows)[2:] == ["ewc", "si", "hat", "wa", "joint"]
    assert rows["ewc"] == ["75.00 ± 0.00", "– [1]", "70.00 [2]", "2"]
    assert rows["wa"] == ["– [1]", "– [1]", "74.00", "1"]
    assert rows["joint"][:3] == ["94.00", "– [1]", "94.00"]
    assert "[2] over 1 seeds, 0" not in text
    assert "[2] over 1 seed, 0" in text
    assert "seed 0 diverged at step 7 (loss)" in text
    assert text.startswith("### split-toy, network mlp: by scenario, ACC on test data\n")


def test_best_is_the_best_of_its_column_and_joint_is_none(scenarios):
    printed = report([scenarios], across="scenario").splitlines()
    lines = {line.split()[1]: line for line in printed if line.startswith("| ")}
    assert "**75.00 ± 0.00**" in lines["ewc"]
    assert "_70.00_" in lines["ewc"]
    assert "**74.00**" in lines["wa"]
    assert "*" not in lines["joint"]


def test_other_metrics_and_other_results_have_columns_too(scenarios, tmp_path):
    there = tmp_path / "there"
    put(there, result("ewc", [shifted(R3, -0.1)], scenario="class"))
    text = report([scenarios], metrics=["BWT", "mean"], beside=[f"less={there}"], across="scenario")
    heads = rows_of(text)["method"]
    assert heads[-4:] == ["BWT, class (points)", "ACC, class (%)", "ACC, class, less (%)", "n seeds"]
    assert rows_of(text)["ewc"][-2].startswith("65.00")
    assert f"- ACC, class, less: of {there}; clbench report {there} says with which values." in text


def test_tables_that_differ_in_more_stay_as_they_are(scenarios):
    put(scenarios, result("ewc", [R3], network={"name": "mlp", "hidden": [8], "dropout": 0.0}))
    text = report([scenarios], across="scenario")
    assert [line.count("hidden=[8]") for line in text.splitlines() if line.startswith("### ")] == [0, 1]


def test_variants_of_a_method_keep_their_lines(scenarios):
    put(scenarios, result("ewc", [shifted(R3, 0.01)] * 2, strategy={"lam": 7}))
    rows = rows_of(report([scenarios], across="scenario"))
    assert rows["ewc (lam=7)"][0] == "76.00 ± 0.00"
    assert rows["ewc"][2].startswith("70.00")


def test_streams_have_their_names_and_networks_of_one_name_the_options_that_differ(tmp_path):
    put(tmp_path, result("hat", [R3]))
    put(tmp_path, result("hat", [R3], network={"name": "mlp", "hidden": [8], "dropout": 0.0}))
    heads = rows_of(report([tmp_path], across="network"))["method"]
    assert heads[:2] == ["ACC, mlp (hidden=[16]) (%)", "ACC, mlp (hidden=[8]) (%)"]
    other = {"name": "other-toy", "tasks": 3, "seed": 0}
    put(tmp_path, result("hat", [R3], stream=other, data={"x.bin": "cd" * 32}))
    heads = rows_of(report([tmp_path], across="stream").partition("\n### ")[0])["method"]
    assert heads[:2] == ["ACC, other-toy (%)", "ACC, split-toy (%)"]


def test_formats_have_it_or_refuse(scenarios):
    *_, last = json.loads(report([scenarios], "json", across="scenario"))
    assert (last["kind"], last["by"], [each["scenario"] for each in last["tables"]]) == (
        "across",
        "scenario",
        ["task", "domain", "class"],
    )
    assert last["rows"]["ewc"]["ACC, class"] == {"mean": pytest.approx(70), "std": None, "seeds": [0]}
    for form in ("html", "latex", "txt"):
        assert "ACC, class" in report([scenarios], form, across="scenario")
    page = report([scenarios], "html", across="scenario")
    assert page.count(">split-toy, network mlp: by scenario, ACC on test data<") == 1
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    with pytest.raises(UserError, match="use --format json"):
        report([scenarios], "csv", across="scenario")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--across", "scenarios"], "did you mean 'scenario'?"),
        (["--across", "network"], "no two tables of these results differ in the network alone"),
        (["--across", "scenario", "--stats"], "--across has no place for"),
        (["--across", "scenario", "--versus", "ewc"], "--across has no place for"),
        (["--across", "scenario", "--reference", "paper"], "--across has no place for"),
        (["--across", "scenario", "--plots", "plots"], "--across has no place for --plots"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(scenarios, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    ran = clbench("report", scenarios, *options)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert words in ran.err
    assert list(tmp_path.iterdir()) == [scenarios]
