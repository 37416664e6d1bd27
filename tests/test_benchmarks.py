"""The benchmarks run and say what they promise; what they measure is judged on a quiet machine, not here."""

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import ROOT

from benchmarks import chromium, printed, tune, tuned_values
from clbench.config.defaults import default_files
from clbench.config.resolve import resolve
from clbench.errors import UserError
from clbench.results.trial_files import compare
from clbench.sweep.searched import Searched


def benchmark(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


SPEED = ("--stream", "permuted-digits", "--limit", "150", "--batch", "50", "--repeats", "1", "--json")
REGULARISERS = ["ewc", "si", "mas", "anpyc"]


@pytest.mark.long
def test_speed_prints_a_ratio_and_a_target_for_every_method_and_number_of_seeds():
    found = json.loads(benchmark("speed", *SPEED, "--seeds", "1,2", "--parts", "training"))
    each = ["finetuning", *REGULARISERS, "hat", "lwf", "er", "derpp"]

    training = found["training"]
    assert [(row["training"], row["seeds"]) for row in training] == [
        ("bare", 1),
        *((name, seeds) for seeds in (1, 2) for name in each),
    ]
    assert [row["target"] for row in training[1:10]] == [1.05, *[0.95] * 4, *[0.9] * 4]
    assert all(row["ok"] == (row["ratio"] >= row["target"]) for row in training[1:6])
    assert all(row["ok"] == (row["ratio/allowed"] >= row["target"]) for row in training[6:10])
    assert min(min(row["ratio"], row["% of peak"], row["samples/s"]) for row in training) > 0
    assert [(row["importance"], row["target"]) for row in found["importance"][:4]] == [
        (n, 1) for n in REGULARISERS
    ]
    assert len(found["evaluation"]) == len(training)
    assert [(row["together"], row["target"]) for row in found["together"]] == [(name, None) for name in each]
    assert found["peak"]["lowest"] <= found["peak"]["GFLOP/s"]


def test_speed_allows_for_the_arithmetic_that_a_method_adds():
    found = json.loads(
        benchmark("speed", *SPEED, "--seeds", "1", "--parts", "training", "--methods", "ewc,hat,lwf,er,derpp")
    )
    allowed = {row["training"]: row["allowed"] for row in found["training"]}

    layers, weights = (64 * 512, 512 * 256, 256 * 10), 64 * 512 + 512 + 512 * 256 + 256
    forward = 2 * sum(layers)
    step = 3 * forward - 2 * layers[0]
    images, steps, replayed = 150, 3, 128
    gates = 4 * images * (512 + 256 + 10) + 3 * steps * weights
    teacher = images * (forward + 3 * 2 * layers[2])
    assert allowed == {
        "bare": 1,
        "ewc": 1,
        "hat": pytest.approx(images * step / (images * step + gates), abs=1e-3),
        "lwf": pytest.approx(images * step / (images * step + teacher), abs=1e-3),
        "er": pytest.approx(images / (images + steps * replayed), abs=1e-3),
        "derpp": pytest.approx(images / (images + 2 * steps * replayed), abs=1e-3),
    }


def test_speed_takes_convolutional_networks_of_the_classes_of_a_task():
    words = ("--network", "lenet,vgg9", "--stream", "split-digits", "--set", "stream.size=8", "--limit", "30")
    words += (
        "--batch",
        "15",
        "--seeds",
        "1",
        "--methods",
        "hat",
        "--repeats",
        "1",
        "--parts",
        "training",
        "--json",
    )
    found = json.loads(benchmark("speed", *words))

    assert [(row["network"], row["training"]) for row in found["training"]] == [
        ("lenet", "bare"),
        ("lenet", "hat"),
        ("vgg9", "bare"),
        ("vgg9", "hat"),
    ]


def test_work_of_a_network_is_that_of_its_products_and_convolutions():
    from torch import nn

    from benchmarks.speed.arithmetic import work_of

    network = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4 * 4, 10)
    )
    work = work_of(network, (3, 8, 8))
    convolution, product = 2 * (3 * 5 * 5) * (8 * 4 * 4), 2 * 128 * 10
    assert work.forward == convolution + product
    assert work.step == 2 * convolution + 3 * product
    assert work.outputs == 128 + 10


