"""clbench reproduce: committed configurations make the paper's runs, and claims are judged by their numbers."""

import json
import re
from pathlib import Path

import pytest
from command_line import clbench, clbench_json
from scipy.stats import ttest_ind

from clbench.errors import UserError
from clbench.report.build.cells import with_interval
from clbench.reproduce.claims import Claim
from clbench.reproduce.experiments import chosen, folder, read
from clbench.reproduce.lines import LOST
from clbench.reproduce.names import ORDER
from clbench.reproduce.verdicts import counted, table
from clbench.results import find, load
from clbench.statistics import t_interval

TEN = {"sgd", "sgd-f", "finetuning", "ewc", "si", "mas", "lwf", "hat", "anpyc", "joint"}
SMALL = "train: {epochs: 1}, network: {hidden: [8]}"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# -- the configurations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [None, "quick", "paper"])
@pytest.mark.parametrize("name", ORDER)
def test_every_table_and_figure_is_a_configuration_that_can_be_run(name, preset):
    [one] = chosen([name])
    experiments = one.experiments(preset, None, {})
    assert len({experiment.config.digest for experiment in experiments}) == len(experiments) >= 1
    assert all(len(experiment.config.seeds) >= (1 if preset == "quick" else 3) for experiment in experiments)
    assert {experiment.config.preset for experiment in experiments} == {preset}


def test_there_is_no_configuration_that_nobody_can_name():
    assert {path.stem for path in folder().glob("*.yaml")} == set(ORDER)
    assert [one.name for one in chosen(["all"])] == list(ORDER)
    assert [one.name for one in chosen(["fig9", "fig9"])] == ["fig9"]


@pytest.mark.parametrize("name", ["table1", "table2"])
def test_the_tables_have_the_papers_ten_methods(name):
    experiments = chosen([name])[0].experiments(None, None, {})
    assert {experiment.config.method for experiment in experiments} == TEN


def test_figure_7a_is_made_of_the_runs_of_table_2():
    of = {
        name: {e.config.digest for e in chosen([name])[0].experiments(None, None, {})}
        for name in ("table2", "fig7a")
    }
    assert of["fig7a"] == of["table2"]


