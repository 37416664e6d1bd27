"""clbench sweep: what is searched, in which order, on which data; what is kept, and what goes on after a kill."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import but_for, clbench, process

from clbench import results
from clbench.config.resolve import resolve
from clbench.errors import UserError
from clbench.results import Run
from clbench.results import sweep_record as records
from clbench.results.sweep_record import Record, Trial
from clbench.run import local
from clbench.run import train as learning
from clbench.run.experiment import SeedGroup
from clbench.run.machine import Machine
from clbench.sweep import defaults, display, plots
from clbench.sweep.drive import scores_of, sweep
from clbench.sweep.plan import PROTOCOLS, Asked, planned
from clbench.sweep.search import Search
from clbench.sweep.space import axes_of, axis_of

SMALL = (
    "stream.limit=40",
    "train.epochs=1",
    "network.hidden=8",
    "stream.tasks=3",
    "strategy.consolidation=proximal",
)
CPU = Machine(device="cpu")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plan_of(
    *grids: str, method="ewc", stream="permuted-digits", seeds=1, sets=SMALL, file=None, scenario=None, **options
):
    asked = Asked(method, stream, None, scenario, sets=sets, grids=grids, seeds=seeds, options=options)
    return planned(file, asked)


# -- the space ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0:10:1", tuple(range(11))),
        ("0:20:5", (0, 5, 10, 15, 20)),
        ("0:0.3:0.1", (0.0, 0.1, 0.2, 0.3)),
        ("1,3,10", (1, 3, 10)),
        ("proximal, gradient", ("proximal", "gradient")),
        ("[[512, 256], [64, 32]]", ([512, 256], [64, 32])),
        ([1e-3, 1e4], (1e-3, 1e4)),
        ("1e5,1e4", (1e5, 1e4)),
    ],
)
def test_values_are_read_as_written(text, values):
    axis = axis_of("strategy.lam", text, "")
    assert axis.values == values
    assert [type(v) for v in axis.values] == [type(v) for v in values]


def test_a_range_has_ends_and_a_scale():
    axis = axis_of("train.epochs", "1..100:log:int", "")
    assert (axis.ends, axis.log, axis.integer) == ((1, 100), True, True)
    assert axis_of("train.lr", "0.01..1", "").ends == (0.01, 1.0)


@pytest.mark.parametrize(
    ("grids", "options", "words"),
    [
        ((), {}, "nothing to search"),
        (("strategy.lam",), {}, "expected SECTION.OPTION=VALUES"),
        (("lam=1,2",), {}, "one of strategy.OPTION"),
        (("strategy.lamb=1,2",), {}, "did you mean 'lam'"),
        (("strategy.lam=-1,2",), {}, "greater than or equal to 0"),
        (("strategy.lam=1,1",), {}, "twice"),
        (("strategy.lam=5:1:1",), {}, "goes up"),
        (("strategy.lam=0:1:0",), {}, "goes up"),
        (("strategy.lam=0:1e9:1e-3",), {}, "there can be"),
        (("strategy.lam=0..1",), {}, "a grid cannot walk"),
        (("strategy.lam=0..1:log",), {"search": "tpe"}, "above 0"),
        (("strategy.lam=3..1",), {"search": "tpe"}, "smaller number"),
        (("strategy.lam=1,2",), {"search": "gird"}, "did you mean 'grid'"),
        (("strategy.lam=1,2",), {"protocol": "streams"}, "did you mean 'stream'"),
        (("strategy.lam=1,2",), {"validation": 1.5}, "between 0 and 1"),
        (("strategy.lam=1,2",), {"trials": 0}, "from 1 to"),
        (("strategy.lam=1,2", "strategy.lam=3"), {}, "given before"),
        (("train.epochs=1,2",), {"protocol": "continual"}, "one strength"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_run(grids, options, words):
    with pytest.raises(UserError, match=words) as error:
        plan_of(*grids, **options)
    assert "\n" not in str(error.value)
    assert not Path("runs").exists()


def test_a_file_says_what_flags_say():
    file = Path("sweep.yaml")
    file.write_text(
        "method: ewc\nstream: permuted-digits\nseeds: 3\ntrain: {epochs: 1}\n"
        "sweep: {search: grid, validation: 0.2, grid: {strategy.lam: 0:2:1, strategy: {gamma: [0.5, 1]}}}"
    )
    by_file = planned(file, Asked())
    flags = Asked(
        "ewc",
        "permuted-digits",
        sets=("train.epochs=1",),
        grids=("strategy.lam=0:2:1", "strategy.gamma=0.5,1"),
        seeds=3,
        options={"validation": 0.2},
    )
    assert by_file.digest == planned(None, flags).digest
    assert by_file.trials == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: ewc\nsweep:\n  grids: {}", "s.yaml:3: no option sweep.grids; did you mean 'grid'"),
        ("method: ewc\nsweep: 3", "s.yaml:2: sweep must be a table"),
        ("sweep:\n  search: [a]\n  grid: {strategy.lam: '1,2'}", "s.yaml:2: sweep.search"),
        ("sweep:\n  grid: {strategy.lam: {from: 1}}", "grid: strategy.lam: should be a valid number"),
        ("swep: {}", "did you mean 'sweep'"),
    ],
)
def test_a_fault_in_a_file_is_named_with_its_line(text, words):
    Path("s.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        planned(Path("s.yaml"), Asked())
    assert words in str(error.value)


def test_defaults_of_what_is_searched_do_not_change_the_sweep():
    before = plan_of("strategy.lam=1,2").digest
    Path("clbench.toml").write_text("[stream.permuted-digits.strategy.ewc]\nlam = 5\n")
    assert plan_of("strategy.lam=1,2").digest == before
    Path("clbench.toml").write_text("[stream.permuted-digits.strategy.ewc]\ngamma = 0.5\n")
    assert plan_of("strategy.lam=1,2").digest != before


# -- which values come next -----------------------------------------------------------------------------------


def ended(search: Search, number: int, values, scores, status="done") -> Trial:
    trial = Trial(number, values, "x.json", status, scores=scores)
    search.tell(trial)
    return trial


def test_a_grid_is_walked_in_its_order():
    search = Search(plan_of("strategy.lam=1,2", "strategy.gamma=0.5,1"))
    found = [tuple(search.ask(n).values()) for n in range(4)]
    assert found == [(1, 0.5), (1, 1), (2, 0.5), (2, 1)]


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_a_search_goes_on_with_the_values_it_would_have_tried(name):
    plan = plan_of("strategy.lam=0.01..100:log", "train.epochs=1..5:int", search=name, trials=12)
    whole, trials = Search(plan), []
    for n in range(12):
        values = whole.ask(n)
        trials.append(ended(whole, n, values, [50 - abs(np.log(values["strategy.lam"]))]))
    again = Search(plan)
    for trial in trials[:7]:
        again.again(trial)
    for trial in trials[7:]:
        assert again.ask(trial.number) == trial.values
        ended(again, trial.number, trial.values, trial.scores)
    assert all(0.01 <= t.values["strategy.lam"] <= 100 and t.values["train.epochs"] in range(1, 6) for t in trials)


def test_tpe_comes_near_the_best_of_a_list():
    search = Search(plan_of("strategy.lam=0:40:1", search="tpe", trials=30))
    tried = []
    for n in range(30):
        tried.append(search.ask(n)["strategy.lam"])
        ended(search, n, {"strategy.lam": tried[-1]}, [-float((tried[-1] - 31) ** 2)])
    assert abs(np.array(tried[10:]) - 31).mean() < 10  # random: 14.1


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_tpe_keeps_away_from_where_trials_are_lost(status):
    search = Search(plan_of("strategy.lam=0.001..1000:log", search="tpe", trials=30))
    tried = []
    for n in range(30):
        tried.append(strength := search.ask(n)["strategy.lam"])
        lost = strength > 1  # the best values are those next to it
        trial = Trial(n, {"strategy.lam": strength}, "", status if lost else "done")
        trial.scores = [] if lost else [np.log(strength)]
        search.tell(trial)
    assert sum(strength > 1 for strength in tried[10:]) < 8  # of 20; all 20 where nothing is learned of them
    assert max(strength for strength in tried if strength <= 1) > 0.5


def test_a_trial_below_the_median_of_the_others_is_hopeless():
    search = Search(plan_of("strategy.lam=0:9:1", stop_early=True))
    for n in range(5):
        search.hopeless(Trial(n, {"strategy.lam": search.ask(n)["strategy.lam"]}, "", scores=[80.0 + n]))
        ended(search, n, {"strategy.lam": n}, [80.0 + n, 70.0])
    search.ask(5)
    assert search.hopeless(Trial(5, {"strategy.lam": 5}, "", scores=[81.0]))
    search.ask(6)
    assert not search.hopeless(Trial(6, {"strategy.lam": 6}, "", scores=[83.0]))


def test_scores_are_those_of_the_tasks_learned_so_far():
    R = [[0.5, 0.5, 0.5], [0.9, 0.4, 0.5], [0.8, 0.6, 0.5]]
    assert scores_of([Run(0, matrix=R)]) == [90.0, 70.0]
    assert scores_of([Run(0, matrix=R), Run(1, matrix=R[:2])]) == [90.0]
    assert scores_of([Run(0, matrix=R, status="diverged")]) == []
    joint = [[0.5, 0.5, 0.5], [0.9, 0.6, 0.3]]
    assert scores_of([Run(0, matrix=joint, status="done")]) == [90.0, 75.0, 60.0]


# -- the whole ------------------------------------------------------------------------------------------------


def test_trials_are_ordinary_results_and_the_winner_is_tested_once():
    plan = plan_of("strategy.lam=0,1000", seeds=2)
    done = sweep(plan, Path("runs"), CPU)
    record = done.record
    assert [trial.status for trial in record.trials] == ["done", "done"]
    for trial in record.trials:
        result = results.load(Path("runs") / trial.file)
        assert (result.config["score"], result.config["stream"]["validation"]) == ("validation", 0.1)
        R = np.array(result.runs[0].matrix)
        assert trial.score == pytest.approx(100 * R[-1].mean(), abs=1e-3)
    winner = results.load(done.winner)
    assert winner.config["strategy"]["lam"] == record.best.values["strategy.lam"]
    assert (winner.config["score"], winner.config["stream"]["validation"]) == ("test", 0.0)
    assert winner.seeds == [1, 2]  # fresh: the trials had seed 0
    assert winner.search["trials"] == {"done": 2}
    assert winner.search["validation_ACC"] == record.best.score
    assert records.load(done.path) == record


def test_finished_trials_are_not_run_again(monkeypatch):
    plan = plan_of("strategy.lam=0,1")
    first = sweep(plan, Path("runs"), CPU)
    monkeypatch.setattr(SeedGroup, "learn", lambda *_: pytest.fail("learned again"))
    again = sweep(plan, Path("runs"), CPU)
    assert again.record == first.record


class Poison:
    """Labels that must not be read."""

    def __getattr__(self, name):
        raise AssertionError(f"test data was looked at: {name}")

    __len__ = __getitem__ = __iter__ = __array__ = lambda self, *_: self.__getattr__("its values")


@pytest.mark.parametrize("protocol", ["stream", "first", "other-seed"])
@pytest.mark.parametrize(("search", "grid"), [("grid", "strategy.lam=1,2"), ("tpe", "strategy.lam=1..10:log")])
def test_no_search_reads_test_labels(monkeypatch, protocol, search, grid):
    """The images' own test parts raise at any touch until the winner is trained."""
    load = learning.load

    def poisoned(*args, **options):
        return replace(load(*args, **options), x_test=Poison(), y_test=Poison())

    monkeypatch.setattr(learning, "load", poisoned)
    tasks = 2 if protocol == "first" else None
    plan = plan_of(grid, protocol=protocol, search=search, trials=2, tasks=tasks)
    with pytest.raises(AssertionError, match="test data was looked at"):  # by the winner, so the search has ended
        sweep(plan, Path("runs"), CPU)
    record = records.load(Path("runs") / plan.path)
    assert [trial.status for trial in record.trials] == ["done", "done"]


