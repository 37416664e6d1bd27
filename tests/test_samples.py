"""clbench analyze --what samples: numbers and pictures of what generators paint."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import but_for, clbench
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clbench.analysis.samples import before_and_after, stage_learned
from clbench.report.build.tables import tables
from clbench.results import Result, Run, load, samples_path, save

WORDS = [
    *(
        "train",
        "--stream",
        "cgan-digits",
        "--network",
        "mlp-gan",
        "--method",
        "finetuning,joint",
        "--device",
        "cpu",
    ),
    *("--set", "stream.tasks=3", "--set", "stream.limit=40", "--set", "network.hidden=16", "--quiet"),
    *("--set", "network.samples=20", "--set", "train.epochs=1", "--seeds", "2"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    ran = clbench(*WORDS, "--out", out)
    assert ran.code == 0, ran
    return out


def result(runs: Path, method: str) -> Path:
    return next(runs.rglob(f"{method}-*.json"))


def test_every_class_has_its_numbers_after_the_last_task(runs: Path) -> None:
    ran = clbench("analyze", runs, "--what", "samples", "--format", "json")
    assert ran.code == 0, ran
    lines = json.loads(ran.out)
    lines = lines["rows"] if isinstance(lines, dict) else lines[0]["rows"]
    mine = [line for line in lines if line["method"] == "finetuning" and line["seed"] == 1]
    assert [(line["class"], line["old"]) for line in mine] == [("0", True), ("1", False), ("2", False)]
    stored = load(result(runs, "finetuning")).runs[1].samples[-1]
    assert [line["fid"] for line in mine] == list(stored["fid"].values())
    assert [line["read"] for line in mine] == list(stored["read"].values())


def test_the_report_shows_the_old_classes_and_what_is_read(runs: Path) -> None:
    table = clbench("report", runs).out
    assert "| method     |" in table
    for head in ("old", "FID-lenet", "BWT (FID-lenet)", "pooled", "read (%)"):
        assert f" {head} |" in table
    assert "above 0, BWT is a loss" in table
    assert "Distances are of 60 samples and as many real images: few make them larger" in table


def test_distances_through_different_features_are_told_apart(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    changed = load(result(runs, "joint"))
    for run in changed.runs:
        run.samples[-1]["features_sha256"] = "f" * 64
    save(changed, other)
    assert "Rows were seen by different features" not in clbench("report", runs).out
    assert "Rows were seen by different features" in clbench("report", result(runs, "finetuning"), other).out


def test_weights_for_fid_that_are_not_there_end_the_command_at_its_start(tmp_path: Path) -> None:
    words = ("--set", "network.features=inception", "--set", f"network.fid_weights={tmp_path / 'none.pth'}")
    ran = clbench(*WORDS, *words, "--out", tmp_path)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "none.pth" in ran.err
    assert not list(tmp_path.rglob("*.json"))


def test_pictures_are_cut_into_their_samples(runs: Path) -> None:
    [table] = tables([(path := result(runs, "finetuning"), load(path))])
    both = before_and_after(table.rows[0])
    assert both is not None
    before, after = both
    assert before.shape == after.shape == (3, 4, 8, 8)
    with Image.open(path.with_suffix("") / "samples/stage-001-seed-0.png") as picture:
        assert np.array_equal(np.asarray(picture)[:8, 8:16], before[0, 1])
    with Image.open(path.with_suffix("") / "samples/stage-003-seed-0.png") as picture:
        assert np.array_equal(np.asarray(picture)[16:24, :8], after[2, 0])
    assert np.array_equal(before[2], after[2])  # learned last
    assert stage_learned(load(path).runs[0]) == [1, 2, 3]
    assert stage_learned(load(result(runs, "joint")).runs[0]) == [1, 1, 1]


def test_pictures_are_drawn_and_a_damaged_one_is_named(runs: Path, tmp_path: Path) -> None:
    ran = clbench("analyze", runs, "--what", "samples", "--plots", tmp_path)
    assert ran.code == 0, ran
    assert {p.suffix for p in tmp_path.iterdir()} == {".png", ".svg"}
    assert len(list(tmp_path.iterdir())) == 4
    picture = result(runs, "finetuning").with_suffix("") / "samples/stage-002-seed-0.png"
    whole = picture.read_bytes()
    try:
        for content in (whole[:50], b"no picture"):
            picture.write_bytes(content)
            ran = clbench("analyze", runs, "--what", "samples")
            assert ran.code == 2
            assert ran.err.count("\n") == 1
            assert str(picture) in ran.err
        with Image.open(result(runs, "finetuning").with_suffix("") / "samples/stage-001-seed-0.png") as other:
            said = PngInfo()
            said.add_text("sha256", "0" * 64)
            other.save(picture, pnginfo=said)
        assert "do not fit its sha256" in clbench("analyze", runs, "--what", "samples").err
        picture.unlink()
        ran = clbench("analyze", runs, "--what", "samples")
        assert ran.code == 0
    finally:
        picture.write_bytes(whole)


def test_checkpoints_give_the_same_samples_again(runs: Path) -> None:
    ran = clbench("evaluate", runs, "--device", "cpu")
    assert ran.code == 0, ran
    assert "all classes" in ran.out
    assert "class 2" in ran.out
    assert "0 of 40 scores differ" in ran.out, ran.out


def test_runs_of_classifiers_have_no_samples(tmp_path: Path) -> None:
    words = ("--stream", "split-digits", "--set", "stream.limit=20", "--set", "train.epochs=1", "--quiet")
    assert clbench("train", "--method", "finetuning", *words, "--out", tmp_path).code == 0
    ran = clbench("analyze", tmp_path, "--what", "samples")
    assert ran.code == 2
    assert "samples are of runs of a generator" in ran.err
    assert "paints no images" in clbench("report", tmp_path, "--metrics", "ACC,read").out


def test_a_page_and_a_document_show_the_samples(runs: Path, tmp_path: Path) -> None:
    page = clbench("analyze", runs, "--what", "samples", "--format", "html")
    assert page.code == 0, page
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page.out)
    assert len(pictures) == 2  # samples before and after; FID over stages
    for one in pictures:
        with Image.open(io.BytesIO(base64.b64decode(one))) as picture:
            assert min(picture.size) > 100
    document = clbench("analyze", runs, "--what", "samples", "--format", "latex", "--plots", tmp_path / "p_1")
    shown = re.findall(r"\\includegraphics\[[^]]*\]\{\\detokenize\{(.*)\}\}", document.out)
    assert len(shown) == 2
    assert all(Path(path).is_file() for path in shown)


def test_old_classes_are_those_learned_first_whatever_the_alphabet_says(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    more = ["--method", "finetuning", "--set", "stream.tasks=2", "--set", "stream.order=8,1,0,5"]
    ran = clbench(*but_for(list(WORDS), more), "--set", "stream.classes=2", "--out", out)
    assert ran.code == 0, ran
    stored = load(result(out, "finetuning"))
    last = stored.runs[0].samples[-1]
    assert list(last["fid"]) == list(last["read"]) == list(last["spread"]) == ["8", "1", "0", "5"]
    lines = json.loads(clbench("analyze", out, "--what", "samples", "--format", "json").out)[0]["rows"]
    assert [(one["class"], one["old"]) for one in lines if one["seed"] == 0] == [
        ("8", True),
        ("1", True),
        ("0", False),
        ("5", False),
    ]
    ((row,),) = [table.rows for table in tables([(result(out, "finetuning"), stored)])]
    shares = [100 * (run.samples[-1]["read"]["8"] + run.samples[-1]["read"]["1"]) / 2 for run in stored.runs]
    assert row.cells["read"].values == pytest.approx(shares)
    before, after = before_and_after(row) or ((), ())
    sheet = np.asarray(Image.open(samples_path(result(out, "finetuning").with_suffix(""), 2, 0)))
    assert (after[0, 0] == sheet[:8, :8]).all()  # the picture's first row is of class 8
    assert len(before) == 4


@pytest.mark.parametrize(
    ("tasks", "names", "ordered"),
    [
        (["faces", "anime"], ["anime", "faces"], ["faces", "anime"]),
        (["2/10", "0/1"], ["0", "1", "10", "2"], ["2", "10", "0", "1"]),
        (["b", "a"], ["a[0]", "a[1]", "a[10]", "a[2]", "b[0]"], ["b[0]", "a[0]", "a[1]", "a[2]", "a[10]"]),
        (["x/y"], ["x/y"], ["x/y"]),
    ],
)
def test_classes_stand_in_the_order_in_which_they_are_learned(tasks, names, ordered) -> None:
    run = Run(0, samples=[{"fid": dict.fromkeys(names, 1.0), "count": 3}])
    one = Result(digest="", config={}, data={}, protocol="sequential", tasks=tasks, runs=[run])
    assert list(one.runs[0].samples[0]["fid"]) == ordered
    assert one.runs[0].samples[0]["count"] == 3