@pytest.mark.long
def test_speed_measures_start_up_memory_and_all_cores_of_whole_processes():
    words = ("--methods", "finetuning", "--seeds", "2", "--parts", "cores,start-up,memory")
    found = json.loads(benchmark("speed", *SPEED, *words))

    assert [row["start-up"] for row in found["start-up"]] == [
        "import torch",
        "clbench --help",
        "clbench train, to its first batch",
    ]
    [memory], [cores] = found["memory"], found["all cores"]
    assert memory["MB above torch's"] > 0
    assert cores["cores"] >= 1
    assert cores["seeds"] == sum(int(n) for n in cores["seeds of each process"].split(",")) == 2
    assert cores["samples/s"] > cores["of the whole process"] > 0
    assert cores["share of peak"] > 0
    assert cores["target"] is None  # that of ten seeds


def test_a_part_that_there_is_not_is_refused_in_a_line():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed", "--parts", "memroy"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == "benchmarks: --parts: nothing called 'memroy'; did you mean 'memory'?\n"


def test_a_process_is_measured_without_that_of_whoever_starts_it(tmp_path):
    from benchmarks.speed.processes import run

    held = bytearray(b"1") * 300_000_000  # noqa: F841 - this process is large
    small = run([sys.executable, "-c", "pass"], tmp_path)
    large = run([sys.executable, "-c", "x = bytearray(b'1') * 200_000_000"], tmp_path)
    assert small.peak < 100_000_000
    assert large.peak > 200_000_000
    assert small.clock.cpu > 0
    assert small.clock.wall > 0


