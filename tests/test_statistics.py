"""Intervals, tests and ranks are those of their papers, by numbers worked by hand and by trying all cases."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import norm, rankdata, t, ttest_1samp, ttest_ind

from clbench import statistics as s

FIVE = [96.83, 97.12, 97.05, 97.41, 95.94]


def test_the_t_interval_of_one_two_three():
    half = 4.302653 / 3**0.5  # the 97.5 percent quantile with 2 degrees of freedom; the standard deviation is 1
    assert s.t_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    assert s.t_interval([4.0, 4.0]) == (4, 4)
    assert s.t_interval([4.0]) is None


def test_the_bootstrap_interval_is_that_of_all_resamples():
    """BCa of the mean over all 5^5 resamples (Efron 1987), which 9999 drawn ones come near to."""
    values = np.array(FIVE)
    means = np.array([np.mean(draw) for draw in product(values, repeat=5)])
    bias = norm.ppf((np.mean(means < values.mean() - 1e-9) + np.mean(means <= values.mean() + 1e-9)) / 2)
    without = np.array([np.delete(values, i).mean() for i in range(5)])
    off = without.mean() - without
    acceleration = (off**3).sum() / (6 * (off**2).sum() ** 1.5)

    for bound, level in zip(s.bootstrap_interval(FIVE), (0.025, 0.975), strict=True):
        z = bias + norm.ppf(level)
        share = norm.cdf(bias + z / (1 - acceleration * z))  # of the resamples whose mean is below the bound
        assert np.mean(means < bound - 1e-9) - 0.004 < share < np.mean(means < bound + 1e-9) + 0.004
    assert s.bootstrap_interval(FIVE) == s.bootstrap_interval(FIVE)
    assert s.bootstrap_interval([3.0] * 5) == (3, 3)
    assert s.bootstrap_interval(FIVE[:4]) is None


def by_all_signs(differences):
    """The share of sign patterns whose sum is as far from 0 as the one observed."""
    sums = [np.dot(signs, np.abs(differences)) for signs in product([-1, 1], repeat=len(differences))]
    return np.mean(np.abs(sums) >= abs(sum(differences)) - 1e-9)


@pytest.mark.parametrize(
    "differences",
    [[1.0, 2, 3], [1.0, -2, 3, 4, 5], [1.0, 1, 1, -1, 2], [0.0, 0, 0.1, 0.2, -0.1, 0.4], [-0.3, -0.2, -0.1, 0.0]],
)
def test_the_paired_tests_are_those_of_all_sign_flips(differences):
    """Wilcoxon's is the flips of the signed ranks of what is not zero."""
    found = s.paired_tests(np.array(differences) + 90, [90.0] * len(differences))
    kept = np.array([d for d in differences if d])
    assert (found.n, found.difference) == (len(differences), pytest.approx(np.mean(differences)))
    assert found.interval == pytest.approx(ttest_1samp(differences, 0).confidence_interval())
    assert found.permutation == pytest.approx(by_all_signs(differences))
    assert found.wilcoxon == pytest.approx(by_all_signs(np.sign(kept) * rankdata(np.abs(kept))))


def test_what_floats_round_apart_is_a_tie():
    tied = s.paired_tests([0.3, 0.1 + 0.2, 90.3, 5.0], [0.0, 0.0, 90.0, 5.4])
    assert tied.wilcoxon == s.paired_tests([3, 3, 3, 0], [0, 0, 0, 4]).wilcoxon


def test_methods_that_never_differ_have_a_p_of_one_and_two_seeds_none():
    assert s.paired_tests([1.0, 2, 3], [1.0, 2, 3]) == s.PairedTests(3, 0.0, (0.0, 0.0), 1.0, 1.0)
    assert s.paired_tests([1.0, 2], [0.0, 0]) is None


@pytest.mark.parametrize("n", range(3, 9))
def test_the_smallest_p_is_reached_where_all_seeds_agree(n):
    found = s.paired_tests(np.arange(n) + 1.0, np.zeros(n))
    assert found.permutation == found.wilcoxon == s.smallest_p(n)


def test_three_seeds_cannot_show_less_than_a_quarter():
    assert s.smallest_p(3) == 0.25
    assert s.seeds_needed(1) == 6  # 2 / 2^6 = 0.03125
    assert s.seeds_needed(15) == 10  # 15 * 2 / 2^10 = 0.0293


def test_holm_multiplies_by_the_tests_left_and_never_falls():
    assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert s.holm([0.5, 0.9]) == [1, 1]
    assert s.holm([]) == []


def test_kendalls_tau_and_its_p_by_all_orders():
    theirs = [1, 2, 4, 3]
    agreeing = [
        sum(np.sign(later - earlier) for n, later in enumerate(order) for earlier in order[:n])
        for order in permutations(range(4))
    ]
    p = np.mean(np.abs(agreeing) >= 4)  # of 6 pairs 5 agree, 1 does not
    found = s.agreement([1, 2, 3, 4], theirs)
    assert (found.n, found.tau, found.p) == (4, pytest.approx(4 / 6), pytest.approx(p))
    assert s.agreement([10, 20, 30], [1, 2, 3]).p == pytest.approx(s.agreement([1, 2, 3], [1, 2, 3]).smallest_p)
    assert s.agreement([1, 2, 3], [-1, -2, -3]).tau == -1
    assert s.agreement([1, 2], [1, 2]) is None
    assert s.agreement([1, 2, 3], [5, 5, 5]) is None