def test_printed_settings_are_those_of_the_paper():
    [anpyc] = [
        e.config for e in chosen(["table1"])[0].experiments("paper", (0,), {}) if e.config.method == "anpyc"
    ]
    assert (anpyc.train.lr, anpyc.train.momentum, anpyc.train.batch_size) == (0.01, 0.9, 128)
    assert (anpyc.strategy_options["lam"], anpyc.strategy_options["beta"]) == (4, 15)
    assert anpyc.network_options["dropout"] == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: x\nrun: []", "bad.yaml:2: unknown key 'run'; did you mean 'runs'"),
        ("title: x\nshow: reprot\nruns: [{method: ewc}]", "bad.yaml:2: show: 'reprot' is not one of"),
        ("also: report\nruns: [{method: ewc}]", "bad.yaml:1: also: 'report' is not one of"),
        ("checkpoints: most\nruns: [{method: ewc}]", "bad.yaml:1: checkpoints: 'most' is not one of"),
        ("title: x\nruns: [{stream: split-digits}]", "bad.yaml:2: runs[0]: 'method' is a required property"),
        ("runs: []", "show report needs runs"),
        ("show: study", "needs study"),
        (
            "show: study\nstudy: {importance: magnitude}",
            "bad.yaml:2: study.importance: 'magnitude' is not of type",
        ),
        ("runs: [{method: ewc}]\nseeds: many", "bad.yaml:2: seeds: 'many' is not of type"),
        ("runs: [{method: ewc}]\nquick: 3", "bad.yaml:2: quick: 3 is not of type"),
        ("runs: [{method: ewc, quick: {seed: 2}}]", "bad.yaml:1: runs[0].quick: Additional properties"),
        ("runs: [{method: ewc}]\nclaims: [{says: x}]", "bad.yaml:2: claims[0]: 'value' is a required property"),
        ("runs: [{method: ewc}]\nclaims: [{says: x, value: ACC, of: {}, abov: []}]", "'abov' was unexpected"),
        ("runs: [{method: ewc}]\nclaims: [{says: x, value: ACC, of: {}, by: 1e9}]", "claims[0].by: '1e9' is not"),
        ("runs: [{method: ewc}]\nclaims: [{says: x, value: ACC, of: {}, gap: {to: {}}}]", "'from' is a required"),
        ("runs: [{method: ewc}]\nclaims: [{says: x, value: ACC, of: ewc}]", "claims[0].of: 'ewc' is not of type"),
    ],
)
def test_a_fault_in_a_configuration_is_one_line(text, words):
    Path("bad.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        read(Path("bad.yaml"))
    assert words in str(error.value)


def test_a_table_of_generators_is_of_old_classes_and_so_are_its_claims():
    Path("mine.yaml").write_text(
        "title: My table\nalso: samples\nseeds: 2\nruns:\n"
        "  - method: [joint, finetuning]\n    stream: {name: cgan-digits, tasks: 2, limit: 40}\n"
        "    network: {name: mlp-gan, hidden: [16], samples: 20}\n    train: {epochs: 1}\n"
        "claims:\n"
        "  - {says: x, value: old, of: {method: joint}, better_than: [{method: finetuning}]}\n"
        "  - {says: y, value: read, of: {method: joint}, at_least: -100000}\n"
    )
    done = clbench("reproduce", "mine.yaml", "--plots", "plots", "--quiet", "--output", "mine.md")
    assert done.code == 0, done
    page = Path("mine.md").read_text()
    assert re.search(r"\| method +\| +old \| +FID-lenet \|", page)
    assert re.search(r"\| x +\| (holds|does not hold|undecided) +\| +[+-][\d.]+ \[", page), page
    assert re.search(r"\| y +\| holds", page), page
    assert re.findall(r"!\[.*\]\(<plots/mine-samples-cgan-digits-task\.png>\)", page)


def test_a_dry_run_says_what_is_there_and_what_would_be_trained():
    Path("mine.yaml").write_text(
        "seeds: 2\nruns:\n  - {method: [ewc, si], stream: {name: split-digits, limit: 40}, train: {epochs: 1}}\n"
    )
    words = ("reproduce", "mine.yaml", "--dry-run")
    assert [one["state"] for one in clbench_json(*words, "--json")] == ["new", "new"]
    assert not Path("runs").exists()
    assert clbench("reproduce", "mine.yaml", "--seeds", "1", "--quiet").code == 0
    assert [(one["state"], one["left"]) for one in clbench_json(*words, "--json")] == [("more", [1])] * 2
    assert clbench(*words).out.count("more seeds would be trained") == 2


def test_a_preset_may_change_one_run_alone():
    Path("mine.yaml").write_text(
        "runs:\n"
        "  - {method: ewc, stream: split-digits}\n"
        "  - method: ewc\n"
        "    stream: {name: split-digits, limit: 50}\n"
        "    quick:\n"
        "      seeds: 4\n"
        "      stream: {limit: 70}\n"
        "      train: {epochs: -3}\n"
        "quick: {stream: {limit: 60}, train: {epochs: 2}}\n"
    )
    with pytest.raises(UserError, match=r"mine\.yaml:8: train\.epochs"):
        read(Path("mine.yaml")).experiments("quick", (0,), {})
    Path("mine.yaml").write_text(Path("mine.yaml").read_text().replace("-3", "3"))
    one = read(Path("mine.yaml"))
    plain, quick = ([e.config for e in one.experiments(preset, None, {})] for preset in (None, "quick"))
    assert [len(c.seeds) for c in (*plain, *quick)] == [1, 1, 1, 4]
    assert [c.stream_options["limit"] for c in plain] == [None, 50]
    assert [(c.stream_options["limit"], c.train.epochs) for c in quick] == [(60, 2), (70, 3)]


def test_a_table_names_its_seeds_and_a_flag_wins():
    text = (
        "seeds: {}\nruns:\n  - {{method: ewc, stream: split-digits, quick: {{seeds: [9]}}}}\nquick: {{seeds: 4}}\n"
    )
    Path("mine.yaml").write_text(text.format("[3, 5]"))

    def used(preset=None, seeds=None):
        [one] = read(Path("mine.yaml")).experiments(preset, seeds, {})
        return one.config.seeds

    assert (used(), used("quick"), used(None, (7, 8))) == ((3, 5), (9,), (7, 8))
    limits = ("--set", "stream.limit=40", "--set", "train.epochs=1", "--quiet", "--json")
    assert clbench("reproduce", "mine.yaml", "--seed-list", "7,8", *limits).code == 0
    [written] = find([Path("runs")])
    assert load(written).seeds == [7, 8]
    for wrong in ("[3, 3]", "[]", "[x]", "[-1]", "0", "true"):
        Path("mine.yaml").write_text(text.format(wrong))
        assert "mine.yaml" in clbench("reproduce", "mine.yaml").line
    assert "exclude each other" in clbench("reproduce", "table1", "--seeds", "2", "--seed-list", "3").line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("table9",), "did you mean"),
        (("table1", "--preset", "quik"), "did you mean 'quick'"),
        (("table1", "--format", "pdf"), "no report format called 'pdf'"),
        (("nowhere.yaml",), "No such file"),
        (("table1", "--output", "."), ".: cannot write: it is a folder"),
        (("table1", "--output", "/dev/null/table.md"), "table.md: cannot write: "),
        (("table1", "--plots", "/dev/null/plots"), "cannot write: "),
    ],
)
def test_a_mistake_is_one_line(words, expected):
    assert expected in clbench("reproduce", *words).line


