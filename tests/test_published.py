"""`python -m benchmarks published`: runs what is missing, sets ours beside theirs, and says what cannot run."""

import json
import subprocess
import sys

import pytest
import yaml
from command_line import ROOT

from benchmarks.published import FIGURES, Options, beside, compared, config, read, within
from clbench.errors import UserError
from clbench.registry import strategies
from clbench.results import load

DIGITS = {
    "digits": {
        "source": "nobody, of two tasks",
        "stream": "split-digits",
        "seeds": 3,
        "common": {
            "stream": {"tasks": 2, "limit": 40, "pad": 1},
            "network": {"hidden": [16]},
            "train": {"epochs": 2, "lr": 0.05, "lr_step": 0},
        },
        "rows": [
            {"name": "naive", "method": "finetuning", "mean": 50.0, "std": 0.1},
            {"name": "kept", "method": "finetuning", "train": {"keep_optimizer": True}, "mean": 90.0, "std": 50.0},
            {"name": "fast", "method": "ewc", "strategy": {"lam": 0}, "mean": 0.0, "std": None, "note": "a joke"},
            {"name": "tomorrow's", "method": "of-tomorrow", "strategy": {"x": 1}, "mean": 99.0, "std": 0.1},
        ],
    }
}
ROWS = [(name, row) for name, table in read(FIGURES).items() for row in table["rows"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    (folder / "figures.yaml").write_text(yaml.safe_dump(DIGITS))
    return folder


def published(folder, *words):
    command = [sys.executable, "-m", "benchmarks", "published", "--figures", folder / "figures.yaml"]
    return subprocess.run([*command, "--out", folder / "runs", *words], capture_output=True, text=True, cwd=ROOT)


def kept_in(result):
    return result.config["train"].get("keep_optimizer", False)


def test_the_command_runs_what_is_missing_and_prints_theirs_ours_and_within(folder):
    first = published(folder, "--seeds", "2", "--json")
    assert first.returncode == 1, first.stderr  # naive is apart, and nothing says why
    naive, kept, fast, tomorrow = json.loads(first.stdout)["digits"]
    runs = {path: load(path) for path in (folder / "runs").rglob("*.json")}
    assert len(runs) == 3
    for row, method, options in ((naive, "finetuning", False), (kept, "finetuning", True), (fast, "ewc", False)):
        [result] = [r for r in runs.values() if r.config["method"] == method and kept_in(r) == options]
        assert [run.seed for run in result.runs] == [0, 1]
        each = [100 * sum(run.matrix[-1]) / 2 for run in result.runs]
        assert row["ours"] == pytest.approx(sum(each) / 2)
        assert row["ours std"] == pytest.approx(abs(each[0] - each[1]) / 2**0.5)
        assert row["difference"] == pytest.approx(row["ours"] - row["published"])
    assert (naive["within"], kept["within"], fast["within"], tomorrow["within"]) == (False, True, False, None)
    assert tomorrow["ours"] is None
    before = {path: path.stat().st_mtime_ns for path in runs}
    again = published(folder, "--seeds", "2", "--table", "digits")
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.json")} == before
    lines = again.stdout.splitlines()
    assert lines[0] == "digits: nobody, of two tasks"
    [line] = [line for line in lines if line.startswith("fast")]
    assert line.split()[-2:] == ["no", "[1]"]
    assert "[1] a joke" in lines
    assert "[2] cannot run: this clbench has no method called of-tomorrow" in lines


def test_an_unknown_table_is_refused_with_those_there_are(folder):
    with pytest.raises(UserError, match="no table called 'hsuu'; did you mean 'hsu'"):
        compared(Options(table="hsuu"))


@pytest.mark.parametrize(
    ("ours", "std", "yes"),
    [
        *((98.49, 0.1, True), (98.5, 0.1, True), (98.51, 0.1, False), (97.5, 0.1, True), (97.49, 0.1, False)),
        *((98.3, None, True), (98.31, None, False)),
    ],
)
def test_within_is_two_standard_deviations_and_three_tenths_of_a_point(ours, std, yes):
    assert within(ours, 98.0, std) is yes


def test_seeds_that_diverged_are_told_and_do_not_count(folder):
    table = DIGITS["digits"]
    path = next((folder / "runs").rglob("finetuning-*.json"))
    result = load(path)
    result.runs[0].status, result.reason = "diverged", "the loss was not finite"
    row = beside(table["rows"][0], result)
    assert row["seeds"] == 1
    assert row["ours std"] is None
    assert row["notes"] == ["1 of 2 seeds did not end: the loss was not finite"]
    result.runs[1].status = "diverged"
    assert beside(table["rows"][0], result)["within"] is None


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[f"{name}, {row['name']}" for name, row in ROWS])
def test_every_published_row_has_settings_that_clbench_takes(name, row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = read(FIGURES)[name]
    found = config(table, row)
    if row["method"] not in list(strategies):
        assert found is None
        return
    assert found is not None
    assert (found.method, found.stream, found.score, found.scenario) == (
        row["method"],
        "split-mnist",
        "test",
        "task",
    )
    assert len(found.seeds) == table["seeds"] >= 5
    assert found.train.keep_optimizer


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[f"{name}, {row['name']}" for name, row in ROWS])
def test_no_default_of_clbench_toml_leaks_into_a_published_row(name, row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = read(FIGURES)[name]
    if row["method"] not in list(strategies):
        return
    shipped = config(table, row)
    monkeypatch.setattr("clbench.defaults.defaults_files", list)
    assert config(table, row) == shipped
