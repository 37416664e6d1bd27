"""A run knows what made each stage: other code is refused, other machines and versions are told."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from command_line import SMALL, TINY, clbench, plugins_forgotten, process, train
from results_by_hand import MAKER, R3, result, run
from test_pruning_report import study
from test_runner import Interrupting

from clbench.cli.options import fail_where_all_diverged
from clbench.config.resolve import resolve
from clbench.registry import load_plugin, plugins_behind
from clbench.report.compose import report
from clbench.results import load, save, settle
from clbench.results.digests import key_of
from clbench.run import provenance as makers
from clbench.run.machine import Machine
from clbench.run.peak_memory import Peak
from clbench.run.schedule import run as trained

METHOD = '''
from dataclasses import dataclass
from clbench.registry import strategies, streams
from clbench.strategies.base import Strategy
from clbench.streams.permuted import permuted

@strategies.register("mine")
@dataclass
class Mine(Strategy):
    """Fine-tuning, {words}."""

streams.register("borrowed")(permuted)
'''
CHILD = '''
from dataclasses import dataclass
from clbench.registry import strategies

@strategies.register("child")
@dataclass
class Child(strategies["mine"]):
    """Of another plugin's."""
'''
UNUSED = '"""Registers nothing."""\nNUMBER = {words}\n'


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with plugins_forgotten():
        yield


def plugin(name, text, words="first"):
    Path(name).write_text(text.replace("{words}", str(words)))
    return Path(name)


def mine(*words):
    return train(Path("runs"), "--plugin", "mine.py", "--method", "mine", *words)


def refusal(words):
    assert "was made with other code than that of mine.py (sha256 " in words
    assert "permuted-digits/mine-" in words
    return True


def again(*words):
    """The command in a process of its own, which has the plugin as it is now."""
    out, err = (ran := process(*words)).communicate()
    return ran.returncode, out, err


@pytest.mark.long
def test_a_finished_run_of_other_code_is_not_finished_before():
    plugin("mine.py", METHOD)
    assert mine("--quiet").code == 0
    plugin("mine.py", METHOD, "second")
    words = ("train", "--out", "runs", *TINY, "--plugin", "mine.py", "--method", "mine", "--quiet")
    code, _, err = again(*words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert refusal(err)
    assert err.strip().endswith("--force runs it afresh")
    code, _, err = again("evaluate", "runs", "--plugin", "mine.py")
    assert code == 2
    assert refusal(err)
    assert "--accept-other-code" in err
    assert again("evaluate", "runs", "--plugin", "mine.py", "--accept-other-code")[0] == 0
    assert again(*words, "--force")[0] == 0
    assert again(*words)[0] == 0


@pytest.mark.long
def test_a_begun_run_is_not_continued_with_other_code(monkeypatch):
    load_plugin(plugin("mine.py", METHOD))
    config = resolve("mine", sets=tuple(TINY[1::2]))
    with pytest.raises(KeyboardInterrupt):
        trained(config, Path("runs"), Machine(plugins=(Path("mine.py"),)), watch=Interrupting(1))
    plugin("mine.py", METHOD, "second")
    words = ("train", "--out", "runs", *TINY, "--plugin", "mine.py", "--method", "mine", "--quiet")
    code, _, err = again(*words)
    assert code == 2
    assert refusal(err)


@pytest.mark.long
def test_a_plugin_that_the_configuration_does_not_use_is_no_matter():
    plugin("mine.py", METHOD)
    other = plugin("unused.py", UNUSED, 1)
    assert mine("--plugin", other, "--quiet").code == 0
    assert train(Path("runs"), "--plugin", other, "--method", "finetuning", "-q").code == 0
    plugin("unused.py", UNUSED, 2)
    for method in ("mine", "finetuning"):
        code, _, err = again(
            *("train", "--out", "runs", *TINY, "--plugin", "mine.py", "--plugin", "unused.py", "--method", method)
        )
        assert (code, "finished before" in err) == (0, True), err
    for path in Path("runs").rglob("*.json"):
        [maker] = load(path).makers.values()
        assert list(maker["plugins"]) == (["mine.py"] if path.name.startswith("mine") else [])


def test_what_a_plugin_registers_or_a_base_comes_from_is_its_own():
    load_plugin(plugin("mine.py", METHOD))
    load_plugin(plugin("child.py", CHILD))
    sha256 = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("mine.py", "child.py")}
    assert plugins_behind(method="child") == sha256
    assert plugins_behind(method="mine") == {"mine.py": sha256["mine.py"]}
    assert plugins_behind(stream="borrowed") == {"mine.py": sha256["mine.py"]}
    assert plugins_behind(method="ewc", stream="permuted", network="mlp", model="classifier") == {}


@pytest.mark.long
@pytest.mark.parametrize("ended", [True, False])
def test_a_sweep_refuses_trials_of_other_code(ended):
    plugin("mine.py", METHOD)
    words = ["sweep", "--out", "runs", "--method", "mine", "--plugin", "mine.py", *TINY]
    words += ["--grid", "train.lr=0.1,0.2", "--quiet"]
    assert clbench(*words).code == 0
    [record] = Path("runs").rglob("sweep-*.json")
    if not ended:  # the files of trials alone are there
        record.unlink()
    plugin("mine.py", METHOD, "second")
    code, _, err = again(*words)
    assert (code, len(err.splitlines())) == (2, 1), err
    assert refusal(err)
    assert again(*words, "--force")[0] == 0


def test_another_version_goes_on_with_a_note_and_the_same_numbers(monkeypatch):
    config = resolve("finetuning", "split-digits", sets=tuple(TINY[1::2]), seeds=(0, 1))
    with pytest.raises(KeyboardInterrupt):
        trained(config, Path("runs"), watch=Interrupting(1))
    made_here = makers.made_here
    monkeypatch.setattr("clbench.run.experiment.made_here", lambda *where: {**made_here(*where), "torch": "99.0"})
    went_on = trained(config, Path("runs"))
    assert [r.matrix for r in went_on.runs] == [r.matrix for r in trained(config, Path("whole")).runs]
    for one in went_on.runs:
        versions = [went_on.makers[key]["torch"] for key in one.made_by]
        assert versions[:2] == versions[:1] * 2 != ["99.0"] * 2
        assert versions[2:] == ["99.0"]
    words = report([Path("runs")])
    before = went_on.makers[went_on.runs[0].made_by[0]]["torch"]
    assert f"seeds [0,1]: stages 0-1 made with torch {before}, 2 with torch 99.0" in words
    assert "stages" not in report([Path("whole")])


def two_makers(*fields):
    other = {**MAKER, **dict(fields)}
    made = {key_of(MAKER): MAKER, key_of(other): other}
    return made, key_of(MAKER), key_of(other)


def test_a_footnote_says_which_seeds_and_stages(tmp_path):
    made, a, b = two_makers(("torch", "2.10.0"), ("device", "cuda"), ("python", "3.13"))
    runs = [run(n, R3, together=[0, 1, 2], made_by=[a, a, b, b]) for n in (0, 1, 2)]
    one = result(runs=[*runs, run(7, made_by=[b] * 4)])
    one.makers = made
    save(one, tmp_path / "a.json")
    words = (
        "seeds 0-2: stages 0-1 made with torch 2.9.0 on cpu, 2-3 with torch 2.10.0 on cuda",
        "seed [7]: made with torch 2.10.0 on cuda",
    )
    for fmt in ("md", "html", "json", "latex", "csv"):
        assert all(each.replace("[7]", "7") in text_of(fmt, tmp_path) for each in words), fmt


def text_of(fmt, folder):
    return report([folder], fmt).replace("{[}", "[").replace("{]}", "]").replace("seed [7]", "seed 7")


def test_what_was_made_elsewhere_is_told_by_what_decides_digits():
    here = makers.made_here(1, torch.device("cpu"), {})
    assert makers.made_elsewhere([here, {**here, "commit": "other", "threads": 4}], here) is None
    assert makers.made_elsewhere([MAKER], {**here, **MAKER}) is None  # what it does not tell is no difference
    gpu = {**here, "device": "cuda", "device_name": "H100", "torch": "2.0"}
    words = makers.made_elsewhere([here, gpu], here)
    name, version = here["device_name"], here["torch"]
    assert words == f"torch 2.0 (here {version}), device cuda (here cpu), device name H100 (here {name})"


def test_evaluate_says_when_a_result_was_made_elsewhere(tmp_path, monkeypatch):
    made_here = makers.made_here
    with monkeypatch.context() as patch:
        patch.setattr("clbench.run.experiment.made_here", lambda *where: {**made_here(*where), "torch": "99.0"})
        train(tmp_path, "--method", "finetuning", "--stream", "split-digits")
    [path] = tmp_path.rglob("*.json")
    found = clbench("evaluate", path)
    [line] = found.err.splitlines()
    here = torch.__version__
    assert line == f"clbench: {path}: made elsewhere, last digits may differ: torch 99.0 (here {here})"
    assert found.code == 0
    assert "made elsewhere" not in found.out
    assert not clbench("evaluate", path, "--quiet").err


def test_a_study_s_notes_say_it_too(tmp_path):
    one = study()
    other = {**MAKER, "threads": 4}
    one.makers[key_of(other)] = other
    one.runs[1].made_by[3:] = [key_of(other)] * 3
    save(one, tmp_path / "a.json")
    words = report([tmp_path])
    assert "entropy: seed [1]: stages 0-2 made with threads 1, 3-5 with threads 4" in words


def test_no_plugin_no_reading_of_plugins():
    assert makers.other_code(result(), {}) is None


# -- memory ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="begins its peak anew on Linux alone")
def test_memory_is_the_run_s_own():
    large = torch.ones(100_000_000)  # 400 MB, gone before the run
    before = Peak(torch.device("cpu")).bytes()
    del large
    config = resolve("finetuning", "split-digits", sets=tuple(TINY[1::2]))
    [one] = trained(config, Path("runs")).runs
    assert one.peak_memory_bytes < before - 200e6


def test_memory_that_cannot_be_told_is_not_reported(monkeypatch):
    monkeypatch.setattr("clbench.run.peak_memory.OF_PROCESS", Path("nowhere"))
    config = resolve("finetuning", "split-digits", sets=tuple(TINY[1::2]))
    [one] = trained(config, Path("runs")).runs
    assert one.peak_memory_bytes is None
    assert "–" in report([Path("runs")], "html")


def test_a_run_that_goes_on_keeps_the_larger_peak_and_no_half_of_one():
    from clbench.results import Run
    from clbench.run.experiment import larger

    assert larger(Run(0), 5) == 5
    assert larger(Run(0, seconds=[1.0], peak_memory_bytes=9), 5) == 9
    assert larger(Run(0, seconds=[1.0]), 5) is None
    assert larger(Run(0, seconds=[1.0], peak_memory_bytes=9), None) is None


# -- a run without a number -----------------------------------------------------------------------------------

LOST = [word for option in (*SMALL, "train.lr=1e30") for word in ("--set", option.replace("epochs=1", "epochs=3"))]


@pytest.mark.parametrize("how", [(), ("--quiet",), ("--json",)])
def test_a_run_of_which_every_seed_diverged_exits_1(how):
    for _ in range(2):  # trained, and found finished
        ran = clbench("train", "--out", "runs", *LOST, "--method", "finetuning,joint", "--seeds", "2", *how)
        assert ran.code == 1, ran
        [line] = [line for line in ran.err.splitlines() if line.startswith("clbench: ") and "finetuning-" in line]
        assert "every seed diverged: the loss was not finite" in line
        if "--json" in how:
            assert len(json.loads(ran.out)["files"]) == 2


def test_so_does_a_study_and_a_table():
    study = (
        "prune-lenet",
        "--dataset",
        "digits",
        "--limit",
        "60",
        "--epochs",
        "2",
        "--rates",
        "0.5",
        "--lr",
        "1e30",
    )
    for _ in range(2):
        ran = clbench(*study, "--batch-size", "20", "--importance", "magnitude", "--out", "runs", "--quiet")
        assert (ran.code, "every seed diverged" in ran.err) == (1, True), ran
    Path("mine.yaml").write_text(
        "title: Mine\nruns:\n  - {method: [finetuning, ewc], stream: split-digits, network: {hidden: [8]}}\n"
    )
    for _ in range(2):
        words = ("--set", "stream.limit=60", "--set", "train.lr=1e30", "--set", "train.epochs=3")
        ran = clbench("reproduce", "mine.yaml", *words, "--reference", "paper", "--quiet", "--out", "runs")
        assert (ran.code, ran.err.count("every seed diverged")) == (1, 2), ran


def test_one_seed_that_ends_is_enough(tmp_path):
    good, bad = run(0), run(1, R3[:2], status="diverged", reason="x", step=3)
    one = result(runs=[good, bad])
    fail_where_all_diverged([(tmp_path, one)])
    settle(one)
    assert one.status == "done"