def test_a_continual_search_shows_the_method_no_test_images_and_no_other_task():
    seen = []

    class Watched(learning.strategies["ewc"]):
        def begin_task(self, trainer, task):
            seen.append((task.index, task.test is None, len(task.train)))
            super().begin_task(trainer, task)

    learning.strategies.entries["watched"] = Watched
    try:
        plan = plan_of("strategy.lam=1000,1", "train.lr=0.1,0.01", method="watched", protocol="continual")
        done = sweep(plan, Path("runs"), CPU)
    finally:
        del learning.strategies.entries["watched"]
    result = results.load(done.winner)
    chosen = result.runs[0].chosen
    assert [entry["strength"] in (1000, 1) and entry["rate"] in (0.1, 0.01) for entry in chosen] == [True] * 3
    searching = [(index, size) for index, blind, size in seen if blind]
    final = [(index, size) for index, blind, size in seen if not blind]
    assert [index for index, _ in final] == [0, 1, 2]
    assert {size for _, size in searching} == {40}
    assert all(size > 40 for _, size in final)  # with the images that were held out
    assert [index for index, _ in searching].count(0) == 2  # no strength is searched for the first task


@pytest.mark.parametrize(
    ("method", "name", "words"),
    [
        ("er", "strategy.memory_size", "of er it can search strategy.replay$"),
        ("derpp", "strategy.memory_size", "strategy.replay or strategy.alpha or strategy.beta$"),
        ("xdg", "strategy.closed", "xdg has nothing that it can search"),
        ("ewc", "strategy.gamma", "strategy.lam"),
        ("ewc", "strategy.mas.lam", "strategy.lam"),
        ("ewc", "strategy.lamb", "did you mean 'lam'"),
    ],
)
def test_a_continual_search_refuses_what_is_read_when_a_run_starts(method, name, words):
    values = "5,1" if name == "strategy.memory_size" else "1,0.5"
    with pytest.raises(UserError, match=words):
        plan_of(f"{name}={values}", method=method, sets=SMALL[:-1], protocol="continual")


