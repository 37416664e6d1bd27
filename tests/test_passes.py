"""How many images pass through a network, forward and back: by hand for methods whose passes can be counted so."""

from pathlib import Path

import pytest
from command_line import clbench

from clbench.report.build.cells import passes_an_image
from clbench.results import find, load

SMALL = ("--stream", "split-digits", "--quiet", "--set", "network.hidden=[8]", "--set", "stream.limit=60")


def trained(folder: Path, method: str, *words: str):
    done = clbench("train", "--method", method, *SMALL, "--out", folder, *words)
    assert done.code == 0, done
    (path,) = find([folder])
    return load(path)


@pytest.mark.parametrize(
    ("method", "forward", "backward"),
    [
        ("finetuning", 2, 2),
        ("joint", 2, 2),
        ("ewc", 3, 3),  # and each image once for the Fisher information
        ("mas", 3, 3),
        ("si", 2, 2),  # along the way
        (
            "lwf",
            2.8,
            2,
        ),  # what the network of before says of an image is asked once, from the second of five tasks on
    ],
)
def test_passes_are_those_counted_by_hand(method, forward, backward, tmp_path):
    result = trained(tmp_path, method, "--seeds", "2", "--set", "train.epochs=2")
    for run in result.runs:
        assert passes_an_image(run, "forward") == pytest.approx(forward, abs=0.05)
        assert passes_an_image(run, "backward") == pytest.approx(backward, abs=0.05)
        assert run.passes[0] == {"images": 0, "forward": 0, "backward": 0}
        assert len(run.passes) == len(run.matrix)


@pytest.mark.parametrize("method", ["anpyc", "ewc", "derpp"])
def test_a_seed_passes_as_many_alone_as_together(method, tmp_path):
    alone = trained(tmp_path / "alone", method, "--seeds", "1", "--set", "train.epochs=1").runs[0]
    together = trained(tmp_path / "together", method, "--seeds", "3", "--set", "train.epochs=1").runs
    assert [run.passes for run in together] == [alone.passes] * 3


def test_a_table_of_costs_stands_beside_the_score_and_old_files_lack_what_was_not_counted(tmp_path):
    trained(tmp_path, "ewc", "--seeds", "2", "--set", "train.epochs=1")
    shown = clbench("report", tmp_path, "--metrics", "mean,all-costs").out
    for head in ("ACC (%)", "forward (passes an image)", "backward", "stored (kB)", "seconds_a_seed (s)"):
        assert head in shown
    assert "2.00 ± 0.00" in shown
    old = clbench("report", Path(__file__).parent / "schema-2", "--metrics", "mean,all-costs").out
    assert "trained before clbench counted passes" in old
