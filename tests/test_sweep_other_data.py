"""A sweep on other data: trials learn one stream, the winner another, of which nothing is scored before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import clbench
from test_sweep import CPU, Poison, plan_of

from clbench import results
from clbench.errors import UserError
from clbench.results import sweep_record as records
from clbench.run import train as learning
from clbench.sweep import defaults
from clbench.sweep.drive import sweep
from clbench.sweep.plan import Asked, planned

SETS = ("stream.limit=40", "train.epochs=1", "network.hidden=8", "strategy.consolidation=proximal")
TUNED = """
[stream.split-digits]
tasks = 3

[stream.split-digits.train]
batch_size = 7

[tuned.split-digits.task.mlp.train]
momentum = 0.1

[tuned.split-digits.task.mlp.strategy.ewc]
gamma = 0.1
lam = 77

[tuned."split:other.npz".task.mlp.train]
momentum = 0.3

[tuned."split:other.npz".task.mlp.strategy.ewc]
gamma = 0.3
lam = 88
"""


def images_of(name, seed=0, size=8, classes=10):
    """A data set of the shape of the digits."""
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), 30)
    x = draw.integers(0, 60, (len(labels), size, size), dtype=np.uint8)
    x[np.arange(len(labels)), labels % size, labels // size] += 190
    np.savez(name, x_train=x, y_train=labels, x_test=x[::3], y_test=labels[::3])


@pytest.fixture(autouse=True)
def other_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images_of("other.npz")


def other(*grids, stream="split-digits", tune_on="split:other.npz", sets=SETS, **more):
    return plan_of(*grids, stream=stream, sets=sets, protocol="other-data", tune_on=tune_on, **more)


def test_trials_learn_the_other_stream_and_the_winner_its_own():
    done = sweep(other("strategy.lam=0,1000", seeds=2), Path("runs"), CPU)
    for trial in done.record.trials:
        result = results.load(Path("runs") / trial.file)
        assert result.config["stream"]["name"] == "split:other.npz"
        assert (result.config["score"], result.config["stream"]["validation"]) == ("validation", 0.1)
    assert done.result.config["stream"]["name"] == "split-digits"
    assert (done.result.config["score"], done.result.seeds) == ("test", [1, 2])
    assert done.path.parent.name == "split-digits"
    assert done.result.search is not None
    assert done.result.search["tuned_on"]["name"] == "split:other.npz"
    assert "validation images of split:other.npz" in done.result.search["data"]
    assert records.load(done.path) == done.record
    again = sweep(other("strategy.lam=0,1000", seeds=2), Path("runs"), CPU)
    assert again.record == done.record


@pytest.mark.parametrize("scenario", ["task", "class"])
def test_trials_may_learn_the_first_tasks_alone_and_the_winner_learns_all(scenario):
    plan = other("strategy.lam=0,1000", tasks=2, scenario=scenario)
    assert plan.digest != other("strategy.lam=0,1000", scenario=scenario).digest
    done = sweep(plan, Path("runs"), CPU)
    trials = [results.load(Path("runs") / trial.file) for trial in done.record.trials]
    assert {len(trial.tasks) for trial in trials} == {2}
    assert len(done.result.tasks) == 5
    assert (
        "of split:other.npz, a stream of other images (after Cha & Cho 2024), the first 2 tasks"
        in (done.result.search["data"])
    )
    assert clbench("sweep", "compare", done.path).out.count("protocol other-data 2,") == 1


def test_both_have_the_values_of_the_stream_that_is_searched_on():
    Path("clbench.toml").write_text(TUNED)
    plan = other("strategy.lam=1,2")
    trial, winner = plan.trial({"strategy.lam": 2}), plan.winner({"strategy.lam": 2})
    assert (trial.strategy_options, trial.train) == (winner.strategy_options, winner.train)
    assert (winner.strategy_options["lam"], winner.strategy_options["gamma"]) == (2, 0.3)
    assert (winner.train.momentum, winner.train.batch_size) == (0.3, 128)
    assert winner.stream_options["tasks"] == 3
    assert trial.stream_options["tasks"] is None
    assert winner.origins["train.momentum"] == "clbench.toml:16 (tuned for task, mlp on split:other.npz)"
    assert trial.origins["train.momentum"] == "clbench.toml:16 (tuned for task, mlp)"


def test_what_is_tuned_for_the_winner_s_stream_is_no_part_of_the_sweep():
    before = other("strategy.lam=1,2").digest
    Path("clbench.toml").write_text("[tuned.split-digits.task.mlp.strategy.ewc]\ngamma = 0.1\nlam = 77\n")
    assert other("strategy.lam=1,2").digest == before
    Path("clbench.toml").write_text('[tuned."split:other.npz".task.mlp.strategy.ewc]\nlam = 77\n')
    assert other("strategy.lam=1,2").digest == before
    Path("clbench.toml").write_text('[stream."split:other.npz"]\nshuffle = true\n')
    assert other("strategy.lam=1,2").digest != before


@pytest.mark.parametrize("search", ["grid", "random"])
def test_no_test_label_of_either_stream_is_read_before_the_winner(monkeypatch, search):
    load, nothing = learning.load, Poison()

    def poisoned(*args, **options):
        return replace(load(*args, **options), x_test=nothing, y_test=nothing)

    monkeypatch.setattr(learning, "load", poisoned)
    plan = other("strategy.lam=1,2", search=search, trials=2)
    with pytest.raises(AssertionError, match="test data was looked at"):  # by the winner, so the search has ended
        sweep(plan, Path("runs"), CPU)
    assert {t.status for t in records.load(Path("runs") / plan.path).trials} <= {"done", "repeated"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tune_on": None}, "name the stream that trials learn, --tune-on STREAM"),
        ({"protocol": "stream"}, "--tune-on goes with --protocol other-data, and the protocol is stream"),
        ({"tune_on": "split-digits"}, "both show digits; name a stream of other images"),
        ({"tune_on": "permuted-digits"}, "both show digits"),
        ({"stream": "split:./other.npz"}, "both show .*other.npz"),
        ({"tune_on": "split-fashion-mnits"}, "--tune-on: no stream called.*did you mean 'split-fashion-mnist'"),
        (
            {"tune_on": "cgan-mnist", "sets": SETS[:1]},
            "cgan-mnist is made for dcgan and split-digits for mlp; --network NAME",
        ),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_run(more, words):
    asked = {
        "stream": "split-digits",
        "protocol": "other-data",
        "tune_on": "split:other.npz",
        "sets": SETS,
        **more,
    }
    with pytest.raises(UserError, match=words) as error:
        plan_of("strategy.lam=1,2", **asked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("form", "shape", "scenario", "words"),
    [
        (
            "split",
            {"size": 9},
            "task",
            "are 1x9x9 and those of split-digits 1x8x8, for which mlp is another network",
        ),
        (
            "permuted",
            {},
            "task",
            "its images are 64 and those of split-digits 1x8x8, for which mlp is another network$",
        ),
        ("rotated", {}, "task", "mlp has heads of 10 classes there and heads of 2 classes on split-digits"),
        ("split", {"classes": 9}, "class", "mlp has one head of 8 classes there and one head of 10 classes on"),
    ],
)
def test_a_stream_that_makes_another_network_is_refused(form, shape, scenario, words):
    images_of("shaped.npz", **shape)
    asked = Asked(
        "ewc",
        "split-digits",
        scenario=scenario,
        sets=SETS,
        grids=("strategy.lam=1,2",),
        options={"protocol": "other-data", "tune_on": f"{form}:shaped.npz"},
    )
    with pytest.raises(UserError, match=words):
        sweep(planned(None, asked), Path("runs"), CPU)
    assert not list(Path("runs").rglob("*.json"))


def test_a_copy_of_the_same_images_is_refused():
    images_of("copy.npz")
    plan = other("strategy.lam=1,2", stream="split:other.npz", tune_on="split:copy.npz")
    with pytest.raises(UserError, match=r"copy.npz is data of split:other.npz too"):
        sweep(plan, Path("runs"), CPU)


def test_the_command_line_says_what_it_was_tuned_on():
    sets = [word for one in SETS for word in ("--set", one)]
    words = ["sweep", "--method", "ewc", "--stream", "split-digits", *sets, "--grid", "strategy.lam=1"]
    words += ["--protocol", "other-data"]
    assert "--tune-on STREAM" in clbench(*words).line
    done = clbench(*words, "--tune-on", "split:other.npz", "--write-defaults")
    assert done.code == 0, done
    [path] = Path("runs").rglob("sweep-*.json")
    for command in (("sweep", "status"), ("show",)):
        assert "split:other.npz" in clbench(*command, path).out
    [winner] = results.find([Path("runs")])
    assert "split:other.npz" in clbench("show", winner).out
    written = Path("clbench.toml").read_text()
    assert "[tuned.split-digits.task.mlp.strategy.ewc]" in written
    assert "other-data (tuned on split:other.npz), validation ACC" in written


def test_a_file_names_the_other_stream():
    Path("s.yaml").write_text(
        "method: ewc\nstream: split-digits\n"
        "sweep:\n  protocol: other-data\n  tune_on: [a]\n  grid: {strategy.lam: '1,2'}"
    )
    assert "s.yaml:5: sweep.tune_on: expected the name of a stream" in clbench("sweep", "s.yaml").line


def test_what_was_tuned_elsewhere_is_written_with_a_caution():
    done = sweep(other("strategy.lam=1,2"), Path("runs"), CPU)
    assert any("split:other.npz" in words for words in defaults.cautions(done.record))