@pytest.mark.parametrize("name", ["strategy.replay", "strategy.er.replay"])
def test_a_continual_search_sets_the_option_itself_in_its_own_type(name, monkeypatch):
    learn, seen = learning.strategies["er"].learn, []

    def watched(self, trainer, task):
        seen.append(self.replay)
        return learn(self, trainer, task)

    monkeypatch.setattr(learning.strategies["er"], "learn", watched)
    sweep(plan_of(f"{name}=6,3", method="er", sets=SMALL[:-1], protocol="continual"), Path("runs"), CPU)
    assert set(seen) <= {0, 3, 6}
    assert {0, 6} <= set(seen)
    assert {type(value) for value in seen} == {int}


@pytest.mark.parametrize(("protocol", "tasks", "seed"), [("stream", 3, 0), ("first", 2, 0), ("other-seed", 3, 1)])
def test_a_protocol_says_what_trials_learn(protocol, tasks, seed):
    first = 2 if protocol == "first" else None
    config = plan_of("strategy.lam=1,2", protocol=protocol, tasks=first).trial({"strategy.lam": 1})
    stream = learning.build_stream(config, CPU, torch.device("cpu"))
    assert len(stream.tasks) == tasks
    assert config.stream_options["seed"] == seed
    whole = learning.build_stream(
        replace(config, stream_options={**config.stream_options, "first": None}), CPU, "cpu"
    )
    for task, same in zip(stream.tasks, whole.tasks, strict=False):
        assert torch.equal(task.train.permutations, same.train.permutations)