def test_average_ranks_count_the_best_as_one_and_share_ties():
    scores = [[90, 95, 95], [80, 70, 60]]
    assert s.average_ranks(scores) == pytest.approx([2, 1.75, 2.25])
    assert s.average_ranks(scores, higher_is_better=False) == pytest.approx([2, 2.25, 1.75])


def test_friedmans_statistic_by_hand():
    """12 / (N k (k+1)) sum of squared rank sums - 3 N (k+1) = 12 / 24 * (4 + 16 + 36) - 24 = 4."""
    assert s.friedman([[1, 2, 3], [10, 20, 30]]) == pytest.approx((4, np.exp(-2)))  # chi-square, 2 degrees
    assert s.friedman([[7, 7, 7], [8, 8, 8]]) == (0, 1)


def test_the_critical_difference_of_demsars_example():
    assert s.nemenyi_difference(4, 14) == pytest.approx(1.25, abs=0.01)
    printed = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
    for k, q in printed.items():  # his table 5a
        assert s.nemenyi_difference(k, 1) == pytest.approx(q * (k * (k + 1) / 6) ** 0.5, abs=0.01)


def test_cliques_are_the_longest_runs_within_the_difference():
    assert s.cliques([1, 1.5, 3, 3.4], 1) == [(0, 1), (2, 3)]
    assert s.cliques([1, 2, 3], 1.5) == [(0, 1), (1, 2)]
    assert s.cliques([1, 2, 3], 2) == [(0, 2)]
    assert s.cliques([1, 3], 1) == []


def test_a_clique_within_the_one_before_is_none_whatever_came_earlier():
    assert s.cliques([1, 1.5, 3, 3.4, 3.5], 1) == [(0, 1), (2, 4)]


def test_an_agreement_says_whether_either_list_has_ties():
    for ours, theirs, ties in (
        ([1, 2, 3, 4], [4, 3, 2, 1], False),
        ([1, 2, 2, 4], [1, 2, 3, 4], True),
        ([1, 2, 3, 4], [1, 1, 3, 4], True),
    ):
        found = s.agreement(ours, theirs)
        assert found is not None
        assert found.ties is ties


# -- estimates -------------------------------------------------------------------------------------------------


def test_an_estimate_of_pairs_is_students_and_of_others_welchs():
    ours = {0: 90.0, 1: 92.0, 2: 95.0}
    paired = s.mean_difference(ours, {2: 92.0, 1: 90.0, 0: 89.0})
    assert paired.interval(0.9) == pytest.approx(s.t_interval([1.0, 2.0, 3.0], 0.9))
    other = s.mean_difference(ours, {3: 89.0, 4: 91.0})
    welch = ttest_ind([90, 92, 95], [89, 91], equal_var=False).confidence_interval(0.9)
    assert other.interval(0.9) == pytest.approx((welch.low, welch.high))
    assert s.mean_difference({0: 1.0}, {0: 2.0}).interval() is None
    assert s.mean_difference({0: 0.1 + 0.2, 1: 0.5}, {0: 0.3, 1: 0.5}).interval() == (0, 0)
    assert s.mean_difference({0: 2.0, 1: 2.0}, {2: 1.0, 3: 1.0}).interval() == (1, 1)


def test_the_seeds_that_part_a_mean_from_a_limit_do():
    found = s.mean_of([0.5, 2.0, 0.2])
    needed = found.seeds_to_part(0.0)

    def half(n):
        return t.ppf(0.975, n - 1) * found.deviation / n**0.5

    assert half(needed) < found.value <= half(needed - 1)
    assert s.mean_of([1.0, -1.0]).seeds_to_part(0.0) is None
    assert s.mean_of([1.0]).seeds_to_part(0.0) is None
    assert s.mean_of([1.0, 1.0]).seeds_to_part(0.0) == 2


@pytest.mark.long
@pytest.mark.parametrize("spreads", [(1.0, 1.0), (3.0, 1.0), (1.0, 0.2)])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_of_deviations_holds_the_difference_as_often_as_it_says(spreads, n):
    draws = np.random.default_rng(0).normal(size=(2000, 2, n)) * np.array(spreads)[None, :, None]
    true = spreads[0] - spreads[1]
    intervals = [s.deviation_difference(*pair).interval() for pair in draws]
    assert np.mean([low <= true <= high for low, high in intervals]) > 0.935  # of three seeds, up to 0.995
    if not true:
        return
    rows = np.random.default_rng(1).integers(n, size=(200, n))
    bootstrapped = [np.std(pair[:, rows], axis=2, ddof=1) for pair in draws[:200]]
    shares = [np.quantile(first - second, (0.025, 0.975)) for first, second in bootstrapped]
    assert np.mean([low <= true <= high for low, high in shares]) < 0.94  # which is why it is not a bootstrap


def test_the_seeds_that_part_two_deviations_do():
    found = s.deviation_difference([1.0, 2.0, 3.0], [1.0, 1.2, 1.4])
    needed = found.seeds_to_part(0.0)
    assert found.bounds((needed, needed), 0.95)[0] > 0 >= found.bounds((needed - 1, needed - 1), 0.95)[0]
    assert s.deviation_difference([1.0], [1.0, 2.0]).interval() is None
    assert s.deviation_difference([1.0, 1.0], [2.0, 2.0]).interval() == (0, 0)