# -- claims ---------------------------------------------------------------------------------------------------

LINES = [
    {"method": method, "width": width, "ACC": number, "seed": seed}
    for method, width, number in (("a", 1, 91.0), ("b", 1, 90.5), ("a", 2, 80.0), ("b", 2, 83.0))
    for seed in (0, 1)
]


def claim(of, *above, **more):
    return Claim.read({"says": "x", "value": "ACC", "of": of, "above": list(above), **more})


def seeds(method, *numbers, **more):
    return [{"method": method, "seed": seed, "ACC": number, **more} for seed, number in enumerate(numbers)]


def lost(method, seed, **more):
    return {"method": method, "seed": seed, LOST: f"seed {seed} diverged", **more}


A, B, C = ({"method": name} for name in "abc")


@pytest.mark.parametrize(
    ("raw", "verdict", "by"),
    [
        ({"above": [B]}, "holds", "+2.0 [+0.7, +3.3]"),
        ({"below": [B]}, "does not hold", "-2.0 [-3.3, -0.7]"),
        ({"above": [C]}, "undecided", "+0.5 [-1.6, +2.6]"),
        ({"above": [C], "by": -1.6}, "holds", "+0.50 [-1.55, +2.55]"),
        ({"above": [B], "by": 3.4}, "does not hold", "+2.0 [+0.7, +3.3]"),
        ({"above": [B], "by": 2}, "undecided", "+2.0 [+0.7, +3.3]"),
        ({"at_least": 88.9}, "holds", "+2.6 [+0.5, +4.7]"),
        ({"at_least": 91}, "undecided", "+0.5 [-1.6, +2.6]"),
        ({"at_least": 93.7}, "does not hold", "-2.2 [-4.3, -0.1]"),
        ({"above": [{"method": "d"}]}, "undecided", "–"),
        ({"above": [A]}, "does not hold", "+0 [+0, +0]"),
        ({"above": [A], "by": 0}, "holds", "+0 [+0, +0]"),
    ],
)
def test_a_claim_is_decided_by_the_whole_of_its_interval(raw, verdict, by):
    """a - b is 1, 3, 2, 2 and a - c -1, 2, 1, 0: spreads of 0.816 and 1.291, t(3) 3.182; a alone spreads 1.291."""
    every = [*seeds("a", 90, 93, 92, 91), *seeds("b", 89, 90, 90, 89), *seeds("c", 91, 91, 91, 91)]
    said = Claim.read({"says": "x", "value": "ACC", "of": A, **raw}).judged(every).words()
    assert said[:3] == ["x", verdict, by]