@pytest.mark.parametrize(
    ("name", "value", "protocols"),
    [("tasks", 2, ("first", "other-data")), ("tolerance", 0.3, ("continual",))],
)
def test_what_a_protocol_would_leave_aside_is_refused(name, value, protocols):
    for protocol in set(PROTOCOLS) - {*protocols, "other-data"}:
        with pytest.raises(
            UserError, match=f"--{name} goes with --protocol {' or '.join(protocols)}, .* {protocol}$"
        ):
            plan_of("strategy.lam=1,2", protocol=protocol, **{name: value})


def test_a_failed_trial_has_its_reason_and_the_others_go_on(monkeypatch):
    learn = SeedGroup.learn

    def sometimes(self, machine, tell):
        if self.experiment.config.strategy_options["lam"] == 1:
            raise RuntimeError("on purpose")
        return learn(self, machine, tell)

    monkeypatch.setattr(SeedGroup, "learn", sometimes)
    record = sweep(plan_of("strategy.lam=0,1,2"), Path("runs"), CPU).record
    assert [trial.status for trial in record.trials] == ["done", "failed", "done"]
    assert "on purpose" in record.trials[1].reason


def test_where_every_trial_fails_the_reason_is_the_message(monkeypatch):
    monkeypatch.setattr(SeedGroup, "learn", lambda *_: (_ for _ in ()).throw(RuntimeError("on purpose")))
    with pytest.raises(UserError, match=r"no trial has finished.*on purpose"):
        sweep(plan_of("strategy.lam=0,1"), Path("runs"), CPU)


