"""`clbench compare` and `clbench check`: verdicts on results written by hand, and runs of a second."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from command_line import clbench
from results_by_hand import JOINT3, R3, result, run, shifted

from clbench.results import save
from clbench.scores import FID
from clbench.statistics.intervals import t_interval
from clbench.statistics.noninferiority import difference

WORSE, BETTER = -0.02, 0.02


def stored(folder, *results):
    for n, one in enumerate(results):
        save(one, folder / f"{n}.json")
    return folder


def of_shifts(method="ewc", shifts=(0.0, 0.0, 0.0), **more):
    return result(method, [shifted(R3, by) for by in shifts], **more)


@pytest.fixture
def baseline(tmp_path):
    return stored(tmp_path / "baseline", of_shifts(), of_shifts("si", (0.0, 0.01, 0.02)))


def verdicts(ran):
    (whole,) = json.loads(ran.out)
    return {(v["method"], v["metric"]): v["verdict"] for v in whole["verdicts"]}


# -- statistics ------------------------------------------------------------------------------------------------


def test_the_interval_is_students_of_the_differences():
    before, after = {0: 90.0, 1: 91.0, 2: 95.0, 7: 1.0}, {0: 89.0, 1: 91.5, 2: 94.0, 9: 5.0}
    found = difference(before, after, "paired", 0.05)
    assert found.n == 3
    assert found.interval == pytest.approx(t_interval([-1.0, 0.5, -1.0], 0.9))


def test_welch_takes_all_seeds():
    from scipy import stats

    before, after = {0: 1.0, 1: 2.0, 2: 4.0}, {5: 2.0, 6: 3.5}
    theirs = stats.ttest_ind(list(after.values()), list(before.values()), equal_var=False)
    low, high = theirs.confidence_interval(0.9)
    assert difference(before, after, "welch").interval == pytest.approx((low, high))


def test_the_spread_of_two_means_is_that_of_their_seeds_together():
    before, after = {0: 1.0, 1: 2.0, 2: 4.0}, {5: 2.0, 6: 3.5, 7: 0.5}
    both = np.var([1.0, 2.0, 4.0], ddof=1) + np.var([2.0, 3.5, 0.5], ddof=1)
    assert difference(before, after, "welch").deviation == pytest.approx(both**0.5)


@pytest.mark.parametrize(
    ("each", "outcome"),
    [
        ([0.0, 0.0, 0.0], "same"),
        ([0.4, -0.4, 0.1], "undecided"),
        ([0.1, -0.1, 0.0], "same"),
        ([-1.0, -1.1, -0.9], "worse"),
        ([-0.3, -0.3, -0.3], "same"),
        ([1.0, 1.1, 0.9], "better"),
        ([5.0, -5.0, 0.0], "undecided"),
    ],
)
def test_outcomes(each, outcome):
    found = difference(dict.fromkeys(range(3), 90.0), {n: 90 + d for n, d in enumerate(each)})
    assert found.outcome(0.5) == outcome
    opposite = {"worse": "better", "better": "worse"}.get(outcome, outcome)
    if outcome != "undecided":
        assert found.negated().outcome(0.5) in (opposite, "undecided")


def test_the_seeds_that_would_do_do():
    each = [1.0, -1.0, 0.5, -0.7]
    found = difference(dict.fromkeys(range(4), 0.0), dict(enumerate(each)))
    assert found.outcome(0.5) == "undecided"
    needed = found.seeds_needed(0.5)
    assert needed is not None
    # as many values of that mean and spread
    more = np.resize([1.0, -1.0], needed)
    more = found.mean + found.deviation * (more - more.mean()) / more.std(ddof=1)
    assert difference(dict.fromkeys(range(needed), 0.0), dict(enumerate(more))).outcome(0.5) != "undecided"


def test_one_seed_decides_only_what_is_equal():
    assert difference({0: 1.0}, {0: 1.0}).outcome(0.5) == "same"
    assert difference({0: 1.0}, {0: 1.01}).outcome(0.5) == "undecided"
    assert difference({0: 1.0}, {0: 1.01}, "none").outcome(0.5) == "same"


def test_a_tolerance_of_nothing_holds_equal_numbers():
    assert difference({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}).outcome(0.0) == "same"


# -- compare ---------------------------------------------------------------------------------------------------


def test_equal_results_are_the_same(baseline):
    ran = clbench("compare", baseline, baseline, "--metric", "mean,BWT,SMT", "--json")
    assert ran.code == 0
    assert set(verdicts(ran).values()) == {"same"}
    assert len(verdicts(ran)) == 6


def test_a_regression_has_exit_code_1_and_is_named(baseline, tmp_path):
    candidate = stored(tmp_path / "new", of_shifts(shifts=(WORSE,) * 3), of_shifts("si", (0.0, 0.01, 0.02)))
    ran = clbench("compare", baseline, candidate)
    assert ran.code == 1
    assert "1 worse, 1 same" in ran.out
    assert verdicts(clbench("compare", baseline, candidate, "--json")) == {
        ("ewc", "ACC"): "worse",
        ("si", "ACC"): "same",
    }
    assert clbench("compare", baseline, candidate, "--tolerance", "3").code == 0
    assert clbench("compare", baseline, candidate, "--tolerance", "ACC=3").code == 0
    assert clbench("compare", candidate, baseline).code == 0


def test_what_is_undecided_says_how_many_seeds_would_do(baseline, tmp_path):
    noisy = of_shifts(shifts=(-0.02, 0.02, 0.01))
    candidate = stored(tmp_path / "new", noisy, of_shifts("si", (0.0, 0.01, 0.02)))
    ran = clbench("compare", baseline, candidate)
    assert ran.code == 0
    assert "seeds would do" in ran.out
    assert clbench("compare", baseline, candidate, "--strict").code == 1


def test_less_is_better_where_the_score_says_so(tmp_path):
    F = [[100.0, 300.0], [20.0, 310.0], [80.0, 25.0]]
    higher = [[value + 30 for value in row] for row in F]

    def scored(matrix):
        made = result("sgd", [matrix] * 3)
        made.score = FID
        return made

    before, after = stored(tmp_path / "a", scored(F)), stored(tmp_path / "b", scored(higher))
    assert verdicts(clbench("compare", before, after, "--json")) == {("sgd", "FID"): "worse"}
    assert verdicts(clbench("compare", after, before, "--json")) == {("sgd", "FID"): "better"}
    ran = clbench("compare", before, after, "--metric", "ACC,BWT,FID")
    assert "No result here has ACC." in ran.out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"train": {"epochs": 2, "lr": 0.1}}, "configuration: train.epochs 1 -> 2"),
        ({"data": {"toy.bin": "cd" * 32}}, "data: sha256 of toy.bin abababababab -> cdcdcdcdcdcd"),
        ({"score": "validation"}, "configuration: score test -> validation"),
    ],
)
def test_what_cannot_be_compared_says_why(tmp_path, changes, reason):
    before, after = stored(tmp_path / "a", of_shifts()), stored(tmp_path / "b", of_shifts(**changes))
    ran = clbench("compare", before, after)
    assert ran.code == 2
    assert reason in ran.out
    assert "1 not comparable" in ran.out


def test_other_seeds_and_other_scores_cannot_be_compared(tmp_path):
    before = stored(tmp_path / "a", of_shifts())
    others = stored(tmp_path / "b", result("ewc", runs=[run(5), run(6)]))
    assert "seeds: 0-2 finished in the baseline, [5,6] in the candidate" in clbench("compare", before, others).out
    assert clbench("compare", before, others, "--test", "welch").code == 0
    painted = of_shifts()
    painted.score = FID
    assert "score: accuracy -> FID" in clbench("compare", before, stored(tmp_path / "c", painted)).out


def test_a_missing_candidate_and_a_new_one(tmp_path, baseline):
    candidate = stored(tmp_path / "b", of_shifts(), of_shifts("mas"))
    ran = clbench("compare", baseline, candidate)
    assert ran.code == 2
    assert "si on split-toy: not comparable: " in ran.out
    one = clbench("compare", baseline / "0.json", candidate)
    assert one.code == 0
    assert "mas on split-toy has no baseline" in one.out


def test_a_seed_that_diverged_is_worse_whatever_the_others_reach(tmp_path, baseline):
    lost = run(1, R3[:2], status="diverged", reason="loss is not finite", step=7)
    candidate = stored(tmp_path / "b", result("ewc", runs=[run(0), lost, run(2)]))
    ran = clbench("compare", baseline / "0.json", candidate)
    assert ran.code == 1
    assert "seed 1 diverged: loss is not finite" in ran.out


def test_other_code_is_named_and_no_reason_to_refuse(tmp_path, baseline):
    other = of_shifts()
    maker = {**next(iter(other.makers.values())), "commit": "cd" * 20, "plugins": {"mine.py": "ef" * 32}}
    from clbench.results.digests import key_of

    other.makers = {key_of(maker): maker}
    for each in other.runs:
        each.made_by = [key_of(maker)] * len(each.made_by)
    ran = clbench("compare", baseline / "0.json", stored(tmp_path / "b", other))
    assert ran.code == 0
    assert "commit abababab -> cdcdcdcd" in ran.out
    assert "plugin mine.py sha256 none -> efefefefefef" in ran.out


def test_transfers_are_compared_within_their_own_folder(tmp_path):
    both = [of_shifts(), result("joint", [JOINT3] * 3)]
    before, after = stored(tmp_path / "a", *both), stored(tmp_path / "b", *both)
    ran = clbench("compare", before, after, "--metric", "FWT", "--json")
    assert verdicts(ran) == {("ewc", "FWT"): "same"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metric", "AC"), "did you mean 'ACC'"),
        (("--metric", "seconds"), "seconds: of a cost neither more nor less is better"),
        (("--tolerance", "-1"), "expected a number of 0 or more"),
        (("--tolerance", "ACC=x"), "expected a number of 0 or more"),
        (("--tolerance", "1,2"), "was set before"),
        (("--test", "pared"), "did you mean 'paired'"),
        (("--alpha", "0.7"), "expected a level above 0 and below 0.5"),
        (("--metric", "FID"), "no result here has FID"),
    ],
)
def test_mistakes_are_one_line(baseline, words, said):
    assert said in clbench("compare", baseline, baseline, *words).line


def test_a_folder_without_results_is_one_line(tmp_path, baseline):
    (tmp_path / "empty").mkdir()
    assert "no results in" in clbench("compare", tmp_path / "empty", baseline).line
    assert "no such file" in clbench("compare", baseline, tmp_path / "nowhere").line


def test_junit_has_a_case_a_verdict(tmp_path, baseline):
    candidate = stored(tmp_path / "b", of_shifts(shifts=(WORSE,) * 3), of_shifts("si", (-0.02, 0.03, 0.03)))
    file = tmp_path / "out" / "gate.xml"
    assert clbench("compare", baseline, candidate, "--junit", file).code == 1
    root = ElementTree.parse(file).getroot()
    (suite,) = root.findall("testsuite")
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert "worse" in suite.find("testcase/failure").get("message")


def test_github_gets_annotations_and_a_summary(tmp_path, baseline, monkeypatch):
    candidate = stored(tmp_path / "b", of_shifts(shifts=(WORSE,) * 3), of_shifts("si", (0.0, 0.01, 0.02)))
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    ran = clbench("compare", baseline, candidate)
    assert ran.err.startswith("::error title=ewc%3A worse::ewc on split-toy, ACC: worse: 75 -> 73 (-2.00")
    assert "| ewc" in summary.read_text()
    assert "::" not in clbench("compare", baseline, candidate, "--no-github").err


# -- check -----------------------------------------------------------------------------------------------------

CHECK = """
title: two methods
seeds: 2
metrics: [mean, BWT]
runs:
  - method: [finetuning, ewc]
    stream: {name: permuted-digits, tasks: 2, limit: 60}
    network: {name: mlp, hidden: [8]}
    train: {epochs: 1}
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    (folder / "gate.yaml").write_text(CHECK)
    ran = clbench("check", folder / "gate.yaml", "--update", "--out", folder / "runs", "--quiet")
    assert ran.code == 0, ran
    return folder


