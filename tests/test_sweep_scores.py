"""A search asks the score which trials are better: the lowest of a score of which less is better."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from test_sweep import ended, plan_of

from clbench.results import Run
from clbench.scores import ACCURACY, Score
from clbench.sweep import plots, words
from clbench.sweep import record as records
from clbench.sweep.continual import good_enough, worth
from clbench.sweep.drive import said_of, scores_of
from clbench.sweep.record import Record, Trial
from clbench.sweep.search import Search

FID = Score("FID", mean_name="FID", better="lower", low=0.0)
ERROR = Score("reconstruction error", mean_name="error", better="lower", factor=1000.0, unit="1/1000", low=0.0)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def record_of(*scores, measure=FID, grids=("strategy.lam=0:9:1",)):
    plan = plan_of(*grids)
    values = [dict(zip((a.name for a in plan.axes), each, strict=True)) for each in points(plan)]
    trials = [Trial(n, values[n], "x.json", "done", scores=[score]) for n, score in enumerate(scores)]
    return Record(plan.digest, plan.as_dict(), trials=trials, score=asdict(measure))


def points(plan):
    return np.array(np.meshgrid(*(a.values for a in plan.axes))).T.reshape(-1, len(plan.axes)).tolist()


def test_the_best_trial_is_the_lowest_and_of_equals_the_first():
    assert record_of(50.0, 20.0, 30.0, 20.0).best.number == 1
    assert [trial.number for trial in record_of(50.0, 20.0, 30.0).ranked] == [1, 2, 0]
    assert record_of(50.0, 20.0, measure=ACCURACY).best.number == 0


def test_a_record_says_its_score_and_an_older_one_is_of_accuracy():
    found = record_of(3.0)
    records.save(found, Path("r.json"))
    assert records.load(Path("r.json")).measure == FID
    raw = json.loads(Path("r.json").read_text())
    del raw["score"]
    Path("r.json").write_text(json.dumps(raw))
    assert records.load(Path("r.json")).measure == ACCURACY


def test_scores_of_trials_are_printed_ones():
    R = [[0.09, 0.09], [0.02, 0.08], [0.03, 0.01]]
    assert scores_of([Run(0, matrix=R)], ERROR) == [20.0, 20.0]
    assert scores_of([Run(0, matrix=R)], Score("loss", "loss", "lower")) == [0.02, 0.02]
    assert scores_of([Run(0, matrix=[[0.0], [0.00012344]])], Score("loss", "loss", "lower")) == [0.0001234]


def test_a_trial_above_the_median_of_the_others_is_hopeless_where_less_is_better():
    search = Search(plan_of("strategy.lam=0:9:1", stop_early=True), FID)
    for n in range(5):
        search.hopeless(Trial(n, {"strategy.lam": search.ask(n)["strategy.lam"]}, "", scores=[80.0 + n]))
        ended(search, n, {"strategy.lam": n}, [80.0 + n, 70.0])
    search.ask(5)
    assert search.hopeless(Trial(5, {"strategy.lam": 5}, "", scores=[83.0]))
    search.ask(6)
    assert not search.hopeless(Trial(6, {"strategy.lam": 6}, "", scores=[81.0]))


def test_tpe_comes_near_the_lowest():
    search = Search(plan_of("strategy.lam=0:40:1", search="tpe", trials=30), FID)
    tried = []
    for n in range(30):
        tried.append(search.ask(n)["strategy.lam"])
        ended(search, n, {"strategy.lam": tried[-1]}, [float((tried[-1] - 31) ** 2)])
    assert abs(np.array(tried[10:]) - 31).mean() < 10  # random: 14.1


def test_words_name_the_score_and_its_best():
    found = record_of(50.0, 20.0, 30.0)
    assert "FID 30.00 (best 20.00, trial 2)" in words.told(found, found.trials[2])
    status = words.status(found, Path("r.json")).splitlines()
    assert "FID" in status[1]
    assert [line.split()[0] for line in status[3:6]] == ["2", "3", "1"]
    assert "validation FID 20.00 (trial 2" in words.best(found)
    assert "ACC" not in "\n".join([*status, words.best(found)])
    assert "error (1/1000)" in words.status(record_of(3.0, measure=ERROR), Path("r.json"))
    small = record_of(0.00123, measure=Score("loss", "loss", "lower"))
    assert "loss 0.00123 (best" in words.told(small, small.trials[0])
    assert "0.00123" in words.status(small, Path("r.json"))
    assert [column.header for column in words.table(found).columns][2] == "FID"
    assert said_of(found.best, found) == {"trial": 1, "values": {"strategy.lam": 1}, "validation_FID": 20.0}


def test_task_by_task_the_lowest_rate_wins_and_a_share_more_is_tolerated():
    assert max((0.9, 0.2, None), key=lambda score: worth(score, ERROR)) == 0.2
    assert max((0.9, 0.2, None), key=lambda score: worth(score, ACCURACY)) == 0.9
    assert [good_enough(score, 0.5, 0.2, ERROR) for score in (0.4, 0.6, 0.61, None)] == [True, True, False, False]
    assert [good_enough(score, 0.5, 0.2, ACCURACY) for score in (0.6, 0.4, 0.39, None)] == [
        True,
        True,
        False,
        False,
    ]
    assert [good_enough(score, None, 0.2, ERROR) for score in (9.0, None)] == [True, False]


@pytest.mark.parametrize(
    "grids",
    [("strategy.lam=0,1", "strategy.gamma=0.5,1"), ("strategy.lam=0,1", "strategy.gamma=0.5,1", "train.lr=1,2")],
)
def test_pictures_frame_and_brighten_the_lowest(grids):
    found = record_of(50.0, 20.0, 30.0, 40.0, grids=grids)
    [_, svg] = plots.draw(found, Path("sweep"), Path("runs"), Path("plots"))
    figure = plots.heat_map("strategy.lam", "strategy.gamma", found.trials, found)
    [frame] = figure.axes[0].patches
    best = found.trials[1].values
    assert frame.get_xy() == (
        [0, 1].index(best["strategy.lam"]) - 0.5,
        [0.5, 1].index(best["strategy.gamma"]) - 0.5,
    )
    assert figure.axes[0].images[0].cmap.name == "cividis_r"
    assert svg.exists()