def test_a_trial_that_is_stopped_early_says_after_which_task():
    sets = ("stream.limit=300", "train.epochs=4", "network.hidden=16", "stream.tasks=2")
    rates = ("train.lr=0.1,0.1000001,0.1000002,0.1000003,0.1000004,1e-9",)
    record = sweep(plan_of(*rates, stop_early=True, sets=sets), Path("runs"), CPU).record
    assert [trial.status for trial in record.trials[:5]] == ["done"] * 5
    assert record.trials[5].status == "stopped"
    assert "after task 1" in record.trials[5].reason
    stopped = results.load(Path("runs") / record.trials[5].file)
    assert stopped.status == "running"
    assert len(stopped.runs[0].matrix) == 2


def test_two_trials_of_the_same_values_are_run_once():
    plan = plan_of("strategy.lam=1..1.0000000000000002", search="random", trials=4)
    record = sweep(plan, Path("runs"), CPU).record
    assert record.count("done") <= 2
    assert record.count("done") + record.count("repeated") == 4
    assert "the same run as trial 1" in [t.reason for t in record.trials]


# -- the command line -----------------------------------------------------------------------------------------

WORDS = ("sweep", "--method", "ewc", "--stream", "permuted-digits", *[w for s in SMALL for w in ("--set", s)])