def test_a_check_stores_baselines_and_passes_against_them(checked):
    files = sorted((checked / "baselines").rglob("*.json"))
    assert [file.name.rpartition("-")[0] for file in files] == ["ewc", "finetuning"]
    ran = clbench("check", checked / "gate.yaml", "--out", checked / "runs", "--json")
    assert ran.code == 0
    assert set(verdicts(ran).values()) == {"same"}
    assert len(verdicts(ran)) == 4


def test_a_check_runs_again_what_other_code_made(checked):
    (path,) = (checked / "runs").rglob("ewc-*.json")
    from clbench.results import load

    made = load(path)
    before = made.finished
    for maker in made.makers.values():
        maker["torch"] = "2.0.0"
    from clbench.results.digests import key_of

    made.makers = {key_of(maker): maker for maker in made.makers.values()}
    for each in made.runs:
        each.made_by = [next(iter(made.makers))] * len(each.made_by)
        each.matrix[-1][0] = 0.0  # which nobody must ever compare
    save(made, path)
    ran = clbench("check", checked / "gate.yaml", "--out", checked / "runs", "--quiet")
    assert ran.code == 0
    assert load(path).makers != made.makers
    assert load(path).started >= before


def test_a_check_whose_configuration_changed_asks_for_new_baselines(checked, tmp_path):
    changed = checked / "changed.yaml"
    changed.write_text(CHECK.replace("epochs: 1", "epochs: 2") + "baselines: moved\n")
    import shutil

    shutil.copytree(checked / "baselines", checked / "moved")
    ran = clbench("check", changed, "--out", tmp_path)
    assert ran.code == 2
    assert "configuration: train.epochs 1 -> 2" in ran.out
    update = clbench("check", changed, "--out", tmp_path, "--update")
    assert update.code == 0
    assert "2 of 2 baselines were written" in update.out
    assert "0 of 2 baselines were written" in clbench("check", changed, "--out", tmp_path, "--update").out
    again = clbench("check", changed, "--out", tmp_path)
    assert again.code == 0
    assert "no longer asks for" in again.err