def test_a_process_that_fails_is_an_error_with_its_last_line(tmp_path):
    from benchmarks.speed.processes import run

    with pytest.raises(UserError, match=r"failed: no such thing \(exit code 3\)"):
        run([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"], tmp_path)


@pytest.mark.long
def test_long_compares_the_last_tasks_with_the_first_and_many_seeds_with_one():
    words = ("--limit", "60", "--tasks", "4", "--many-tasks", "5", "--seeds", "2", "--methods", "ewc", "--json")
    found = json.loads(benchmark("long", *words))

    [tasks], [seeds], [many] = found["tasks"], found["seeds"], found["many-tasks"]
    assert min(tasks["s a task, first 2"], tasks["s a task, last 2"], tasks["MB after 4"]) > 0
    assert min(seeds["s a task, one seed"], seeds["s a task, all"]) > 0
    assert min(many["s a task, first 2"], many["s a task, last 2"], many["MB"]) > 0
    assert (tasks["tasks"], seeds["seeds"], many["tasks"]) == (4, 2, 5)


def test_speed_of_a_gan_prints_its_ratio_to_a_bare_loop():
    words = ("--gan", "mlp-gan", "--stream", "cgan-digits", "--limit", "60", "--repeats", "1", "--json")
    found = json.loads(benchmark("speed", *words))
    assert found["network"] == "mlp-gan"
    assert found["images_per_second"] > 0
    assert found["ratio"] > 0


def test_per_sample_prints_a_speed_of_every_form_and_they_agree():
    words = ("--network", "lenet", "--set", "maps=3,4", "--set", "hidden=6,5", "--images", "6", "--size", "8")
    found = json.loads(benchmark("per-sample", *words, "--repeats", "1", "--json"))

    assert [row["form"] for row in found["forms"]] == [
        "a plain pass",
        "one at a time",
        "unfold",
        "expanded weights",
        "vmap of grad",
        "sample by sample",
    ]
    assert min(row["images/s"] for row in found["forms"]) > 0


@pytest.mark.long
def test_fid_prints_the_seconds_of_every_step():
    words = ("--dataset", "digits", "--training", "300", "--images", "300")
    found = json.loads(benchmark("fid", *words, "--json"))

    assert [row["step"] for row in found["steps"]] == ["train a LeNet", "features of both sets", "distance"]
    assert min(row["seconds"] for row in found["steps"]) > 0
    assert found["accuracy"] > 0.8
    assert found["FID-lenet"] > 0


@pytest.mark.long
def test_speed_of_images_prints_a_ratio_for_every_pipeline():
    found = json.loads(benchmark("speed", "--images", "--limit", "200", "--repeats", "1", "--json"))

    assert [row["target"] for row in found["images"]] == [5.0, 5.0, None, None, None, None]
    assert min(row["images/s"] for row in found["images"]) > 0
    assert max(row["ratio"] for row in found["images"] if row["target"] is None) == 1
    assert all(row["ok"] == (row["ratio"] >= 5) for row in found["images"][:2])


def test_every_pipeline_shows_every_image_once_as_the_others_do(tmp_path):
    import numpy as np

    from benchmarks.images import Setting, ours, theirs

    setting = Setting(images=50, batch=16)
    pixels = np.broadcast_to(np.arange(50, dtype=np.uint8)[:, None, None, None] * 5, (50, 32, 32, 3)).copy()
    expected = (np.arange(50) * 5 - pixels.mean()) / pixels.std()
    for pipeline in {**ours(pixels, setting, tmp_path), **theirs(pixels, setting)}.values():
        shown = [image for batch in pipeline() for image in batch.numpy()]
        assert {image.shape for image in shown} == {(3, 32, 32)}
        np.testing.assert_allclose(np.sort([image[2, 16, 16] for image in shown]), expected, 1e-4, 1e-4)


SEARCHES = tune.searches()
EQUAL = [name for name, search in SEARCHES.items() if search.options["search"] == "tpe"]  # what tables are made of


@pytest.mark.parametrize("name", SEARCHES)
def test_what_won_a_search_is_what_is_trained_by_default(name):
    search = SEARCHES[name]
    stream, scenario, network = search.place
    for method, record in search.records():
        plan = search.plan(method)
        assert all((search.folder / trial.file).is_file() for trial in record.trials)
        compare(record, search.folder / plan.path, search.folder)
        if not search.tunes:
            continue
        trained = resolve(method, stream, scenario=scenario, network=network)
        assert trained.as_dict() == plan.winner(record.best.values).as_dict(), method


def test_nothing_counts_as_tuned_that_no_search_names():
    shipped, *_ = default_files()
    named: dict[tuple[str, str, str], set[str]] = {}
    sources: dict[tuple[str, str, str], str] = {}
    for search in (one for one in SEARCHES.values() if one.tunes):
        named.setdefault(search.place, set()).update(search.methods)
        if any(True for _ in search.records()):
            sources.setdefault(search.place, f"benchmarks/{search.folder.name}/{search.place[0]}")
    for stream, scenarios in shipped.values["tuned"].items():
        for scenario, networks in scenarios.items():
            for network, table in networks.items():
                assert table["source"] == sources[stream, scenario, network]
                assert table["strategy"].keys() <= named[stream, scenario, network]


@pytest.mark.parametrize("name", EQUAL)
def test_methods_of_a_table_are_searched_with_one_budget_and_with_room_around_what_won(name):
    search = SEARCHES[name]
    plans = [search.plan(method) for method in search.methods]
    spent = {(p.search, p.trials, p.search_seeds, p.seeds, p.validation, p.protocol, p.stop_early) for p in plans}
    assert len(spent) == 1
    assert len({(p.base.train.epochs, p.base.train.iterations, p.base.train.batch_size) for p in plans}) == 1
    assert all("train.lr" in {axis.name for axis in p.axes} for p in plans)
    found = [Searched(search.folder / search.plan(m).path, record) for m, record in search.records()]
    edges = {one.method: v.option for one in found for v in one.values if v.edge and not v.natural}
    assert edges == {}


def test_what_the_printed_numbers_imply_is_what_they_were_made_of():
    rng = np.random.default_rng(0)
    matrix, alone = rng.uniform(20, 99, (5, 5)), 97.0
    of = {
        "ACC": matrix[-1].mean(),
        "BWT": (matrix[-1] - matrix.diagonal())[:-1].mean(),
        "FWT": (matrix.diagonal()[1:] - alone).mean(),
    }
    assert printed.first_task(5, alone, **of) == pytest.approx(matrix[0, 0])
    assert [printed.possible(first, 95) for first in (101, 100.1, 0, -5.1, -6)] == [False, True, True, True, False]


@pytest.fixture
def toml(tmp_path):
    """A copy of clbench.toml as a user has one, so that it holds where the test stands."""
    (tmp_path / "clbench.toml").write_text((ROOT / "clbench.toml").read_text())
    return tmp_path / "clbench.toml"


def test_winners_that_stand_in_clbench_toml_are_not_written_again(toml):
    before = toml.read_text()
    tuned_values.write(toml)
    assert toml.read_text() == before


def test_winners_are_put_where_they_hold_and_all_else_stays(toml, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search, found = SEARCHES["split-digits-task"], {}
    for method, record in search.records():
        record.plan["search"] = "changed"
        for trial in record.trials:
            trial.values = dict.fromkeys(trial.values, 7.5)
        found[method] = record

    def only(self, _=None):
        return found.items() if self.name == search.name else ()

    monkeypatch.setattr(tune.Search, "records", only)
    before = toml.read_text()
    tuned_values.write(toml)
    after = toml.read_text()
    gone = [line for line in before.splitlines() if line not in after.splitlines()]
    assert [line for line in gone if line.startswith("#")] == []
    for method in found:
        config = resolve(method, "split-digits")
        assert config.strategy_options["lam"] == 7.5
        assert config.train == resolve("sgd", "split-digits").train
        assert resolve(method, "split-digits", scenario="domain").strategy_options["lam"] != 7.5
    assert resolve("ewc", "permuted-digits").strategy_options["lam"] == 1000


def test_a_method_keeps_its_own_rate_and_a_remark_on_old_values_goes():
    text = """# top
[train]
lr = 1

# -- here

# old
[tuned.s.task.mlp.strategy.ewc]
lam = 1

# -- there

[other]
x = 1
"""
    blocks, here = tuned_values.blocks_of(text), ("tuned", "s", "task", "mlp", "strategy", "ewc")
    assert "\n".join(line for block in blocks for line in block.lines) + "\n" == text
    tuned_values.set_section(blocks, here, {"lam": 2.5}, (*here, "train"), {"lr": 0.1})
    tuned_values.set_section(blocks, (*here[:-1], "a b"), {"lam": "x"}, ("other",), {})
    assert (
        "\n".join(line for block in blocks for line in block.lines) + "\n"
        == """# top
[train]
lr = 1

# -- here

[tuned.s.task.mlp.strategy.ewc]
lam = 2.5

[tuned.s.task.mlp.strategy.ewc.train]
lr = 0.1

[tuned.s.task.mlp.strategy."a b"]
lam = "x"
"""
    )
    tuned_values.set_section(blocks, here, {})
    assert blocks[2].lines == ["", "# -- here", "", "[tuned.s.task.mlp.strategy.ewc.train]", "lr = 0.1"]


def test_seeds_prints_a_speed_for_every_form():
    [row] = json.loads(benchmark("seeds", "--numbers", "2", "--steps", "1", "--repeats", "1", "--json"))

    assert row["seeds"] == 2
    assert min(row["unrolled"], row["vmap"], row["baddbmm"]) > 0


@pytest.mark.parametrize("network", ["mlp", "lenet"])
def test_forms_of_the_seed_axis_agree(network):
    import torch

    from benchmarks.seeds import FORMS, batch_of, model_of

    model = model_of(network, 3, torch.device("cpu"))
    batch = batch_of(model, 16)
    outputs = []
    for form in FORMS[network].values():
        model.run = form
        outputs.append(model(batch.x, batch.task))

    torch.testing.assert_close(outputs[1], outputs[0])
    torch.testing.assert_close(outputs[2], outputs[0])
    assert not torch.equal(outputs[0][0], outputs[0][1])


def test_help_imports_no_torch():
    code = "import sys, benchmarks.__main__; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(chromium.FOUND is None, reason="no Chromium on this machine")
def test_page_says_how_large_a_page_is_and_how_soon_it_can_be_used():
    one, more = json.loads(benchmark("page", "--runs", "1,20", "--repeats", "1", "--json"))
    assert one["complaints"] == more["complaints"] == 0
    assert one["bytes"] < more["bytes"]
    assert min(more["usable at 1280 px (ms)"], more["usable at 390 px (ms)"]) > 0


@pytest.mark.long
def test_sweeps_says_what_a_sweep_costs_and_how_its_memory_grows():
    found = json.loads(benchmark("sweeps", "--stream", "split-digits", "--epochs", "1", "--tiny", "100", "--json"))

    assert found["overhead"]["trainings"] == 3
    assert found["overhead"]["seconds by sweep"] > 0
    assert len(found["memory"]["megabytes"]) == 2
    assert abs(found["memory"]["growth (MB)"]) < 50
