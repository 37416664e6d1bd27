"""A mistake of a new user gets the hint that is meant."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from command_line import ROOT, clbench, train

from clbench.config.options import did_you_mean


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["train", "--device", "gpu"], "--device 'gpu': did you mean 'cuda'?"),
        (["evaluate", "runs", "--device", "GPU"], "did you mean 'cuda'?"),
        (["train", "--gpu"], "no option --gpu; did you mean --device cuda?"),
        (["train", "--lr", "0.1"], "no option --lr; did you mean --set train.lr=0.1?"),
        (["train", "--lr=0.1"], "did you mean --set train.lr=0.1?"),
        (["train", "--epochs", "3"], "did you mean --set train.epochs=3?"),
        (["train", "--batch-size", "64"], "did you mean --set train.batch_size=64?"),
        (["train", "--lam", "1e3"], "did you mean --set strategy.lam=1e3?"),
        (["train", "--hidden", "8"], "did you mean --set network.hidden=8?"),
        (["train", "--limit", "60"], "did you mean --set stream.limit=60?"),
        (["train", "--seed", "3"], "did you mean --seed-list 3?"),
        (["train", "--dataset", "mnist"], "did you mean --stream split-mnist?"),
        (["train", "--model", "mlp"], "did you mean --network mlp?"),
        (["reproduce", "table1", "--epochs", "1"], "did you mean --set train.epochs=1?"),
        (["sweep", "--lr", "0.1"], "did you mean --set train.lr=0.1, or to search it --grid train.lr="),
        (["prune-lenet", "--stream", "mnist"], "did you mean --dataset mnist?"),
        (["data", "fetch", "cifar"], "no data set called 'cifar'; did you mean 'cifar10' or 'cifar100'?"),
        (["data", "verify", "CIFAR"], "did you mean 'cifar10' or 'cifar100'?"),
        (
            ["sweep", "--method", "ewc,si", "--grid", "strategy.lam=1,2"],
            "'ewc,si' are several, and this ",
        ),
        (
            ["train", "--stream", "split-mnist,permuted-mnist"],
            "takes one stream a command: --stream split-mnist, ..",
        ),
        (["train", "--network", "mlp,lenet"], "takes one network a command"),
        (["train", "--scenario", "task,class"], "takes one scenario a command"),
        (["report", "--kind", "prunning"], "did you mean 'pruning'?"),
    ],
)
def test_the_hint_is_what_is_meant(words, hint):
    assert hint in clbench(*words).line


def test_an_option_that_nobody_knows_is_left_to_the_help():
    line = clbench("train", "--zzzz", "3").line
    assert "--zzzz" in line
    assert "clbench train --help lists what there is" in line


def test_near_names_of_any_case():
    assert did_you_mean("CIFAR10", ["cifar10", "cifar100", "mnist"]) == "did you mean 'cifar10' or 'cifar100'?"
    assert did_you_mean("EWC", ["ewc", "mas"]) == "did you mean 'ewc'?"
    assert did_you_mean("", ["b", "a"]) == "there are: a, b"
    assert did_you_mean("s", [f"s{n}-long" for n in range(9)]).startswith("there are: s0-long, ")


def test_quiet_leaves_the_json(tmp_path):
    ran = train(tmp_path / "runs", "--method", "finetuning", "--quiet", "--json")
    assert json.loads(ran.out)["files"]
    assert ran.err == ""
    words = ["--dataset", "digits", "--epochs", "1", "--retrain-epochs", "1", "--rates", "0.5", "--limit", "60"]
    ran = clbench(
        "prune-lenet", *words, "--importance", "magnitude", "--out", tmp_path / "runs", "--quiet", "--json"
    )
    assert json.loads(ran.out)["files"]
    assert ran.err == ""
    words = ["--method", "ewc", "--stream", "split-digits", "--grid", "strategy.lam=1", "--set", "stream.limit=60"]
    ran = clbench("sweep", *words, "--set", "stream.tasks=2", "--out", tmp_path / "runs", "--quiet", "--json")
    assert json.loads(ran.out)["winner_file"]
    assert ran.err == ""


def test_completion_is_installed_and_completes(tmp_path):
    shell = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **shell}

    def run(*words, **more):
        command = [sys.executable, "-m", "clbench", *words]
        return subprocess.run(command, env={**environment, **more}, capture_output=True, text=True, cwd=tmp_path)

    assert "--install-completion" in run("--help").stdout
    done = run("--install-completion", "bash")
    assert done.returncode == 0, done.stderr
    assert "_CLBENCH_COMPLETE=complete_bash" in "".join(
        path.read_text() for path in tmp_path.rglob("*.sh") if path.is_file()
    )
    asked = {"_CLBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "clbench tr", "COMP_CWORD": "1"}
    assert run(**asked).stdout.split() == ["train"]


def test_ray_is_installed_from_the_folder(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install '.[ray]'" in clbench("reproduce", "fig7a", "--ray", "local").line