def test_of_several_the_nearest_decides_and_is_named():
    found = claim({"method": "a", "width": 1}, {"method": "b", "width": 2}, {"method": "b", "width": 1})
    [line] = table([found.judged(LINES)], "t").words
    assert line[2:] == ["+0.5 [+0.5, +0.5]", "b, 1"]


def test_a_group_without_numbers_leaves_the_claim_undecided_and_is_named():
    found = claim({"method": "a", "width": 1}, {"method": "b", "width": 1}, C).judged(LINES)
    assert found.words()[1:] == ["undecided", "+0.5 [+0.5, +0.5]", "b, 1; no numbers of c"]
    assert (found.holds, found.without) == (None, ("no numbers of c",))


def test_a_rival_that_diverged_leaves_the_claim_undecided():
    every = [*seeds("a", 90, 91), *seeds("b", 80, 81), lost("c", 0), lost("c", 1)]
    assert claim(A, B).judged(every).holds is True
    found = claim(A, B, C).judged(every)
    why = "b; no numbers of c (seed 0 diverged, seed 1 diverged)"
    assert found.words()[1:] == ["undecided", "+10 [+10, +10]", why]


def test_a_seed_that_diverged_leaves_the_claim_undecided_whosever_it_is():
    for group in ("a", "b"):
        every = [*seeds("a", 90, 91), *seeds("b", 80, 81), lost(group, 2)]
        found = claim(A, B).judged(every)
        assert found.words()[1:] == ["undecided", "+10 [+10, +10]", f"b; {group}: seed 2 diverged"]
        assert claim(B, A).judged(every).holds is None  # of its survivors alone nothing is refuted either
        assert claim(A, at_least=80).judged(every).holds is (None if group == "a" else True)


def test_one_rival_whose_seeds_all_ended_refutes_whatever_else_is_missing():
    every = [*seeds("a", 70, 71), *seeds("b", 80, 82), lost("c", 0)]
    found = claim(A, B, C).judged(every)
    assert found.holds is False
    assert found.words()[2:] == ["-10.5 [-16.9, -4.1]", "b; no numbers of c (seed 0 diverged)"]


def test_what_is_missing_at_one_place_alone_is_missed():
    at = [*seeds("a", 90, 91, width=1), *seeds("b", 80, 81, width=1), *seeds("a", 90, 91, width=2)]
    found = claim(A, B, each="width").judged(at)
    assert (found.holds, found.without) == (None, ("no numbers of b at width 2",))
    without_place = [*at, *seeds("b", 80, 81, width=2), lost("b", 2)]  # a lost seed has no width
    assert claim(A, B, each="width").judged(without_place).holds is None
    assert claim(A, B, each="width").judged([*without_place[:-1], lost("c", 2)]).holds is True


def test_a_gap_of_which_seeds_are_lost_is_undecided():
    every = [line for at in (2, 10) for line in (*seeds("a", at, at, tasks=at), *seeds("b", 1, 1, tasks=at))]
    raw = {"gap": {"to": B, "from": {"tasks": 2}, "until": {"tasks": 10}}}
    assert claim(A, **raw).judged(every).holds is True
    assert claim(A, **raw).judged([*every, lost("b", 2)]).holds is None


def test_one_rival_that_is_undecided_leaves_the_claim_so_and_is_named():
    """Over b by 1 in every seed; over c by -9, 7 and 14, over d by -11, 6 and 11."""
    every = [*seeds("a", 90, 92, 94), *seeds("b", 89, 91, 93), *seeds("c", 99, 85, 80), *seeds("d", 101, 86, 83)]
    assert claim(A, B).judged(every).words()[1:] == ["holds", "+1 [+1, +1]", "b"]
    found = claim(A, B, C, {"method": "d"}).judged(every)
    assert found.words()[1:3] == ["undecided", "+2 [-27, +31]"]
    assert found.words()[3] == f"d; undecided too: c; {found.seeds_needed} seeds would do"
    assert found.object()["undecided"] == ["c", "d"]


