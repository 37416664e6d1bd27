"""Distances of features, on Gaussians and sets whose distance is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from clbench.errors import UserError
from clbench.scores.fid.distance import Distance, Statistics, frechet, frechet_infinity, statistics_of
from clbench.scores.fid.kernel import discrepancy, kid
from clbench.scores.fid.manifolds import precision_recall


def drawn(seed: int, count: int, features: int, shift: float = 0.0) -> np.ndarray:
    """Correlated, each feature of its own width."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(features, features)) * np.geomspace(1, 1e-3, features)
    return rng.normal(size=(count, features)) @ mixed + shift


def turned(features: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(5).normal(size=(features, features)))[0]


def test_gaussians_of_a_known_distance():
    """Along shared axes it is the squared distance of the means and of the deviations, however these axes lie."""
    deviations = np.array([[1.0, 2.0, 0.0, 5.0], [3.0, 2.0, 1.0, 0.5]])
    means = np.array([[0.0, 1.0, 2.0, 3.0], [0.5, 1.0, 0.0, 3.0]])
    axes = turned(4)
    a, b = (
        Statistics(axes @ m, axes @ np.diag(d**2) @ axes.T, 10) for m, d in zip(means, deviations, strict=True)
    )

    expected = (np.diff(means, axis=0) ** 2).sum() + (np.diff(deviations, axis=0) ** 2).sum()
    assert frechet(a, b).value == pytest.approx(expected, rel=1e-6)


def test_covariances_that_do_not_commute_as_by_a_matrix_square_root():
    a, b = (statistics_of(drawn(seed, 400, 6, shift)) for seed, shift in ((0, 0.0), (1, 0.3)))
    root = linalg.sqrtm(a.covariance @ b.covariance)

    assert not np.allclose(a.covariance @ b.covariance, b.covariance @ a.covariance)
    trace = np.trace(a.covariance + b.covariance - 2 * root.real)
    assert frechet(a, b).value == pytest.approx(((a.mean - b.mean) ** 2).sum() + trace, rel=1e-9)


def test_statistics_are_the_mean_and_the_unbiased_covariance():
    found = statistics_of(np.array([[1.0, 0.0], [3.0, 4.0]], np.float32))

    assert found.mean.tolist() == [2.0, 2.0]
    assert found.covariance.tolist() == [[2.0, 4.0], [4.0, 8.0]]
    assert (found.mean.dtype, found.covariance.dtype, found.count) == (np.float64, np.float64, 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 40))
def test_symmetric_real_and_zero_on_itself_with_fewer_images_than_features_too(seed, count, features):
    a, b = (statistics_of(drawn(seed + n, count, features)) for n in (0, 1))
    there, back = frechet(a, b), frechet(b, a)

    assert isinstance(there.value, float)
    assert there.value >= 0
    assert there.value == pytest.approx(back.value, abs=1e-5 * there.scale)
    assert frechet(a, a).value <= 1e-5 * there.scale
    assert not there.note


def test_the_order_of_images_does_not_matter():
    x, y = drawn(0, 50, 8), drawn(1, 50, 8)
    mixed = np.random.default_rng(2).permutation(x)

    assert frechet(statistics_of(mixed), statistics_of(y)).value == pytest.approx(
        frechet(statistics_of(x), statistics_of(y)).value, rel=1e-9
    )


def test_what_is_cut_off_is_told_when_it_is_not_small():
    """A covariance that is none, with an eigenvalue of -4."""
    good = Statistics(np.zeros(2), np.eye(2), 9)
    bad = Statistics(np.zeros(2), np.diag([1.0, -4.0]), 9)

    assert frechet(good, bad).cut == pytest.approx(4.0)  # twice the root of its size
    assert "negative eigenvalues" in frechet(good, bad).note
    assert frechet(bad, good).cut >= 4.0
    assert Distance(1.0, 1e-5, 1.0).note == ""


@pytest.mark.parametrize("features", [np.ones((1, 3)), np.array([[1.0], [np.nan]]), np.ones(4)])
def test_no_distance_of_one_image_or_of_no_number(features):
    with pytest.raises(UserError):
        statistics_of(features)


def test_other_features_are_refused():
    with pytest.raises(UserError, match="3 features and of 2"):
        frechet(statistics_of(drawn(0, 9, 3)), statistics_of(drawn(0, 9, 2)))


def test_few_images_bias_the_distance_and_infinity_takes_the_bias_away():
    x, y = (np.random.default_rng(seed).normal(size=(600, 20)) for seed in (0, 1))  # truly at distance 0
    few, more = (frechet(statistics_of(x[:n]), statistics_of(y[:n])).value for n in (100, 600))

    assert few > 3 * more > 0.1
    assert abs(frechet_infinity(x, y)) < more / 3
    assert frechet_infinity(x, y, seed=3) == frechet_infinity(x, y, seed=3)


# -- KID ----------------------------------------------------------------------------------------------------------


def test_the_discrepancy_of_sets_by_hand():
    """Of {0, 1} and {1, 2}: k is 1 and 8 within, 1 for 0.1 and 0.2, 8 for 1.1, 27 for 1.2, of one feature."""
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])

    assert discrepancy(x, y) == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kid_of_two_halves_of_a_set_is_near_zero_on_both_sides_of_it():
    found = []
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(200, 5))
        found.append(kid(x[:100], x[100:]).mean)
    apart = kid(x[:100], x[100:] + 1).mean

    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5
    assert apart > 10 * max(found)


def test_kid_takes_subsets_drawn_by_its_seed_and_one_where_that_is_all():
    x, y = drawn(0, 60, 4), drawn(1, 60, 4)
    several = kid(x, y, seed=1, subsets=7, subset=20)

    assert (several.subsets, several.subset) == (7, 20)
    assert several == kid(x, y, seed=1, subsets=7, subset=20) != kid(x, y, seed=2, subsets=7, subset=20)
    assert several.deviation > 0
    assert (kid(x, y).subsets, kid(x, y).deviation) == (1, 0.0)
    assert kid(x, y).mean == pytest.approx(discrepancy(x, y))


# -- precision and recall -----------------------------------------------------------------------------------------


def test_precision_and_recall_of_equal_and_of_separate_sets():
    x = drawn(0, 80, 4)

    assert vars(precision_recall(x, x)) == {"precision": 1.0, "recall": 1.0}
    assert vars(precision_recall(x, x + 1e3)) == {"precision": 0.0, "recall": 0.0}


def test_a_generator_of_a_half_is_precise_and_recalls_a_half():
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 1e3])
    found = precision_recall(real, real[:50] + 1e-6)

    assert found.precision == 1.0
    assert found.recall == 0.5


def test_manifolds_by_hand():
    """Balls around 0, 1, 2, 3, 10 to the third nearest: 3, 2, 2, 3, 9; of the others -3.5, 4, 13, 20."""
    real = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]])
    generated = np.array([[-3.5], [4.0], [13.0], [20.0]])

    found = precision_recall(real, generated)
    assert found.precision == 2 / 4  # 4 and 13
    assert found.recall == 1.0


def test_many_features_go_through_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(30, 3)) + 1
    whole = precision_recall(x, y)
    monkeypatch.setattr("clbench.scores.fid.manifolds.NUMBERS", 50)

    assert precision_recall(x, y) == whole
    assert 0 < whole.precision < 1
