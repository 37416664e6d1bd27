"""`python -m benchmarks published`: runs what is missing, sets ours beside theirs, and says what cannot run."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from command_line import ROOT

from benchmarks.published import FIGURES, RECORD, Options, beside, compared, config, kept, read, text, within
from clbench.errors import UserError
from clbench.registry import strategies
from clbench.results import load

DIGITS = {
    "digits": {
        "source": "nobody, of two tasks",
        "stream": "split-digits",
        "network": "mlp",
        "scenario": "task",
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
    published(folder, "--seeds", "2")  # where no other test has
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
    assert (found.method, found.score) == (row["method"], "test")
    assert all(getattr(found, key) == table[key] for key in ("stream", "network", "scenario"))
    assert len(found.seeds) == table["seeds"] >= 2  # printed beside the mean
    assert found.train.keep_optimizer


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[f"{name}, {row['name']}" for name, row in ROWS])
def test_no_default_of_clbench_toml_leaks_into_a_published_row(name, row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = read(FIGURES)[name]
    if row["method"] not in list(strategies):
        return
    shipped = config(table, row)
    monkeypatch.setattr("clbench.config.defaults.default_files", list)
    assert config(table, row) == shipped


# -- tables that take more than any machine has, and what differs -----------------------------------------------


def figures(path, **tables):
    path.write_text(yaml.safe_dump(tables))
    return path


def small(scenario="class", **more):
    rows = [
        {"name": "naive", "method": "finetuning", "mean": 50.0, "std": 50.0},
        {
            "name": "replay",
            "method": "er",
            "strategy": {"memory_size": 10, "replay": 5},
            "mean": 50.0,
            "std": 50.0,
        },
    ]
    common = copy.deepcopy(DIGITS["digits"]["common"])
    common["train"]["epochs"] = 1
    return {**DIGITS["digits"], "scenario": scenario, "seeds": 1, "common": common, "rows": rows, **more}


def test_a_table_that_needs_more_is_run_when_it_is_asked_for_and_compared_once_it_was(tmp_path):
    large = small(needs="a month", differs="all of it")
    options = {"figures": figures(tmp_path / "figures.yaml", large=large), "record": tmp_path / "runs"}
    for row in compared(Options(**options))["large"]:
        assert (row["ours"], row["within"], row["seeds"]) == (None, None, 0)
        assert row["notes"] == ["not run: needs a month; --table large runs it"]
    assert not list((tmp_path / "runs").rglob("*.json"))
    asked = compared(Options(table="large", **options))
    assert [row["notes"] for row in asked["large"]] == [[], []]
    assert all(row["within"] for row in asked["large"])
    next((tmp_path / "runs").rglob("er-*.json")).unlink()
    naive, replay = compared(Options(**options))["large"]
    assert naive == asked["large"][0]
    assert replay["ours"] is None
    said = text({"large": [naive, replay]}, options["figures"]).splitlines()
    assert said[0] == "large: nobody, of two tasks"
    assert "what differs: all of it" in said


def test_what_fits_runs_beside_what_does_not(tmp_path):
    both = {"large": small(needs="a month"), "fits": small("task")}
    found = compared(Options(figures=figures(tmp_path / "figures.yaml", **both), record=tmp_path / "runs"))
    assert [row["ours"] is None for rows in (found["large"], found["fits"]) for row in rows] == [True] * 2 + [
        False
    ] * 2
    configs = [load(path).config for path in (tmp_path / "runs").rglob("*.json")]
    assert [one["scenario"] for one in configs] == ["task", "task"]


@pytest.mark.parametrize(
    ("lacking", "more", "words"),
    [
        ("network", {}, "table lacks network$"),
        ("scenario", {}, "table lacks scenario$"),
        (None, {"need": "a GPU"}, "table has 'need'; did you mean 'needs'"),
        (None, {"rows": [{"name": "x", "method": "er", "mean": 1.0}]}, "table: row x lacks std$"),
        (
            None,
            {"rows": [{"name": "x", "method": "er", "mean": 1, "std": 1, "notes": ""}]},
            "row x has 'notes'; .*note",
        ),
    ],
)
def test_a_table_that_leaves_something_open_is_refused(tmp_path, lacking, more, words):
    table = {key: value for key, value in small(**more).items() if key != lacking}
    path = figures(tmp_path / "figures.yaml", table=table)
    with pytest.raises(UserError, match=words):
        read(path)


# -- DER's tables -----------------------------------------------------------------------------------------------

DER = {name: table for name, table in read(FIGURES).items() if name.startswith("der-")}


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    """Noise in the form of CIFAR-10, which is not the published file."""
    folder, draws = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    x = {f"x_{part}": draws.integers(0, 256, (40, 32, 32, 3), np.uint8) for part in ("train", "test")}
    np.savez(folder / "cifar10.npz", **x, y_train=np.arange(40) % 10, y_test=np.arange(40) % 10)
    return folder


def test_there_is_a_table_for_each_scenario_and_buffer():
    assert list(DER) == ["der-class-200", "der-class-500", "der-task-200", "der-task-500"]
    for name, table in DER.items():
        _, scenario, buffer = name.split("-")
        assert (table["scenario"], table["network"], bool(table["needs"])) == (scenario, "resnet18-small", True)
        sizes = {
            row["strategy"]["memory_size"] for row in table["rows"] if "memory_size" in row.get("strategy", {})
        }
        assert sizes == {int(buffer)}
        assert [row["name"] for row in table["rows"]] == ["SGD", "joint", "ER", "A-GEM", "iCaRL", "DER++"]


@pytest.mark.long
@pytest.mark.parametrize("name", ["der-class-200", "der-task-500"])
def test_every_row_of_der_s_tables_takes_steps(name, data_root, tmp_path, monkeypatch):
    """A narrow network, two tasks of four images, an epoch."""
    monkeypatch.chdir(tmp_path)
    table = copy.deepcopy(DER[name])
    table["common"]["stream"] |= {"limit": 4, "tasks": 2}
    table["common"]["network"]["width"] = 0.125
    table["common"]["train"]["epochs"] = 1
    options = Options(
        name, 1, 1, data_root, figures(tmp_path / "figures.yaml", **{name: table}), tmp_path / "runs"
    )
    for row in compared(options)[name]:
        assert row["seeds"] == 1
        assert 0 <= row["ours"] <= 100
        [note] = row["notes"]
        assert note.startswith("cifar10.npz (sha256 ")
        assert "is not the published file" in note
    runs = [load(path) for path in (tmp_path / "runs").rglob("*.json")]
    assert {run.config["method"] for run in runs} == {"finetuning", "joint", "er", "agem", "icarl", "derpp"}
    assert all(run.config["stream"]["augment"] == ["crop", "flip"] for run in runs)


def test_the_committed_results_are_those_of_rows_and_load():
    """Each is found again by the settings of a row, so that nothing is trained twice."""
    asked = [config(table, row) for table in read(FIGURES).values() for row in table["rows"]]
    paths = {str(one.path) for one in asked if one is not None}
    there = {str(path.relative_to(RECORD)) for path in RECORD.rglob("*.json")}
    assert there
    assert there <= paths
    assert all(kept(one, RECORD) for one in asked if one is not None and str(one.path) in there)
