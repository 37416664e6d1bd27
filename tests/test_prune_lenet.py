"""clbench prune-lenet: the rounds, repeated and killed studies, the exported network, the command line."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from command_line import but_for, clbench
from hypothesis import given
from hypothesis import strategies as st

from clbench.datasets import find
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.results import load
from clbench.run import checkpoint
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.prune_lenet import sparse
from clbench.run.prune_lenet.command import run
from clbench.run.prune_lenet.settings import MEASURES, Settings, resolve, resolve_stored
from clbench.run.prune_lenet.study import PruneLenet, Rounds, build_stream, build_trainer
from clbench.run.schedule import Silent

CPU, MACHINE = torch.device("cpu"), Machine("cpu")
SIZES = {"limit": 120, "epochs": 1, "retrain_epochs": 1, "batch_size": 20, "importance_batch": 20, "lr": 0.05}
FLAGS = [word for name, value in SIZES.items() for word in (f"--{name.replace('_', '-')}", str(value))]
DIGITS = ["--dataset", "digits", *FLAGS]


def small(**changes) -> Settings:
    return Settings(**{"dataset": "digits", "rates": (0.5, 0.2), **SIZES, **changes})


def started(settings: Settings):
    return build_trainer(settings, build_stream(settings, MACHINE, CPU), settings.seeds, CPU)


def pruned(settings: Settings, out: Path, **more):
    done, _ = run([settings], out, MACHINE, **more)
    return done[0]


def numbers(result):
    return [(r.seed, r.accuracy, r.survivors) for r in result.runs]


def test_seconds_account_for_measuring_and_for_scoring(tmp_path, monkeypatch):
    score = Trainer.score

    def slow(self, task, split):
        time.sleep(0.3)
        return score(self, task, split)

    monkeypatch.setattr(Trainer, "score", slow)
    [one] = pruned(small(importance="magnitude"), tmp_path)[1].runs
    assert all(seconds >= 0.3 for seconds in one.seconds)


def test_a_layer_without_a_weight_is_warned_of_once(tmp_path):
    everything = small(importance="magnitude", rates=(0.9999, 0.5), seeds=(0, 1))
    with pytest.warns(UserWarning, match="no weight left") as heard:
        found = pruned(everything, tmp_path)[1]
    names = sorted(found.layers)
    for place, one in enumerate(found.runs):
        gone = [n for n, alive in zip(names, one.survivors[1], strict=True) if not alive and n.endswith("W")]
        mine = [str(w.message) for w in heard if f"seed {place}, round 1" in str(w.message)]
        assert gone
        assert [all(name in words for name in gone) for words in mine] == [True]
        assert "--scope layer" in mine[0]


# -- which weights a round prunes -------------------------------------------------------------------------------


def by_hand(scope: str, weights: dict[str, list[float]]):
    """Rounds over a network of two layers whose weights are given."""
    params = {f"network.blocks.{n}": torch.tensor([values]) for n, values in weights.items()}
    slots = {name: SimpleNamespace(layer=name.rpartition(".")[0]) for name in params}
    model = SimpleNamespace(shared=params, params=params, slots=slots)
    strategy = Rounds(Settings(scope=scope))
    strategy.start(model, None)
    return strategy, model


def scored(*values: list[float]):
    """A score for each weight of the two layers."""
    return {f"network.blocks.{n}": torch.tensor([v]).float() for n, v in zip(HAND, values, strict=True)}


HAND = {"0.weight": [1.0, -2.0, 3.0, -4.0], "0.bias": [5.0], "1.weight": [6.0, -7.0, 8.0, -9.0, 10.0]}


def test_each_round_prunes_its_share_of_the_weights_still_alive_over_all_layers():
    strategy, model = by_hand("global", HAND)
    strategy.prune(model, scored([9, 1, 8, 2], [7], [3, 6, 4, 5, 10]), 0.5)  # the five lowest of ten
    assert [t[0].tolist() for t in model.params.values()] == [[1, 0, 3, 0], [5], [0, -7, 0, 0, 10]]
    assert strategy.survivors().tolist() == [[2, 1, 2]]
    strategy.prune(model, scored([2, 0, 1, 0], [5], [0, 3, 0, 0, 4]), 0.4)  # two of the five that are left
    assert [t[0].tolist() for t in model.params.values()] == [[0, 0, 0, 0], [5], [0, -7, 0, 0, 10]]
    strategy.prune(model, scored([9, 9, 9, 9], [3], [9, 2, 9, 9, 1]), 0.3)  # 0.9 of a weight is none
    assert strategy.survivors().tolist() == [[0, 1, 2]]


def test_by_layer_every_layer_gives_up_its_share_weights_and_biases_together():
    strategy, model = by_hand("layer", HAND)
    strategy.prune(model, scored([9, 1, 8, 2], [3], [3, 6, 4, 5, 10]), 0.4)
    assert [t[0].tolist() for t in model.params.values()] == [[1, 0, 3, 0], [5], [0, -7, 0, -9, 10]]


def test_ties_go_by_rank_the_smaller_weight_first_and_no_more_than_the_share():
    strategy, model = by_hand("global", HAND)
    strategy.prune(model, scored([0, 0, 0, 0], [0], [0, 0, 0, 0, 0]), 0.3)
    assert [t[0].tolist() for t in model.params.values()] == [[0, 0, 0, -4], [5], [6, -7, 8, -9, 10]]


def test_nothing_is_pruned_twice():
    strategy, model = by_hand("global", HAND)
    for left in (8, 7, 6, 5, 4):
        strategy.prune(model, scored([0, 1, 2, 3], [4], [5, 6, 7, 8, 9]), 0.2)
        assert int(strategy.survivors().sum()) == left  # floor(0.2 · 10), floor(0.2 · 8) ..


# -- training ---------------------------------------------------------------------------------------------------


def test_pruned_weights_are_zero_after_every_step_and_the_others_learn():
    settings = small(seeds=(0, 1))
    trainer = started(settings)
    task, strategy = trainer.stream.tasks[0], trainer.strategy
    trainer.fit(task)
    strategy.prune(trainer.model, strategy.scores(trainer, task), 0.5)
    before = {name: p.detach().clone() for name, p in trainer.model.shared.items()}
    checked = []

    def look(samples: int) -> None:
        dead = {name: ~alive for name, alive in strategy.alive.items()}
        checked.append(all(bool((trainer.model.params[name][cut] == 0).all()) for name, cut in dead.items()))

    trainer.progress = look
    trainer.fit(task, epochs=2)
    assert len(checked) == 12
    assert all(checked)
    assert all(not p.equal(before[name]) for name, p in trainer.model.shared.items())


@pytest.mark.long
@pytest.mark.parametrize("importance", MEASURES)
def test_seeds_together_equal_seeds_alone(importance, tmp_path):
    _, together = pruned(small(importance=importance, seeds=(0, 3)), tmp_path / "together")
    _, alone = pruned(small(importance=importance, seeds=(3,)), tmp_path / "alone")
    assert numbers(together)[1] == numbers(alone)[0]
    assert numbers(together)[0][1:] != numbers(alone)[0][1:]


class Interrupting(Silent):
    def __init__(self, stage: int) -> None:
        self.after = stage

    def stage(self, key, runs, news):
        if len(runs[0].accuracy) > self.after:
            raise KeyboardInterrupt


@pytest.mark.long
@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("importance", ["ewc", "random"])  # both draw
def test_a_resumed_study_equals_an_uninterrupted_one(importance, stage, tmp_path):
    settings = small(importance=importance, seeds=(0, 1))
    _, whole = pruned(settings, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pruned(settings, tmp_path / "cut", watch=Interrupting(stage))
    path, resumed = pruned(settings, tmp_path / "cut")
    assert numbers(resumed) == numbers(whole)
    kept = [
        checkpoint.read(
            tmp_path
            / where
            / path.relative_to(tmp_path / "cut").with_suffix("")
            / "stage-002-seeds-0-1.safetensors"
        )
        for where in ("whole", "cut")
    ]
    assert kept[0].tensors.keys() == kept[1].tensors.keys()
    assert all(t.equal(kept[1].tensors[name]) for name, t in kept[0].tensors.items())


def test_measures_share_the_trained_network(tmp_path):
    _, alone = pruned(small(importance="magnitude"), tmp_path / "alone")
    pruned(small(importance="random"), tmp_path / "both")
    trained = [path.stat().st_mtime_ns for path in (tmp_path / "both").rglob("trained-*/*.safetensors")]
    _, second = pruned(small(importance="magnitude"), tmp_path / "both")
    assert numbers(second) == numbers(alone)
    assert [path.stat().st_mtime_ns for path in (tmp_path / "both").rglob("trained-*/*.safetensors")] == trained
    pruned(small(importance="magnitude"), tmp_path / "both", force=True)
    assert [path.stat().st_mtime_ns for path in (tmp_path / "both").rglob("trained-*/*.safetensors")] != trained


def test_a_rate_much_too_high_is_recorded(tmp_path):
    _, result = pruned(small(lr=1e30), tmp_path)
    assert (result.status, result.runs[0].status) == ("diverged", "diverged")
    assert "(training)" in result.runs[0].reason
    assert result.runs[0].accuracy == [None]


def test_no_retraining_is_allowed(tmp_path):
    _, result = pruned(small(retrain_epochs=0, importance="magnitude"), tmp_path)
    assert len(result.runs[0].accuracy) == 3


def test_a_study_reads_back_and_names_its_layers_as_the_paper_does(tmp_path):
    path, result = pruned(small(seeds=(2, 0)), tmp_path)
    assert load(path) == result
    assert resolve_stored(result.config, path) == small(seeds=(2, 0))
    assert list(result.layers) == [f"layer{n} {kind}" for n in (1, 2, 3, 4) for kind in ("W", "b")]
    assert result.layers["layer1 W"] == 800
    assert result.layers["layer2 W"] == 51200
    assert result.output_parameters == 2570


def test_the_network_of_28x28_images_is_that_of_table_4():
    from clbench.networks.lenet import LeNet
    from clbench.report.build.pruning.studies import table4

    sizes = [p.numel() for block in LeNet((1, 28, 28)).blocks for p in (block.weight, block.bias)]
    assert sizes == [counts[0] for counts in table4()["layers"].values()]
    assert sum(sizes) == table4()["total"][0]


# -- the exported network ---------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_what_is_packed_unpacks(size, share, seed):
    draw = np.random.default_rng(seed)
    alive = draw.random(size) < share
    values = np.where(alive, draw.standard_normal(size), 0).astype(np.float32).reshape(1, size)
    arrays = sparse.packed("w", values, alive.reshape(1, size))
    assert np.array_equal(sparse.unpacked("w", arrays, [1, size]), values)
    assert sum(a.nbytes for name, a in arrays.items() if name != "w") <= (size + 7) // 8


def test_wide_gaps_take_wider_integers():
    alive = np.zeros(200_000, dtype=bool)
    alive[[3, 199_999]] = True
    arrays = sparse.packed("w", alive.astype(np.float32), alive)
    assert arrays["w/gaps"].dtype == np.uint32
    assert np.array_equal(sparse.unpacked("w", arrays, [200_000]), alive.astype(np.float32))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    words = [
        "--seeds",
        "2",
        "--rates",
        "0.9,0.5",
        "--out",
        folder / "runs",
        "--export",
        folder / "net.safetensors",
    ]
    learns = ["--limit", "1000", "--epochs", "8", "--batch-size", "20", "--lr", "0.05", "--momentum", "0.9"]
    ran = clbench("prune-lenet", "--dataset", "digits", *learns, "--retrain-epochs", "2", *words)
    assert ran.code == 0, ran
    [path] = (folder / "runs").rglob("*.json")
    assert all(run_.accuracy[-1] > 0.5 for run_ in load(path).runs)
    return folder, ran


@pytest.mark.long
def test_totals_by_layer_are_the_nonzero_weights_of_the_exported_file(exported):
    folder, _ = exported
    [path] = (folder / "runs").rglob("*.json")
    result = load(path)
    for run_ in result.runs:
        network = sparse.read(folder / f"net-seed-{run_.seed}.safetensors")
        for place, (layer, size) in enumerate(result.layers.items()):
            number, kind = layer.removeprefix("layer").split()
            p = network.params[f"network.blocks.{int(number) - 1}.{'weight' if kind == 'W' else 'bias'}"]
            assert p.size == size
            assert size - int((p == 0).sum()) == run_.survivors[-1][place]
        assert network.params["head.weight"].shape == (10, 256)


def test_the_line_about_an_exported_network_has_its_measured_size(exported):
    folder, ran = exported
    line = next(line for line in ran.out.splitlines() if line.startswith("exported: ") and "seed-1" in line)
    size = (folder / "net-seed-1.safetensors").stat().st_size
    assert f"in {size / 1000:,.1f} kB; dense 1,27" in line
    assert sparse.read(folder / "net-seed-1.safetensors").record["stage"] == 2
    assert "15,751 of 315,008 weights and the output layer's 2,570" in line


def test_evaluate_finds_the_stored_accuracies_in_results_and_exported_networks(exported):
    folder, _ = exported
    ran = clbench(
        "evaluate", folder / "runs", folder / "net-seed-0.safetensors", folder / "net-seed-1.safetensors"
    )
    assert ran.code == 0, ran
    assert "0 of 4 scores differ" in ran.out
    rows = json.loads(clbench("evaluate", folder / "net-seed-1.safetensors", "--json").out)
    assert (rows[0]["seed"], rows[0]["stage"], rows[0]["task"]) == (1, 2, "digits")


def test_evaluate_says_when_an_exported_network_scores_otherwise(exported, tmp_path):
    folder, _ = exported
    network = sparse.read(folder / "net-seed-0.safetensors")
    alive = {name: p != 0 for name, p in network.params.items() if name.startswith("network.")}
    other = {**network.params, "head.bias": network.params["head.bias"] + 100 * np.arange(10, dtype=np.float32)}
    sparse.write(tmp_path / "other.safetensors", other, alive, network.record)
    assert clbench("evaluate", tmp_path / "other.safetensors").code == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[: len(content) // 2], "unusable network"),
        (lambda content: content[:-4] + b"\0\1\2\3", "do not fit its checksum"),
        (lambda content: b"", "unusable network"),
        (lambda content: content.replace(b"clbench-sparse-1", b"clbench-sparse-9"), "not a network written by"),
    ],
)
def test_a_damaged_network_is_named(exported, tmp_path, change, words):
    folder, _ = exported
    path = tmp_path / "bad.safetensors"
    path.write_bytes(change((folder / "net-seed-0.safetensors").read_bytes()))
    line = clbench("evaluate", path).line
    assert words in line
    assert "bad.safetensors" in line


def test_a_checkpoint_is_not_an_exported_network(exported):
    folder, _ = exported
    [path] = (folder / "runs").rglob("entropy-*/stage-*.safetensors")
    assert "not a network written by" in clbench("evaluate", path).line


def test_a_network_without_a_checkpoint_cannot_be_exported(tmp_path):
    words = ["prune-lenet", *DIGITS, "--rates", "0.5", "--importance", "random", "--out", tmp_path]
    assert clbench(*words, "--quiet").code == 0
    for path in tmp_path.rglob("stage-001-*.safetensors"):
        path.unlink()
    assert (
        "the checkpoint of round 1 is gone"
        in clbench(*words, "--quiet", "--export", tmp_path / "n.safetensors").line
    )


# -- the command line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--importance", "entropie"], "--importance"),
        (["--importance", "ewc,,mas"], "a name is empty"),
        (["--rates", "0.8,1"], "--rates"),
        (["--rates", "0.8,x"], "--rates"),
        (["--rates", "-0.1"], "--rates"),
        (["--scope", "all"], "--scope"),
        (["--epochs", "0"], "--epochs"),
        (["--lr", "nan"], "--lr"),
        (["--dataset", "mnits"], "did you mean 'mnist'"),
        (["--dataset", "nowhere.npz"], "nowhere.npz"),
        (["--preset", "quik"], "did you mean 'quick'"),
        (["--export", "net.pt"], "must end in .safetensors"),
        (["--export", "net.safetensors", "--checkpoints", "none"], "--checkpoints"),
        (["--seeds", "2", "--seed-list", "1"], "exclude each other"),
    ],
)
def test_a_mistake_is_one_line(words, told, tmp_path):
    assert told in clbench("prune-lenet", *but_for(DIGITS, words), "--out", tmp_path / "runs").line
    assert not list(tmp_path.rglob("*.json"))


def test_missing_data_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "roots", lambda data_root=None: [tmp_path])
    monkeypatch.setattr(sys.modules["clbench.datasets.catalogue"], "fetch", lambda *_: None)
    line = clbench("prune-lenet", "--preset", "quick", "--out", tmp_path / "runs").line
    assert str(tmp_path / "MNIST" / "raw") in line
    assert "--dataset digits" in line


def test_finished_studies_are_not_run_again_and_json_has_the_rows(tmp_path):
    words = [
        "prune-lenet",
        *DIGITS,
        "--importance",
        "magnitude,random",
        "--rates",
        "0.5",
        "--out",
        tmp_path,
        "--json",
    ]
    first, second = clbench(*words), clbench(*words)
    assert first.code == 0, first
    assert json.loads(first.out) == json.loads(second.out)
    found = json.loads(first.out)
    assert [row["pruning"]["importance"] for row in found["rows"]] == ["magnitude", "random"]
    assert len(found["files"]) == 2


def test_presets_and_a_clbench_toml_of_the_user_count(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("clbench.toml").write_text('[prune-lenet]\nlr = 0.5\nscope = "layer"\n')
    quick = resolve("quick", dataset="digits", lr=None)
    assert (quick.lr, quick.scope, quick.preset) == (0.5, "layer", "quick")
    assert resolve(lr=0.25).lr == 0.25
    Path("clbench.toml").write_text("[prune-lenet]\nlearning_rate = 0.5\n")
    with pytest.raises(UserError, match=r"clbench\.toml:2: no option learning_rate of prune-lenet"):
        resolve()
    with pytest.raises(UserError, match=r"clbench\.toml:2: no option learning_rate"):
        resolve("quick")


def test_defaults_are_the_papers():
    paper = resolve("paper")
    assert (paper.dataset, paper.epochs, paper.batch_size, paper.lr) == ("mnist", 50, 100, 0.01)
    assert (paper.importance, paper.rates, paper.scope) == ("entropy", (0.8, 0.7, 0.5, 0.4, 0.1), "global")
    assert resolve().digest != paper.digest  # the preset is part of the configuration


@pytest.mark.long
def test_two_workers_give_the_numbers_of_one(tmp_path):
    settings = [small(importance=how, seeds=(0, 1), rates=(0.5,)) for how in ("magnitude", "entropy")]
    one, _ = run(settings, tmp_path / "one", MACHINE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        two, _ = run(settings, tmp_path / "two", MACHINE, executor=Local(2))
    assert [numbers(result) for _, result in one] == [numbers(result) for _, result in two]


def test_a_file_of_ones_own(tmp_path):
    draw = np.random.default_rng(0)
    arrays = {
        f"{what}_{part}": values
        for part, n in (("train", 60), ("test", 20))
        for what, values in (
            ("x", draw.integers(0, 256, (n, 12, 16, 3), dtype=np.uint8)),
            ("y", np.arange(n) % 4),
        )
    }
    np.savez(tmp_path / "mine.npz", **arrays)
    ran = clbench(
        "prune-lenet",
        "--dataset",
        tmp_path / "mine.npz",
        *FLAGS[2:],
        "--rates",
        "0.5",
        "--out",
        tmp_path,
        "--json",
    )
    assert ran.code == 0, ran
    [path] = tmp_path.rglob("entropy-*.json")
    layers = load(path).layers
    assert layers["layer1 W"] == 25 * 3 * 32
    assert layers["layer3 W"] == 64 * 3 * 4 * 512
    assert load(path).output_parameters == 4 * 257


def test_every_stage_of_a_study_can_be_evaluated(tmp_path):
    settings = small(importance="magnitude")
    path, result = pruned(settings, tmp_path)
    study = PruneLenet(settings).group((0,), path.with_suffix(""))
    assert study.experiment.score_again(study, MACHINE, 2, result.data).rows == [[result.runs[0].accuracy[2]]]
    with pytest.raises(UserError, match="sha256 differs"):
        study.experiment.score_again(study, MACHINE, 2, {"other": "0" * 64})
    assert "no checkpoint of stage 1" in clbench("evaluate", path, "--stage", "1").line
    assert PruneLenet(settings).title == "prune-lenet by magnitude on digits"
