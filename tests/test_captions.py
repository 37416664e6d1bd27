"""The notes below a table name what is not the code's default, and who set it; origins come from the results."""

import json
from pathlib import Path

import pytest
from command_line import clbench, train
from results_by_hand import result

from clbench.config.resolve import origins
from clbench.report.compose import report
from clbench.results import save
from clbench.results.differences import brief

TUNED = "shipped clbench.toml:73 (tuned for task, mlp)"
STRATEGY = {"lam": 30.0, "fisher": "true"}
CAME = {"strategy.lam": TUNED, "strategy.fisher": "code", "train.lr": TUNED, "train.epochs": "--set, as code"}
CAME |= {
    "network.hidden": "mine.toml:4",
    "network.dropout": "code",
    "network.name": "--network",
    "stream.tasks": "--set",
}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stored(method: str, came: dict[str, str] | None, **config) -> Path:
    found = result(method, **config)
    found.origins = came
    path = Path("runs") / f"{method}-{found.digest}.json"
    save(found, path)
    return path


def notes(*paths: Path) -> list[str]:
    text = report(list(paths), "md")
    return [line.removeprefix("- ") for line in text.splitlines() if "code's defaults" in line]


def test_what_all_rows_share_and_what_is_a_method_s_own():
    ewc = stored("ewc", CAME, strategy=STRATEGY)
    si = stored("si", {**CAME, "strategy.lam": "--set"}, strategy={"lam": 0.6})
    sgd = stored("sgd", CAME)
    assert notes(ewc, si, sgd) == [
        "Not the code's defaults: network.hidden=[16] (mine.toml); stream.tasks=3 (--set); "
        "train.lr=0.1 (tuned for task, mlp).",
        "Not the code's defaults, by method (tuned for task, mlp): ewc: lam=30.0.",
        "Not the code's defaults, by method (--set): si: lam=0.6.",
    ]


def test_what_differs_between_rows_is_named_where_it_differs():
    one = stored("ewc", CAME, strategy=STRATEGY)
    two = stored(
        "ewc", {**CAME, "train.lr": "--set"}, strategy={**STRATEGY, "lam": 3.0}, train={"epochs": 1, "lr": 1}
    )
    si = stored("si", {**CAME, "train.lr": "code"}, train={"epochs": 1, "lr": 0.5})
    assert notes(one, two, si)[1:] == [
        "Not the code's defaults, by method (tuned for task, mlp): ewc: lam.",
        "Not the code's defaults, by method (--set or tuned for task, mlp): ewc: train.lr.",
    ]
    assert "Rows differ in train.lr: " in report([one, two, si], "md")


def test_results_without_origins_say_nothing_and_are_named_beside_others():
    old = stored("mas", None)
    assert notes(old) == []
    assert notes(stored("ewc", CAME), old)[-1] == "Of mas it is not stored what differs from the code's defaults."


@pytest.mark.parametrize("form", ["md", "latex", "latex-tables", "html", "json"])
def test_the_notes_are_in_every_format(form):
    text = report([stored("ewc", CAME, strategy=STRATEGY)], form).replace("&#39;", "'").replace("’", "'")
    assert "Not the code's defaults: network.hidden=[" in text.replace("{[}", "[")
    assert "tuned for task, mlp" in text
    if form == "json":
        assert json.loads(text)[0]["origins"]["train.lr"] == TUNED


def test_a_page_says_of_every_value_of_a_run_where_it_came_from():
    page = report([stored("ewc", CAME, strategy=STRATEGY)], "html")
    assert f"30.0, from {TUNED}" in page


def test_trained_here_and_reported():
    words = ["--method", "ewc,er", "--stream", "split-digits", "--scenario", "domain", "--quiet"]
    assert train(Path("runs"), *words).code == 0
    told = clbench("report", "runs").out
    assert "train.lr=0.05, train.lr_step=15 (shipped clbench.toml)" in told
    assert "by method (shipped clbench.toml): ewc: consolidation=proximal." in told
    assert "tuned" not in told


def test_the_heading_is_the_same_after_a_training_and_of_its_file():
    ran = train(Path("runs"), "--method", "ewc")
    said = next(line for line in ran.out.splitlines() if line.startswith("### "))
    assert said == next(line for line in report([Path("runs")], "md").splitlines() if line.startswith("### "))


def test_a_pruning_study_too():
    sizes = ["--limit", "40", "--epochs", "1", "--retrain-epochs", "0", "--rates", "0.5"]
    assert clbench("prune-lenet", "--dataset", "digits", *sizes, "--importance", "random", "--quiet").code == 0
    assert "train.epochs=1 (--epochs)" in clbench("report", "runs").out


@pytest.mark.parametrize(
    ("origin", "short", "differs"),
    [
        ("code", "code", False),
        ("--set", "--set", True),
        ("--set, as code", "--set", False),
        ("mine.toml:3", "mine.toml", True),
        ("shipped clbench.toml:7 (preset quick)", "preset quick", True),
        ("a (b).yaml:3", "a (b).yaml", True),
        ("/somebody/s/folder/fig3.yaml:12", "fig3.yaml", True),
    ],
)
def test_an_origin_in_short(origin, short, differs):
    assert (origins.in_short(origin), origins.differs(origin)) == (short, differs)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0.0030874833656408473", "0.003087"),
        ("54380.98658714934", "54381"),
        ("-3.123456789e-07", "-3.123e-07"),
        ("0.1", "0.1"),
        ("1e-05", "1e-05"),
        ("12345678", "12345678"),
        ("[0.123456789,2]", "[0.123456789,2]"),
        ("proximal", "proximal"),
    ],
)
def test_a_number_of_a_search_is_told_with_four_digits(value, said):
    assert brief(value) == said


@pytest.mark.parametrize(
    ("strengths", "labels"),
    [
        ((0.123456789, 3.3), ["ewc (lam=0.1235)", "ewc (lam=3.3)"]),
        ((0.123456789, 0.123456788), ["ewc (lam=0.123456788)", "ewc (lam=0.123456789)"]),
    ],
)
def test_rows_of_a_search_are_told_apart_in_brief_where_that_does(tmp_path, strengths, labels):
    for number, lam in enumerate(strengths):
        save(result("ewc", strategy={"lam": lam}), tmp_path / f"{number}.json")
    [*rows] = json.loads(report([tmp_path], "json"))
    assert [row["label"] for row in rows] == labels