def test_one_rival_beyond_doubt_refutes_whatever_is_undecided():
    every = [*seeds("a", 90, 92, 94), *seeds("b", 91, 93, 95), *seeds("c", 99, 85, 80)]
    found = claim(A, B, C).judged(every)
    assert found.words()[1:] == ["does not hold", "-1 [-1, -1]", "b"]
    assert (found.holds, found.object()["undecided"]) == (False, ["c"])


def test_what_refutes_by_the_number_of_rivals_alone_is_marked():
    """a - b is -4, -2, -3: to -0.52 with 4.30 at 95 percent, and to +0.58 with 6.21 at 97.5."""
    every = [*seeds("a", 90, 90, 90), *seeds("b", 94, 92, 93), *seeds("c", 80, 80, 80)]
    assert claim(A, B).judged(every).words()[1] == "does not hold"
    found = claim(A, B, C).judged(every)
    assert found.words()[1:3] == ["does not hold (uncorrected)", "-3.0 [-5.5, -0.5]"]
    assert (found.holds, found.object()["corrected"]) == (False, False)
    assert "Holm" in " ".join(table([found], "t").notes)


def test_the_seeds_that_would_do_are_of_all_rivals_or_of_one_that_refutes():
    every = [*seeds("a", 90, 93, 92), *seeds("b", 88, 94, 88), *seeds("c", 89, 92, 93), *seeds("d", 95, 92, 93)]
    d = {"method": "d"}
    alone = [claim(A, other).judged(every).seeds_needed for other in (B, C, d)]
    assert all(alone)
    assert alone[0] != alone[1]
    assert claim(A, B, C).judged(every).seeds_needed == max(alone[:2])  # both are ahead of zero: all must be
    assert claim(A, B, C, d).judged(every).seeds_needed == alone[2]  # d is on the other side, and enough
    assert claim(A, B).judged([*every, lost("b", 3)]).seeds_needed is None
    equal = [*seeds("a", 90, 92), *seeds("b", 92, 90)]
    assert claim(A, B).judged(equal).words()[3] == "b; no number of seeds up to 10,000 would do"


def test_one_seed_decides_nothing():
    found = claim(A, B).judged(seeds("a", 90) + seeds("b", 80))
    assert found.words()[1:] == ["undecided", "+10", "b; needs two seeds"]
    assert claim(A, at_least=80).judged(seeds("a", 90)).words()[1:] == ["undecided", "+10", "80; needs two seeds"]
    assert claim(A, B).judged(seeds("a", 90, 91) + seeds("b", 80)).holds is None


def test_several_numbers_of_a_seed_are_one():
    """Four layers of two seeds are two seeds: -1 and 3 seed by seed."""
    layers = [{**line, "layer": n} for n in range(4) for line in seeds("a", 89 + n, 93 - n)]
    few = claim(A, B).judged([*layers, *seeds("b", 90, 90)])
    assert found_interval(few) == pytest.approx(t_interval([0.5, 1.5]))


def found_interval(verdict):
    return verdict.object()["low"], verdict.object()["high"]


def test_every_group_that_a_claim_is_of_is_tested():
    every = [*seeds("a", 90, 90), *seeds("b", 70, 70), *seeds("c", 80, 80)]
    assert claim(A, C).judged(every).holds is True
    found = claim([A, B], C).judged(every)
    assert found.words()[1:] == ["does not hold", "-10 [-10, -10]", "b beside c"]


def test_among_each_of_several():
    every = [*seeds("a", 3, 3, stage=1), *seeds("a", 3, 3, stage=2), *seeds("b", 3, 3, stage=1)]
    raw = {"among": [A, B], "of": {"stage": 2}, "above": [{"stage": 1}], "by": 0}
    equal = Claim.read({"says": "x", "value": "ACC", **raw})
    assert equal.judged([*every, *seeds("b", 3, 3, stage=2)]).holds is True
    assert equal.judged([*every, *seeds("b", 2, 2, stage=2)]).words()[3] == "1 at method b"
    assert equal.judged(every).without == ("no numbers of 2 at method b",)


