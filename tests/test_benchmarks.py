"""The benchmarks run and say what they promise; what they measure is judged on a quiet machine, not here."""

import json
import subprocess
import sys

import pytest

from benchmarks import chromium, tune
from clbench.config.defaults import default_files


def benchmark(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_speed_prints_a_ratio_for_every_method_and_importance():
    shown = json.loads(
        benchmark("speed", "--stream", "permuted-digits", "--limit", "200", "--repeats", "1", "--json")
    )

    assert [row["training"] for row in shown["training"]] == ["bare", "finetuning", "ewc", "si", "mas", "anpyc"]
    assert [row["importance"] for row in shown["importance"]] == ["ewc", "si", "mas", "anpyc"]
    assert all(row["ratio"] > 0 for row in shown["training"] + shown["importance"])
    assert [row["target"] for row in shown["training"]] == [None, 0.9, 0.8, 0.8, 0.8, 0.8]


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


def test_fid_prints_the_seconds_of_every_step():
    words = ("--dataset", "digits", "--training", "300", "--images", "300")
    found = json.loads(benchmark("fid", *words, "--json"))

    assert [row["step"] for row in found["steps"]] == ["train a LeNet", "features of both sets", "distance"]
    assert min(row["seconds"] for row in found["steps"]) > 0
    assert found["accuracy"] > 0.8
    assert found["FID-lenet"] > 0


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


@pytest.mark.parametrize("stream", tune.PLANS)
def test_what_was_tuned_is_recorded_and_stands_where_it_holds(stream):
    plan = tune.PLANS[stream]
    assert all((tune.RECORD / trial.path).is_file() for trial in tune.configs(stream))
    shipped, *_ = default_files()
    tuned = shipped.values["tuned"][stream][plan["scenario"]][plan["network"]]
    assert tuned["source"] == f"benchmarks/tuning/{stream}"
    assert tuned["strategy"].keys() <= plan["methods"].keys()
    for method, options in tuned["strategy"].items():
        tried = {name: value for grid in plan["methods"][method] for name, value in grid.items()}
        assert options.keys() <= tried.keys()


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


def test_sweeps_says_what_a_sweep_costs_and_how_its_memory_grows():
    found = json.loads(benchmark("sweeps", "--stream", "split-digits", "--epochs", "1", "--tiny", "100", "--json"))

    assert found["overhead"]["trainings"] == 3
    assert found["overhead"]["seconds by sweep"] > 0
    assert len(found["memory"]["megabytes"]) == 2
    assert abs(found["memory"]["growth (MB)"]) < 50
