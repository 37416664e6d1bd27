"""Streams too long to score every task after each: what is left out, and what of the numbers stays."""

import numpy as np
import pytest
from command_line import clbench, train

from clbench.learn.trainer import Trainer
from clbench.metrics import METRICS, Unavailable
from clbench.registry import strategies
from clbench.results import find, load, save
from clbench.results.scored_stages import scored_after

OF_FOUR = ("--method", "ewc", "--stream", "permuted-digits", "--set", "stream.tasks=4")


def trained(out, *words):
    assert train(out, *OF_FOUR, *words).code == 0
    (path,) = find([out])
    return path, load(path)


@pytest.mark.parametrize(
    ("every", "scored"),
    [
        (1, [5, 5, 5, 5, 5, 5]),
        (2, [5, 1, 5, 1, 5, 5]),
        (3, [5, 1, 1, 5, 1, 5]),
        (0, [5, 1, 1, 1, 1, 5]),
        (9, [5, 1, 1, 1, 1, 5]),
    ],
)
def test_the_new_task_is_always_scored_and_all_now_and_then(every, scored):
    assert [len(scored_after(stage, 5, every)) for stage in range(6)] == scored
    assert all(stage - 1 in scored_after(stage, 5, every) for stage in range(1, 6))


@pytest.mark.parametrize("words", ["last", "every=2"])
def test_what_is_scored_is_what_it_would_have_been(tmp_path, words):
    whole = trained(tmp_path / "all")[1].matrix[0]
    path, found = trained(tmp_path / words, "--evaluate", words)
    R = found.matrix[0]
    assert found.status == "done"
    assert 0 < np.isnan(R).sum() < R.size
    np.testing.assert_array_equal(R[~np.isnan(R)], whole[~np.isnan(R)])
    for name in ("mean", "BWT"):
        assert METRICS[name].of(R) == METRICS[name].of(whole)
    for name in ("SMT", "forgetting", "aia"):
        with pytest.raises(Unavailable):
            METRICS[name].of(R)
    printed = clbench("report", path).out
    when = {"last": "after the last", "every=2": "after every 2 tasks and after the last"}[words]
    assert f"All tasks are scored {when}, each new one after itself: ewc." in printed
    assert clbench("evaluate", path).code == 0
    assert clbench("compare", path, path, "--metric", "mean,BWT,SMT").code == 0


def test_a_score_that_is_due_must_be_there(tmp_path):
    path, found = trained(tmp_path, "--evaluate", "last")
    found.runs[0].matrix[-1][0] = None
    save(found, path)
    assert "matrix[4][0]: null in a finished run" in clbench("report", path).line


def test_a_run_that_goes_on_scores_as_it_began(tmp_path):
    path, found = trained(tmp_path, "--evaluate", "every=2")
    assert found.config["train"]["score_every"] == 2
    assert train(tmp_path, *OF_FOUR, "--evaluate", "every=2").code == 0
    assert find([tmp_path]) == [path]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--evaluate", "every"), "expected all, last, or every=K"),
        (("--evaluate", "every=0"), "expected all, last, or every=K"),
        (("--evaluate", "lst"), "expected all, last, or every=K"),
        (("--evaluate", "last", "--set", "train.score_every=3"), "exclude each other"),
        (("--stream", "cgan-digits", "--network", "mlp-gan", "--evaluate", "last"), "is scored every time"),
    ],
)
def test_mistakes_are_one_line(tmp_path, words, said):
    stream = () if "--stream" in words else ("--stream", "permuted-digits")
    ran = clbench("train", "--method", "sgd", *stream, "--out", tmp_path, "--quiet", *words)
    assert said in ran.line


def test_a_search_judges_every_stage(tmp_path):
    words = ("--set", "train.score_every=0", "--grid", "strategy.lam=1,2", "--out", tmp_path)
    assert "train.score_every" in clbench("sweep", *OF_FOUR, *words).line


@pytest.mark.parametrize("method", ["joint", "sgd-f", "sgd", "ewc"])
@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_what_a_task_leaves_untouched_keeps_its_scores(tmp_path, monkeypatch, method, scenario):
    words = ["--method", method, "--stream", "permuted-digits", "--scenario", scenario, "--set", "stream.tasks=3"]
    scored = []
    score = Trainer.score
    monkeypatch.setattr(Trainer, "score", lambda *a: scored.append(a[1].index) or score(*a))
    assert train(tmp_path / "some", *words, "--seeds", "2").code == 0
    some, (path,) = len(scored), find([tmp_path / "some"])
    monkeypatch.setattr(strategies[method], "untouched", lambda *_: set())
    assert train(tmp_path / "all", *words, "--seeds", "2").code == 0
    (other,) = find([tmp_path / "all"])
    np.testing.assert_array_equal(load(path).matrix, load(other).matrix)
    left_out = {"joint": 6, "sgd-f": 4 if scenario == "task" else 0}
    assert some == len(scored) - some - left_out.get(method, 0)
