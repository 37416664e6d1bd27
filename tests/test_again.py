"""`clbench check --share`: a part of a check, drawn by the day; committed results that are run again."""

import json
import math
import re
import shlex
from datetime import date, timedelta

import pytest
import yaml
from command_line import ROOT, clbench
from test_compare import CHECK, verdicts

from clbench.compare.again import again
from clbench.compare.check_file import read
from clbench.compare.draw import drawn
from clbench.results import find, load, save


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    (folder / "gate.yaml").write_text(CHECK)
    ran = clbench("check", folder / "gate.yaml", "--update", "--out", folder / "runs", "--quiet")
    assert ran.code == 0, ran
    return folder


def test_the_same_day_draws_the_same_and_every_thing_is_drawn_sooner_or_later():
    names = [f"{n:012x}" for n in range(107)]
    days = [date(2026, 11, 27) + timedelta(weeks=n) for n in range(104)]
    each = [drawn(names, names, 0.1, day) for day in days]
    assert each == [drawn(names, names, 0.1, day) for day in days]
    assert {len(some) for some in each} == {11}
    assert all(some == sorted(some) for some in each)
    assert set().union(*each) == set(names)
    assert len({tuple(some) for some in each}) == len(each)
    turned = drawn(names[::-1], names[::-1], 0.1, days[0])
    assert sorted(turned) == each[0]  # whatever the order of the files
    assert drawn(names, names, 1, days[0]) == names
    assert drawn(names[:3], names[:3], 0.1, days[0]) != []
    assert drawn([], [], 0.1, days[0]) == []


def test_a_share_of_a_check_runs_and_says_what_was_drawn(checked, tmp_path):
    words = ("check", checked / "gate.yaml", "--out", tmp_path, "--share", "0.5", "--draw", "2026-11-27")
    ran = clbench(*words, "--json", "--quiet")
    assert ran.code == 0
    assert "1 of 2, drawn by 2026-11-27:" in ran.err
    (method,) = {method for method, _ in verdicts(ran)}
    assert f"permuted-digits/{method}-" in ran.err
    said = clbench(*words, "--dry-run")
    assert (said.code, said.out) == (0, "")
    assert f"permuted-digits/{method}-" in said.err
    others = {clbench(*words[:-1], f"2026-11-{day:02}", "--dry-run").err for day in range(1, 9)}
    assert len({text.partition(":\n")[2] for text in others}) == 2  # either of the two


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--share", "0"), "--share 0: expected a number above 0"),
        (("--share", "1.5"), "--share 1.5"),
        (("--share", "0.1", "--draw", "friday"), "expected a day as 2026-11-27"),
        (("--draw", "2026-11-27"), "add --share"),
    ],
)
def test_a_mistake_in_a_draw_is_one_line(checked, words, said):
    assert said in clbench("check", checked / "gate.yaml", *words).line


AGAIN = """\
seeds: 1
test: none
metrics: [mean, BWT]
tolerance: 0.5
results:
  - files: permuted-digits/ewc-*.json
  - {files: [permuted-digits], tolerance: {ACC: 30}}
"""


def test_results_are_run_again_and_held_against_themselves(checked, tmp_path):
    (checked / "baselines" / "again.yaml").write_text(AGAIN)
    words = ("check", checked / "baselines" / "again.yaml", "--out", tmp_path / "runs")
    ran = clbench(*words, "--json", "--quiet")
    assert ran.code == 0, ran
    (whole,) = json.loads(ran.out)
    tolerated = {(v["method"], v["metric"]): (v["tolerance"], v["seeds"], v["verdict"]) for v in whole["verdicts"]}
    assert tolerated == {
        ("ewc", "ACC"): (0.5, [0], "same"),
        ("ewc", "BWT"): (0.5, [0], "same"),
        ("finetuning", "ACC"): (30, [0], "same"),
        ("finetuning", "BWT"): (0.5, [0], "same"),
    }
    assert "nothing to write" in clbench(*words, "--update").line
    (checked / "baselines" / "again.yaml").write_text(AGAIN.replace("ewc-*", "ewcc-*"))
    assert "no result file" in clbench(*words).line


def test_a_result_that_has_got_worse_fails_when_it_is_run_again(checked, tmp_path):
    folder = tmp_path / "permuted-digits"
    folder.mkdir()
    for path in (checked / "baselines").rglob("ewc-*.json"):
        stored_one = load(path)
        for one in stored_one.runs:
            one.matrix = [[None if v is None else 1.0 for v in row] for row in one.matrix]
        save(stored_one, folder / path.name)
    (tmp_path / "again.yaml").write_text(
        AGAIN.replace("  - {files: [permuted-digits], tolerance: {ACC: 30}}\n", "")
    )
    ran = clbench("check", tmp_path / "again.yaml", "--out", tmp_path / "runs", "--json", "--quiet")
    assert ran.code == 1
    assert verdicts(ran)["ewc", "ACC"] == "worse"


def test_every_committed_result_can_be_run_again_or_is_said_not_to_be():
    """And this clbench makes the same configuration of it."""
    results = ROOT / "benchmarks" / "results"
    asked = read(results / "again.yaml")
    each = again(asked.results, results, asked.seeds)
    listed = {one.path for one in each}
    assert all(list(one.experiment.config.seeds) == load(one.path).seeds[:1] for one in each)
    said = (results / "again.yaml").read_text().partition("title:")[0]
    not_here = {path.name for path in results.iterdir() if path.is_dir() and path.name in said}
    assert not_here == {"caltech101", "five-datasets", "split-cifar10", "cgan-svhn", "vae-faces"}
    digests = {path.stem.rpartition("-")[2] for path in listed}
    for path in find([results, ROOT / "benchmarks" / "scenarios"]):
        inside = bool(not_here & set(path.relative_to(ROOT / "benchmarks").parts[1:2]))
        finished = load(path).status == "done"
        assert inside != (path.stem.rpartition("-")[2] in digests) or not finished, path


def test_the_scheduled_workflow_draws_a_tenth():
    text = (ROOT / "benchmarks" / "ci" / "again.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]["again"]["steps"]
    (line,) = [step["run"] for step in jobs if "clbench check" in step.get("run", "")]
    words = shlex.split(line.replace("\\\n", " ").strip())
    place = words.index("clbench")
    asked = [str(ROOT / word) if word.startswith("benchmarks/") else word for word in words[place + 1 :]]
    said = clbench(*asked, "--draw", "2026-11-27", "--dry-run")
    assert said.code == 0, said
    (drawn_today, all_of_them) = re.findall(r"clbench: (\d+) of (\d+), drawn by 2026-11-27:", said.err)[0]
    assert int(all_of_them) > 100
    assert int(drawn_today) == math.ceil(int(all_of_them) / 10)
    assert "cron" in text