def test_a_check_without_baselines_says_how_to_write_them(tmp_path):
    (tmp_path / "gate.yaml").write_text(CHECK)
    assert "--update writes them" in clbench("check", tmp_path / "gate.yaml", "--out", tmp_path / "runs").line


def test_a_check_with_a_method_of_ones_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "from clbench.registry import strategies\n"
        "from clbench.strategies.base import Strategy\n"
        "@strategies.register('mine-gated')\n"
        "@dataclass\n"
        "class Mine(Strategy):\n"
        "    '''As it is.'''\n"
    )
    from command_line import plugins_forgotten

    (tmp_path / "gate.yaml").write_text(CHECK.replace("[finetuning, ewc]", "mine-gated"))
    with plugins_forgotten():
        words = (
            "check",
            tmp_path / "gate.yaml",
            "--plugin",
            tmp_path / "mine.py",
            "--out",
            tmp_path / "runs",
            "-q",
        )
        assert clbench(*words, "--update").code == 0
        assert clbench(*words).code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seeds:", "seedz:"), "did you mean 'seeds'"),
        (("seeds: 2", "seeds: 0"), "gate.yaml:3: seeds"),
        (("metrics: [mean, BWT]", "tolerance: {ACC: -1}"), "tolerance"),
        (("[finetuning, ewc]", "[finetuning, ewcc]"), "did you mean 'ewc'"),
        (("epochs: 1", "epoch: 1"), "did you mean 'epochs'"),
    ],
)
def test_a_mistake_in_a_check_is_one_line(tmp_path, change, said):
    (tmp_path / "gate.yaml").write_text(CHECK.replace(*change))
    assert said in clbench("check", tmp_path / "gate.yaml", "--out", tmp_path / "runs", "--update").line


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_command_of_a_ready_workflow_runs(name, checked, monkeypatch):
    """actionlint holds the rest of GitHub's file: it knows no clbench."""
    import re
    import shlex

    import yaml
    from command_line import ROOT

    text = (ROOT / "benchmarks" / "ci" / name).read_text()
    assert yaml.safe_load(text)
    (command,) = re.findall(r"clbench (check /.*)", text.replace('"$CHECK"', str(checked / "gate.yaml")))
    command = command.replace("$PLUGIN", str(checked / "mine.py"))
    (checked / "mine.py").write_text("")
    monkeypatch.chdir(checked)
    assert clbench(*shlex.split(command)).code == 0
    assert (checked / "clbench.xml").exists()
    assert "| ewc" in (checked / "clbench.md").read_text()


