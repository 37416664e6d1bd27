"""Every metric against numbers worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from results_by_hand import R3

from clbench import metrics
from clbench.metrics import METRICS, Unavailable, per_stage

R = np.array(R3)  # [[.5 .5 .5] [.9 .4 .5] [.7 .8 .6] [.6 .7 .95]]
M = np.array([0.95, 0.9, 0.97])
BY_HAND = {
    "mean": (60 + 70 + 95) / 3,
    "old": 60,
    "BWT": ((60 - 90) + (70 - 80)) / 2,
    "FWT": ((80 - 90) + (95 - 97)) / 2,
    # task 1: 90 70 60 has mean 73.33 and variance (16.67² + 3.33² + 13.33²) / 3; task 2: 80 70 has 25
    "SMT": ((277.7777778 + 11.1111111 + 177.7777778) / 3 + 25) / 2,
    "fwt_gem": ((40 - 50) + (60 - 50)) / 2,
    "forgetting": ((90 - 60) + (80 - 70)) / 2,
    "intransigence": ((95 - 90) + (90 - 80) + (97 - 95)) / 3,
    "aia": (90 + (70 + 80) / 2 + 75) / 3,
}


def test_every_metric_is_worked_by_hand():
    assert METRICS.keys() == BY_HAND.keys()


@pytest.mark.parametrize("name", BY_HAND)
def test_metric_by_hand(name):
    assert METRICS[name].of(R, M) == pytest.approx(BY_HAND[name])


def test_forgetting_takes_the_best_of_all_earlier_stages_and_may_be_negative():
    known_before = np.array([[0.5, 0.5], [0.8, 0.9], [0.7, 0.6]])
    assert metrics.forgetting(known_before) == pytest.approx(80 - 70)
    improving = np.array([[0.5, 0.5, 0.5], [0.6, 0.5, 0.5], [0.7, 0.9, 0.5], [0.8, 0.8, 0.9]])
    assert metrics.forgetting(improving) == pytest.approx(((70 - 80) + (90 - 80)) / 2)


def test_per_stage_values_by_hand():
    assert_allclose(metrics.mean_per_stage(R), [90, 75, 75])
    assert_allclose(per_stage("BWT", R), [np.nan, 70 - 90, -20])
    assert_allclose(per_stage("forgetting", R), [np.nan, 90 - 70, 20])
    assert_allclose(per_stage("SMT", R), [np.nan, 100, BY_HAND["SMT"]])
    assert_allclose(per_stage("FWT", R, M), [np.nan, 80 - 90, -6])
    assert np.isnan(per_stage("FWT", R)).all()


@pytest.mark.parametrize("name", ["BWT", "FWT", "SMT", "fwt_gem", "forgetting"])
def test_one_task_is_too_few(name):
    with pytest.raises(Unavailable, match="two tasks"):
        METRICS[name].of(np.array([[0.1], [0.9]]), np.array([0.95]))


def test_one_task_is_enough_for_the_others():
    one, m = np.array([[0.1], [0.9]]), np.array([0.95])
    assert [METRICS[name].of(one, m) for name in ("mean", "aia", "intransigence")] == pytest.approx([90, 90, 5])


@pytest.mark.parametrize("name", ["FWT", "intransigence"])
def test_joint_is_needed(name):
    with pytest.raises(Unavailable, match="joint"):
        METRICS[name].of(R)


@pytest.mark.parametrize("name", METRICS)
def test_a_missing_row_gives_a_reason_and_no_number(name):
    holes = R.copy()
    holes[2:] = np.nan
    with pytest.raises(Unavailable, match="missing"):
        METRICS[name].of(holes, M)


def test_acc_of_a_joint_matrix_is_that_of_its_last_row():
    assert metrics.final_mean(np.array([[0.5, 0.5], [0.9, 0.7]])) == pytest.approx(80)


@given(st.floats(0, 1), st.integers(2, 6))
def test_a_constant_matrix_neither_forgets_nor_varies(share, tasks):
    flat = np.full((tasks + 1, tasks), share)
    for name in ("BWT", "FWT", "SMT", "fwt_gem", "forgetting", "intransigence"):
        assert METRICS[name].of(flat, flat[-1]) == pytest.approx(0, abs=1e-9)
    assert METRICS["aia"].of(flat) == pytest.approx(METRICS["mean"].of(flat))


def test_metrics_do_not_change_the_matrix():
    before = R.copy()
    for metric in METRICS.values():
        metric.of(R, M)
    assert_allclose(R, before)