def test_better_and_worse_follow_the_direction_of_the_value():
    every = [*seeds("a", 30, 31), *seeds("b", 50, 51)]
    better, worse = claim(A, better_than=[B]), claim(A, worse_than=[B])
    assert [one.judged(every).holds for one in (better, worse)] == [False, True]
    lower = {"ACC": "lower"}
    assert [one.judged(every, lower).holds for one in (better, worse)] == [True, False]
    assert better.judged(every, lower).margin.by == 20
    assert claim(A, B).judged(every, lower).holds is False  # above is above
    gap = claim(A, gap={"to": B, "from": {"n": 1}, "until": {"n": 2}})
    wider = [line for n in (1, 2) for line in (*seeds("a", 30 - n, 31 - n, n=n), *seeds("b", 50, 51, n=n))]
    assert [gap.judged(wider, d).holds for d in (lower, {"ACC": "higher"})] == [True, False]
    with pytest.raises(UserError, match="kurtosis is neither better nor worse; say above or below"):
        claim(A, better_than=[B], value="kurtosis").judged([{**line, "kurtosis": 1} for line in every])


def test_standard_deviations_are_compared_where_a_claim_is_about_them():
    """s 2.83 and 0.71 of two seeds each: by MOVER of intervals of chi-square, 0.446 s to 31.9 s."""
    every = [*seeds("a", 90, 94), *seeds("b", 80, 81), *seeds("c", 80), *seeds("d", 80, 80), *seeds("e", 70, 70)]
    found = claim(A, B, statistic="deviation").judged(every)
    assert found.margin.by == pytest.approx(8**0.5 - 0.5**0.5)
    first, second = 8**0.5, 0.5**0.5
    low = first - second - ((first * (1 - 0.44615)) ** 2 + (second * (31.9102 - 1)) ** 2) ** 0.5
    high = first - second + ((first * (31.9102 - 1)) ** 2 + (second * (1 - 0.44615)) ** 2) ** 0.5
    assert found_interval(found) == pytest.approx((low, high), rel=1e-4)
    assert found.words()[1] == "undecided"
    assert "MOVER" in " ".join(table([found], "t").notes)
    assert claim(A, C, statistic="deviation").judged(every).words()[1::2] == ["undecided", "c; needs two seeds"]
    d, e = {"method": "d"}, {"method": "e"}
    assert claim(d, e, statistic="deviation").judged(every).words()[1:3] == ["does not hold", "+0 [+0, +0]"]
    assert claim(A, d, statistic="deviation").judged(every).holds is True


def test_a_margin_comes_with_its_interval():
    paired = claim(A, B).judged(seeds("a", 90, 92, 95) + seeds("b", 89, 90, 92))
    assert found_interval(paired) == pytest.approx(t_interval([1, 2, 3]))
    unpaired = claim(A, B).judged(seeds("a", 90, 92, 95) + seeds("b", 89, 91))
    welch = ttest_ind([90, 92, 95], [89, 91], equal_var=False).confidence_interval(0.95)
    assert found_interval(unpaired) == pytest.approx((welch.low, welch.high))
    level = claim(A, at_least=91).judged(seeds("a", 90, 92, 95))
    low, high = t_interval([90, 92, 95])
    assert level.object() == {
        "claim": "x",
        "verdict": "undecided",
        "holds": None,
        "corrected": None,
        "by": pytest.approx(4 / 3),
        "low": pytest.approx(low - 91),
        "high": pytest.approx(high - 91),
        "level": 0.95,
        "needed": 0.0,
        "nearest": "91",
        "undecided": ["91"],
        "without": [],
        "seeds_needed": level.seeds_needed,
    }
    assert level.seeds_needed > 3