def test_status_and_best_answer_from_the_file_alone():
    done = clbench(*WORDS, "--grid", "strategy.lam=0,1000", "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    status = clbench("sweep", "status", told["record"])
    assert "2 of 2 trials ended" in status.out
    best = clbench("sweep", "best", told["record"])
    value = max(told["trials"], key=lambda t: t["scores"][-1])["values"]["strategy.lam"]
    assert f"--set strategy.lam={value}" in best.out
    assert json.loads(clbench("sweep", "best", told["record"], "--json").out)["values"]["strategy.lam"] == value
    assert "ewc" in clbench("report", "runs").out  # trials are ordinary results, and the record is none


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sweep", "status"), "name one record"),
        (("sweep", "status", "nowhere.json"), "No such file"),
        (("sweep", "a.yaml", "b.yaml"), "expected one file"),
        (("sweep", "nowhere.yaml"), "No such file"),
        ((*WORDS, "--grid", "strategy.lam=1", "--out", "nothing://x"), "nothing"),
        ((*WORDS, "--grid", "stream.seed=1", "--write-defaults"), "the method's options and training"),
        ((*WORDS, "--grid", "strategy.lam=1", "--ray", "127.0.0.1:9"), "no cluster answers"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(words, expected):
    if "--ray" in words:
        pytest.importorskip("ray")
    assert expected in clbench(*words).line


def test_a_damaged_record_is_named():
    Path("r.json").write_text('{"kind": "sweep", "trials": 3}')
    assert "r.json" in clbench("sweep", "status", "r.json").line
    Path("r.json").write_text('{"kind": "train"}')
    assert "not the record of a sweep" in clbench("sweep", "best", "r.json").line


def test_write_defaults_keeps_comments_and_other_values():
    Path("clbench.toml").write_text(
        "# mine\n[train]\nepochs = 7 # long\n\n[stream.permuted-digits.strategy.ewc]\ngamma = 0.5 # kept\n"
    )
    done = clbench(*WORDS, "--grid", "strategy.lam=3", "--grid", "train.lr=0.1", "--write-defaults")
    assert done.code == 0, done
    written = Path("clbench.toml").read_text()
    assert "# mine" in written
    assert "epochs = 7 # long" in written
    assert "gamma = 0.5 # kept" in written
    assert "lam = 3 # clbench sweep, stream, validation ACC" in written
    assert "[tuned.permuted-digits.task.mlp.strategy.ewc]" in written
    assert "[tuned.permuted-digits.task.mlp.strategy.ewc.train]\nlr = 0.1 # clbench sweep" in written
    assert clbench("train", "--method", "ewc", "--stream", "permuted-digits", *WORDS[5:], "--quiet").code == 0
    [trained] = results.find([Path("runs")])  # what is trained by default is what won
    assert results.load(trained).seeds == [0, 1]
    assert resolve("ewc", "permuted-digits").origins["strategy.lam"].endswith("(tuned for task, mlp)")
    assert resolve("ewc", "permuted-digits").train.lr == 0.1
    assert resolve("si", "permuted-digits").train.lr == 0.05


def test_write_defaults_says_with_how_little_the_values_were_found():
    done = clbench(*WORDS, "--grid", "strategy.lam=3", "--write-defaults")
    found = "1 trial, at most 40 training images a task, 1 epoch"
    assert found in Path("clbench.toml").read_text()
    assert f"warning: these values were found with little ({found}); search again for whole trainings" in done.out
    told = json.loads(clbench(*WORDS, "--grid", "strategy.lam=3", "--write-defaults", "--json").out)
    assert any(note.startswith("warning: ") for note in told["notes"])


def record_of(*scores, **config):
    trials = [
        Trial(n, {"strategy.lam": n}, "x", "done", scores=[score], spread=[score])
        for n, score in enumerate(scores)
    ]
    whole = {"stream": {"name": "s", "limit": None}, "train": {"epochs": 5}, "method": "ewc", **config}
    plan = {"config": whole, "space": {"strategy.lam": {}}, "search": "grid", "protocol": "stream", "trials": 9}
    return Record("0" * 12, plan, trials=trials)


def test_a_search_with_enough_is_written_without_a_word():
    assert defaults.cautions(record_of(1.0, 2.0, 3.0, 4.0, 5.0)) == []
    assert "1 epoch" in defaults.cautions(record_of(1.0, 2.0, 3.0, 4.0, 5.0, train={"epochs": 1}))[0]
    assert defaults.cautions(record_of(1.0, 2.0, 3.0, 4.0, 5.0, train={"epochs": 1, "iterations": 900})) == []
    assert "4 trials" in defaults.cautions(record_of(1.0, 2.0, 3.0, 4.0))[0]


def test_a_tie_is_said():
    assert record_of(90.0, 91.0).tie == ""
    assert record_of().tie == ""
    two, three = record_of(90.0, 91.0, 91.0), record_of(91.0, 91.0, 90.0, 91.0)
    assert two.tie == "trial 3 reaches the same ACC as the best, trial 2: the first was taken"
    assert three.tie == "trials 2, 4 reach the same ACC as the best, trial 1: the first was taken"
    for words in (display.best(two), display.status(two, Path("r"))):
        assert two.tie in words
    assert two.tie in defaults.cautions(two)[-1]


def test_pictures_of_a_continual_search_show_what_every_task_tried_and_chose():
    grids = ["--grid", "strategy.lam=1000,1", "--grid", "train.lr=0.1,0.01"]
    done = clbench(*WORDS, *grids, "--protocol", "continual", "--seeds", "2", "--plots", "pictures", "--quiet")
    assert done.code == 0, done
    drawn = sorted(path.suffix for path in Path("pictures").iterdir())
    assert drawn == [".png", ".svg"]
    [winner] = [results.load(path) for path in results.find([Path("runs")])]
    figure = plots.choices(winner)
    rate, strength = figure.axes[:2]
    assert (rate.get_ylabel(), strength.get_ylabel()) == ("train.lr", "strategy.lam (log scale)")
    assert [list(line.get_ydata()) for line in rate.lines] == [[c["rate"] for c in r.chosen] for r in winner.runs]
    assert len(strength.lines) == 2


def test_trials_lie_apart_and_are_reported_where_they_are_asked_for():
    assert clbench(*WORDS, "--grid", "strategy.lam=0,1000", "--quiet").code == 0
    trials = Path("runs") / results.TRIALS
    assert len(results.find([trials])) == 2
    [winner] = results.find([Path("runs")])
    assert results.load(winner).config["score"] == "test"
    assert clbench("report", "runs").out.count("| ewc") == 1
    assert "scored on validation data" in clbench("report", trials).out


def test_a_sweep_of_an_older_layout_goes_on():
    done = sweep(plan_of("strategy.lam=0,1000"), Path("runs"), CPU)
    for trial in done.record.trials:  # as they lay before
        new = Path("runs") / trial.file
        trial.file = str(Path(trial.file).relative_to(results.TRIALS))
        (Path("runs") / trial.file).write_bytes(new.read_bytes())
        new.unlink()
    records.save(done.record, done.path)
    assert [trial.score for trial in records.load(done.path).trials] == [t.score for t in done.record.trials]
    again = sweep(plan_of("strategy.lam=0,1000"), Path("runs"), CPU)
    assert (again.winner, len(again.record.trials)) == (done.winner, 2)
    more = sweep(plan_of("strategy.lam=0,1000,1"), Path("runs"), CPU)
    assert [(Path("runs") / trial.file).exists() for trial in more.record.trials] == [True] * 3
    assert more.record.trials[0].seconds == done.record.trials[0].seconds  # taken over, not trained again


def test_what_was_written_for_one_scenario_holds_in_no_other():
    words = [*WORDS, "--scenario", "class", "--grid", "strategy.lam=3", "--write-defaults"]
    assert clbench(*words, "--quiet").code == 0
    lams = {s: resolve("ewc", "permuted-digits", scenario=s) for s in ("task", "domain", "class")}
    assert {s: c.strategy_options["lam"] for s, c in lams.items()} == {"task": 1000, "domain": 100, "class": 3}


def test_results_at_a_url_are_copied_there_and_found_again():
    words = (*WORDS, "--grid", "strategy.lam=0,1", "--out", f"file://{Path.cwd()}/far", "--quiet")
    assert clbench(*words).code == 0
    found = [*results.find([Path("far")]), *results.find([Path("far") / results.TRIALS])]
    assert len(found) == 3
    [record] = Path("far").rglob("sweep-*.json")
    assert len(records.load(record).trials) == 2
    before = {path: path.stat().st_mtime_ns for path in Path("far").rglob("*.json")}
    assert clbench(*words).code == 0
    assert before.keys() == set(Path("far").rglob("*.json"))


@pytest.mark.parametrize(
    ("grids", "suffix"),
    [
        (("strategy.lam=0,1,1000",), "curve"),
        (("strategy.lam=0,1", "strategy.gamma=0.5,1"), "heat map"),
        (("strategy.lam=0,1", "strategy.gamma=0.5,1", "train.lr=0.1,0.01"), "parallel"),
    ],
)
def test_every_number_of_options_has_its_picture(grids, suffix):
    from clbench.sweep import plots

    plan = plan_of(*grids)
    trials = [
        Trial(n, dict(zip((a.name for a in plan.axes), values, strict=True)), "", "done", scores=[50.0 + n])
        for n, values in enumerate(
            np.array(np.meshgrid(*(a.values for a in plan.axes))).T.reshape(-1, len(plan.axes)).tolist()
        )
    ]
    record = Record(plan.digest, plan.as_dict(), trials=trials)
    if suffix == "curve":
        done = sweep(plan, Path("runs"), CPU)
        record = done.record
    pictures = plots.draw(record, Path(plan.path.name), Path("runs"), Path("plots"))
    assert [p.suffix for p in pictures] == [".png", ".svg"]
    assert all(p.stat().st_size > 3000 for p in pictures)
    assert axes_of({"strategy.lam": "1"}, "")[0].values == (1,)


@pytest.mark.long
def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on():
    more = ["--grid", "strategy.lam=0:5:1", "--workers", "2", "--set", "train.epochs=3"]
    words = but_for(list(WORDS), more)
    run = process(*words)
    deadline = time.monotonic() + 120
    while not any(" ACC " in line for line in (run.stderr.readline(),)) and time.monotonic() < deadline:
        pass
    os.kill(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.splitlines()[-1].startswith("clbench: interrupted")
    [path] = Path("runs").rglob("sweep-*.json")
    before = records.load(path)
    assert before.count("done") >= 1
    assert before.status == "running"
    assert clbench(*words, "--quiet").code == 0
    after = records.load(path)
    assert after.count("done") == 6
    kept = {t.number: t for t in before.trials if t.status == "done"}
    assert {n: after.trials[n] for n in kept} == kept


@pytest.mark.parametrize(
    ("more", "several"), [({}, True), ({"search": "tpe"}, False), ({"stop_early": True}, False)]
)
def test_trials_that_depend_on_each_other_run_one_at_a_time_unless_asked_for(monkeypatch, more, several):
    seen = []

    def processes(jobs, machine, on_news, at_a_time):
        seen.append(at_a_time)
        return local.run_here(jobs, machine, on_news)

    monkeypatch.setattr(local, "cores", lambda machine: 2)
    monkeypatch.setattr(local, "rooms", lambda device: 2)
    monkeypatch.setattr(local, "run_in_processes", processes)
    sweep(plan_of("strategy.lam=0,1", trials=2, **more), Path("auto"), CPU, local.Local(None))
    assert seen == [2] * several
    sweep(plan_of("strategy.lam=0,1", trials=2, **more), Path("asked"), CPU, local.Local(2))
    assert seen[several:] == [2]
