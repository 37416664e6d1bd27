"""A model kind of a plugin file by the commands: trained, cut and resumed, reported, compared, scored again."""

import json
import time
from pathlib import Path

import pytest
from command_line import clbench, process

METHODS = ["finetuning", "ewc", "anpyc"]
WORDS = [
    *("train", "--plugin", Path(__file__).parent / "methods/my_autoencoder.py", "--network", "tiny-autoencoder"),
    *("--stream", "split-digits", "--method", ",".join(METHODS), "--seeds", "3", "--device", "cpu", "--quiet"),
    *("--set", "train.epochs=10", "--set", "train.lr=0.01", "--set", "strategy.ewc.lam=100000"),
]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def scores(path: Path) -> object:
    return [run["matrix"] for run in json.loads(path.read_text())["runs"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    ran = clbench(*WORDS, "--out", out)
    assert ran.code == 0, ran
    assert len(files(out)) == len(METHODS)
    return out


def test_results_say_which_score_and_which_file_made_them(whole: Path) -> None:
    for path in files(whole):
        found = json.loads(path.read_text())
        assert (found["score"]["name"], found["score"]["better"]) == ("reconstruction error", "lower")
        assert "my_autoencoder.py" in json.dumps(found["makers"])


def test_the_report_prefers_the_lower_error_and_calls_growth_forgetting(whole: Path) -> None:
    ran = clbench("report", whole, "--format", "json")
    assert ran.code == 0, ran
    rows = {row["method"]: row["metrics"] for row in json.loads(ran.out)}
    error = {method: rows[method]["error"]["mean"] for method in METHODS}
    assert all(cells["error"]["better"] == "lower" for cells in rows.values())
    assert rows["finetuning"]["BWT"]["mean"] > rows["ewc"]["BWT"]["mean"]  # above 0: the error grew
    assert rows["finetuning"]["BWT"]["mean"] > 0
    table = clbench("report", whole).out
    best = min(METHODS, key=error.__getitem__)
    for method in METHODS:
        line = next(line for line in table.splitlines() if f"| {method} " in line or f"| {method}|" in line)
        cell = line.split("|")[2]
        assert ("**" in cell) == (method == best), table


def test_methods_are_compared_in_the_scores_own_unit(whole: Path) -> None:
    ran = clbench("report", whole, "--stats")
    assert ran.code == 0, ran
    assert "error" in ran.out
    assert "accuracy" not in ran.out, ran.out


@pytest.mark.long
def test_a_killed_training_ends_with_the_scores_of_one_left_alone(whole: Path, tmp_path: Path) -> None:
    running = process(*WORDS, "--out", tmp_path)
    while running.poll() is None and not list(tmp_path.rglob("*.safetensors")):
        time.sleep(0.02)
    running.kill()
    running.communicate()
    assert clbench(*WORDS, "--out", tmp_path).code == 0
    assert [scores(path) for path in files(tmp_path)] == [scores(path) for path in files(whole)]


def test_checkpoints_score_again_as_they_did(whole: Path) -> None:
    ran = clbench("evaluate", *WORDS[1:3], "--device", "cpu", *files(whole))
    assert ran.code == 0, ran
    assert "0 of 45 scores differ" in ran.out, ran
    assert "points" not in ran.out, ran  # of accuracy
    stored = json.loads(files(whole)[0].read_text())["runs"][0]["matrix"][-1][0]
    assert f"{1000 * stored:.2f}" in ran.out, ran


def test_results_without_their_plugin_are_refused_in_one_line(whole: Path) -> None:
    running = process("evaluate", files(whole)[0], "--device", "cpu")
    out, err = running.communicate()
    assert running.returncode == 2
    assert not out
    assert err.count("\n") == 1
    assert "my_autoencoder" in err