@pytest.mark.parametrize(
    ("mean", "interval", "limit", "words"),
    [
        (-0.264, (-0.305, -0.224), 0, "-0.26 [-0.30, -0.22]"),
        (35.63, (34.33, 36.93), 0, "+35.6 [+34.3, +36.9]"),
        (0.04, (0.004, 0.076), 0, "+0.040 [+0.004, +0.076]"),
        (0.0056, (0.0047, 0.0065), 0, "+0.0056 [+0.0047, +0.0065]"),
        (1145.0, (887.0, 1403.0), 0, "+1145 [+887, +1403]"),
        (4.0, (4.0, 4.0), 0, "+4 [+4, +4]"),
        (4.0, None, 0, "+4"),
    ],
)
def test_an_interval_is_printed_to_what_it_tells(mean, interval, limit, words):
    assert with_interval(mean, interval, limit) == words


def test_claims_that_hold_and_those_undecided_are_counted():
    assert counted([True, False, None, True, None]) == "2 of 5 claims hold, 2 undecided"
    assert counted([True, False]) == "1 of 2 claims hold"


def test_a_gap_that_grows_is_taken_seed_by_seed():
    numbers = {("a", 2): (90, 91), ("b", 2): (89, 89), ("a", 10): (85, 86), ("b", 10): (80, 82)}
    lines = [
        {"method": method, "tasks_learned": tasks, "seed": seed, "ACC": number}
        for (method, tasks), found in numbers.items()
        for seed, number in enumerate(found)
    ]
    raw = {"gap": {"to": {"method": "b"}, "from": {"tasks_learned": 2}, "until": {"tasks_learned": 10}}}
    wider = claim(A, **raw)
    assert wider.judged(lines).words() == [
        *("x", "undecided", "+3 [-10, +16]", "b, from 2 to 10; 4 seeds would do"),  # 5 - 1 and 4 - 2
    ]
    assert wider.judged(lines[:-2]).holds is None


# -- the whole ------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_what_is_missing_is_run_and_set_beside_printed_numbers():
    Path("mine.yaml").write_text(
        f"title: My table\nseeds: 2\nruns:\n  - {{method: [finetuning, ewc, sgd, joint], stream: split-digits, "
        f"{SMALL}}}\n"
        "claims:\n  - {says: ewc is best, value: ACC, of: {method: ewc}, above: [{method: finetuning}]}\n"
    )
    numbers = {m: {"ACC": [90.0 + n, 1.0]} for n, m in enumerate(("finetuning", "ewc", "sgd"))}
    table = {"name": "t", "title": "table 9", "stream": "split-digits", "runs": 3, "rows": numbers}
    Path("theirs.json").write_text(json.dumps({"source": "Somebody 2020", "tables": [table]}))
    words = ("reproduce", "mine.yaml", "--set", "stream.limit=60", "--reference", "theirs.json", "--stats")
    done = clbench(*words, "--plots", "plots")
    assert done.code == 0, done
    for expected in (
        "## My table",
        "beside table 9",
        "90.00 ± 1.00 (3)",
        "Kendall",
        "| ewc is best",
        "t interval",
    ):
        assert expected.lower() in done.out.lower(), expected
    assert len(list(Path("plots").glob("*.png"))) >= 5
    before = {path: path.stat().st_mtime_ns for path in find([Path("runs")])}
    assert len(before) == 4
    assert all(load(path).config["stream"]["limit"] == 60 for path in before)
    again = clbench(*words, "--format", "json")
    [found] = json.loads(again.out)
    assert [claim["claim"] for claim in found["claims"]] == ["ewc is best"]
    assert {path: path.stat().st_mtime_ns for path in find([Path("runs")])} == before
    page = clbench(*words, "--format", "html", "--output", "page.html")
    assert page.code == 0
    assert "ewc is best" in Path("page.html").read_text()
    assert clbench(*words, "--plots", "plots", "--output", "pages/mine.md").code == 0
    shown = re.findall(r"!\[My table: .*?\]\(<(\.\./plots/.*?\.png)>\)", Path("pages/mine.md").read_text())
    assert len(shown) == len(list(Path("plots").glob("*.png")))
    assert all((Path("pages") / picture).is_file() for picture in shown)
    assert clbench(*words, "--format", "latex", "--plots", "plots", "--output", "pages/mine.tex").code == 0
    document = Path("pages/mine.tex").read_text()
    assert r"\begin{document}" in document
    assert set(re.findall(r"\\includegraphics\[.*?\]\{\\detokenize\{(.*?)\}\}", document)) == set(shown)


