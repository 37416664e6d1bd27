"""Seeds join a file that is there: what stands in it stays bit for bit, and only what is asked for is shown."""

import json
from dataclasses import asdict

import pytest
from command_line import TINY, clbench, train
from test_runner import SETS, Interrupting

from clbench.config.resolve import resolve
from clbench.errors import UserError
from clbench.results import load
from clbench.results.locks import locked
from clbench.run.machine import Machine
from clbench.run.schedule import run, run_all


def tiny(*seeds, method="finetuning"):
    return resolve(method, "split-digits", sets=SETS, seeds=seeds)


def by_seed(result):
    return {one.seed: asdict(one) for one in result.runs}


def test_more_seeds_are_trained_and_those_that_are_there_stay(tmp_path):
    first = run(tiny(0, 1, method="ewc"), tmp_path)
    before = by_seed(first)
    both = run(tiny(0, 1, 2, 5, method="ewc"), tmp_path)
    assert both.seeds == [0, 1, 2, 5]
    assert {seed: one for seed, one in by_seed(both).items() if seed in before} == before
    assert [one.together for one in both.runs] == [[0, 1], [0, 1], [2, 5], [2, 5]]
    whole = run(tiny(0, 1, 2, 5, method="ewc"), tmp_path / "whole")
    assert [one.matrix for one in both.runs] == [one.matrix for one in whole.runs]
    assert len(list(tmp_path.glob("*/*.json"))) == 1
    stored = load(tmp_path / tiny().path.with_name(tiny(0, method="ewc").path.name))
    assert (stored.status, stored.seeds, stored.started) == ("done", [0, 1, 2, 5], first.started)


def test_fewer_seeds_find_themselves_and_are_shown_alone(tmp_path):
    train(tmp_path, "--method", "finetuning", "--seeds", "3", "--quiet")
    [path] = tmp_path.rglob("*.json")
    before = path.read_bytes()
    found = train(tmp_path, "--method", "finetuning", "--seeds", "2", "--json")
    assert [row["seeds"] for row in json.loads(found.out)["rows"]] == [[0, 1]]
    assert path.read_bytes() == before
    assert json.loads(clbench("report", path, "--format", "json").out)[0]["seeds"] == [0, 1, 2]


def test_one_command_may_ask_twice_with_other_seeds(tmp_path):
    done = run_all([tiny(0), tiny(1, 0), tiny(0)], tmp_path, Machine())
    assert [(path, result.seeds) for path, result in done] == [
        (tmp_path / tiny().path, [0]),
        (tmp_path / tiny().path, [0, 1]),
    ]


def test_an_interrupted_seed_that_is_not_asked_for_waits(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tiny(0), tmp_path, watch=Interrupting(1))
    assert run(tiny(7), tmp_path).status == "done"
    stored = load(tmp_path / tiny().path)
    assert [(one.seed, one.status) for one in stored.runs] == [(0, "running"), (7, "done")]
    assert stored.status == "running"
    assert run(tiny(0, 7), tmp_path).status == "done"
    assert load(tmp_path / tiny().path).status == "done"


def test_adding_seeds_to_a_file_that_is_run_is_refused(tmp_path):
    run(tiny(0), tmp_path)
    with locked(tmp_path / tiny().path), pytest.raises(UserError, match="another clbench process"):
        run(tiny(1), tmp_path)
    assert load(tmp_path / tiny().path).seeds == [0]


def test_force_leaves_the_seeds_that_it_is_asked_for(tmp_path):
    run(tiny(0, 1), tmp_path)
    assert run(tiny(1), tmp_path, force=True).seeds == [1]
    assert load(tmp_path / tiny().path).seeds == [1]


def test_seeds_of_a_study_are_added_too(tmp_path):
    words = ("prune-lenet", "--dataset", "digits", "--limit", "60", "--epochs", "1", "--retrain-epochs", "1")
    words += ("--rates", "0.5", "--batch-size", "20", "--importance", "magnitude", "--out", tmp_path, "--quiet")
    assert clbench(*words, "--seeds", "1").code == 0
    [path] = tmp_path.rglob("magnitude-*.json")
    before = by_seed(load(path))
    assert clbench(*words, "--seeds", "2").code == 0
    after = by_seed(load(path))
    assert (after[0], sorted(after)) == (before[0], [0, 1])


def test_a_dry_run_says_which_seeds_are_left(tmp_path):
    run(resolve("finetuning", sets=SETS, seeds=(0, 1)), tmp_path)
    words = ("train", "--out", tmp_path, *TINY, "--method", "finetuning", "--dry-run")
    assert "more seeds would be trained" in (more := clbench(*words, "--seeds", "4").out)
    assert "seeds: 0, 1, 2, 3; left: 2, 3" in more
    assert "finished, nothing is left to do" in clbench(*words, "--seeds", "1").out


def test_seeds_are_asked_of_a_sweep_s_winner_again(tmp_path):
    words = ("sweep", "--method", "ewc", "--grid", "strategy.lam=0,1", "--out", tmp_path, *TINY, "--quiet")
    assert clbench(*words, "--seeds", "1").code == 0
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert clbench(*words, "--seeds", "2").code == 0
    again = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert again.keys() == files.keys()
    changed = [path for path in files if again[path] != files[path]]
    [winner] = [path for path in changed if not path.name.startswith("sweep-")]
    assert load(winner).seeds == [1, 2]
    assert load(winner).search