def test_where_baselines_cannot_be_written_is_found_before_the_work(tmp_path):
    (tmp_path / "gate.yaml").write_text(CHECK)
    (tmp_path / "baselines").write_text("a file")
    ran = clbench("check", tmp_path / "gate.yaml", "--update", "--out", tmp_path / "runs")
    assert ran.line
    assert not (tmp_path / "runs").exists()


def test_a_method_that_fails_is_worse_and_says_why(tmp_path):
    from command_line import plugins_forgotten

    plugin = tmp_path / "mine.py"
    code = (
        "from dataclasses import dataclass\n"
        "from clbench.registry import strategies\n"
        "from clbench.strategies.base import Strategy\n"
        "@strategies.register('mine-fails')\n"
        "@dataclass\n"
        "class Mine(Strategy):\n"
        "    '''Of two versions.'''\n"
        "    def begin_task(self, trainer, task):\n"
        "        {}\n"
    )
    (tmp_path / "gate.yaml").write_text(CHECK.replace("[finetuning, ewc]", "mine-fails"))
    words = ("check", tmp_path / "gate.yaml", "--plugin", plugin, "--out", tmp_path / "runs")
    for body, code_of_exit in (("pass", 0), ("raise ValueError('no such thing')", 1)):
        plugin.write_text(code.format(body))
        with plugins_forgotten():
            ran = clbench(*words, *(() if code_of_exit else ("--update",)))
        assert ran.code == code_of_exit, ran
    assert "worse: seed 0 failed: ValueError: no such thing" in ran.out
    assert "plugin mine.py sha256" in ran.out


def test_a_check_that_is_not_there_is_one_line(tmp_path):
    assert "nope.yaml" in clbench("check", tmp_path / "nope.yaml").line
    assert "is a folder" in clbench("compare", tmp_path, tmp_path, "--junit", tmp_path).line