@pytest.mark.parametrize("show", ["report", "tasks"])
def test_a_rival_that_diverges_in_training_leaves_the_claim_undecided(show):
    Path("mine.yaml").write_text(
        f"title: My table\nshow: {show}\nseeds: 2\nruns:\n"
        f"  - {{method: finetuning, stream: {{name: split-digits, limit: 60}}, {SMALL}}}\n"
        "  - {method: ewc, stream: {name: split-digits, limit: 60}, network: {hidden: [8]}, "
        "train: {epochs: 1, lr: 1.0e+30}}\n"
        "claims: [{says: x, value: ACC, of: {method: finetuning}, better_than: [{method: ewc}]}]\n"
    )
    [found] = json.loads(clbench("reproduce", "mine.yaml", "--format", "json").out)
    assert found["claims"][0]["holds"] is None
    assert found["claims"][0]["without"] == ["no numbers of ewc (seed 0 diverged, seed 1 diverged)"]
    assert re.search(r"\| x +\| undecided +\| +–", clbench("reproduce", "mine.yaml").out)


@pytest.mark.long
@pytest.mark.parametrize(
    ("show", "run", "value"),
    [
        ("importance", "strategy: {pruning: none}", "kurtosis"),
        ("parameters", "train: {epochs: 1}", "frechet"),
        ("growth", "train: {epochs: 1}", "state_parameters"),
        ("tasks", "train: {epochs: 1}", "ACC"),
    ],
)
def test_a_figure_is_its_analysis(show, run, value):
    Path("fig.yaml").write_text(
        f"title: A figure\nshow: {show}\nseeds: 2\ncheckpoints: all\nruns:\n"
        f"  - {{method: anpyc, stream: {{name: split-digits, limit: 40}}, network: {{hidden: [8]}}, {run}}}\n"
        f"claims: [{{says: a number, value: {value}, of: {{method: anpyc}}, at_least: -1000000000}}]\n"
    )
    done = clbench("reproduce", "fig.yaml", "--plots", "plots", "--quiet", "--set", "train.epochs=1")
    assert done.code == 0, done
    assert list(Path("plots").glob(f"fig-{show}*.png"))
    [found] = json.loads(clbench("reproduce", "fig.yaml", "--format", "json", "--set", "train.epochs=1").out)
    assert found["claims"][0]["holds"] is True
    page = clbench("reproduce", "fig.yaml", "--format", "html", "--set", "train.epochs=1").out
    assert re.search(rf'<img src="data:image/png;base64,[^"]+" alt="A figure: {show}', page)
    assert "How it was made (1)" in page
    assert all(value in line for line in found["lines"])


def test_a_figure_without_its_checkpoints_says_how_to_get_them():
    Path("fig.yaml").write_text(
        "title: A figure\nshow: importance\ncheckpoints: none\nruns:\n"
        f"  - {{method: anpyc, stream: {{name: split-digits, limit: 40}}, {SMALL}}}\n"
    )
    done = clbench("reproduce", "fig.yaml")
    assert done.code == 0, done
    assert "Not shown: " in done.out
    assert "checkpoint" in done.out


def test_a_study_is_reproduced_too():
    Path("study.yaml").write_text(
        "title: A study\nshow: study\n"
        "seeds: 2\n"
        "study: {importance: [magnitude], dataset: digits, epochs: 1, retrain_epochs: 1, rates: 0.5, limit: 60}\n"
        "claims: [{says: half is left, value: compression, of: {round: 1}, at_least: 1.99}]\n"
    )
    done = clbench("reproduce", "study.yaml")
    assert done.code == 0, done
    assert "prune-lenet on digits" in done.out
    assert re.search(r"half is left +\| +holds", done.out)
