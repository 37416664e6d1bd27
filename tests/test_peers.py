"""The comparison with Avalanche: its arithmetic by hand, and clbench's side by plain autograd."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.peers import compare, environment, race
from benchmarks.peers.clbench_side import LAM, TEMPERATURE, Setting, write
from benchmarks.peers.rows import TOLERANCE, arrays_in, compared, group
from benchmarks.speed.clock import Clock
from benchmarks.speed.processes import Used
from clbench.cli import app as clbench
from clbench.errors import UserError

LAYERS = ("network.blocks.0", "network.blocks.1", "head")


# -- the arithmetic, on files made by hand --------------------------------------------------------------------


def numbers(importance: float, penalty: float, distillation: float) -> dict[str, np.ndarray]:
    """Two layers, of which the second is a million times smaller."""
    factors = {"importance": importance, "penalty gradient": penalty, "distillation gradient": distillation}
    layer = np.arange(1.0, 5.0)
    found = {f"{key}/{n}": layer * f * size for key, f in factors.items() for n, size in (("a", 1), ("b", 1e-6))}
    return {**found, "penalty": np.array(7.0 * penalty), "distillation": np.array(3.0 * distillation)}


def files(folder, avalanche, **changes):
    setting = {"temperature": 2.0, "batch_size": 64}
    ours = {"images": 640, "fishers": {"exact": 25.0, "empirical": 60.0}, "versions": {"torch": "3"}}
    si = {"strength": 1e8, "largest importance": 0.0, "largest difference to fine-tuning": 0.0}
    theirs = {"versions": {"avalanche-lib": "0.6.0"}, "si": {**si, "largest step of fine-tuning": 0.5}}
    for name, facts in {"setting": setting, "clbench": ours, "avalanche": theirs}.items():
        (folder / f"{name}.json").write_text(json.dumps(facts))
    np.savez(folder / "clbench.npz", **{**numbers(1, 1, 1), **changes})
    np.savez(folder / "avalanche.npz", **avalanche)
    return folder


def test_the_known_constants_are_no_difference(tmp_path):
    heads = {"importance/head.bias": np.array([0.0, -3.0]), "penalty gradient/head.bias": np.zeros(2)}

    found = compare.read(files(tmp_path, {**numbers(1, 2, 0.25), **heads}))

    assert found.equal
    assert [row.ratio for row in found.rows] == pytest.approx([1, 2, 2, 0.25, 0.25])
    assert found.rows[1].clbench == 7
    assert found.facts["heads"] == {"importance": 3.0, "penalty gradient": 0.0}


@pytest.mark.parametrize(
    ("penalty", "distillation", "wrong"), [(1, 0.25, [1, 2]), (2, 1, [3, 4]), (2.001, 0.25, [1, 2])]
)
def test_another_constant_is_a_difference(tmp_path, penalty, distillation, wrong):
    found = compare.read(files(tmp_path, numbers(1, penalty, distillation)))

    assert not found.equal
    assert [n for n, row in enumerate(found.rows) if not row.equal] == wrong


def test_one_entry_of_a_small_tensor_is_a_difference(tmp_path):
    theirs = numbers(1, 2, 0.25)
    theirs["importance/b"][2] *= 1.01

    row = compare.read(files(tmp_path, theirs)).rows[0]

    assert not row.equal
    assert row.difference == pytest.approx(0.01 * 3 / 4)
    assert row.ratio == pytest.approx(1)  # the norms do not show it


def test_rounding_is_no_difference_and_more_is_one():
    ones = np.ones(3)
    assert compared("x", {"a": ones + 5e-5}, {"a": ones}, 1.0).equal
    assert not compared("x", {"a": ones + 5e-4}, {"a": ones}, 1.0).equal


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_zeros_and_what_is_no_number_prove_nothing(value):
    assert not compared(
        "x", {"a": np.full(2, value), "b": np.ones(2)}, {"a": np.full(2, value), "b": np.ones(2)}, 1.0
    ).equal


@pytest.mark.parametrize(("avalanche", "clbench"), [({}, {"a": 2}), ({"a": 3}, {"a": 2}), ({"a": 2}, {})])
def test_other_tensors_are_refused(avalanche, clbench):
    a, c = ({name: np.ones(size) for name, size in side.items()} for side in (avalanche, clbench))
    with pytest.raises(UserError, match="different tensors"):
        compared("EWC: importance", a, c, 1.0)


@pytest.mark.parametrize(("penalty", "code", "verdict"), [(2, 0, "equal"), (1, 1, "DIFFERS")])
def test_the_command_prints_a_verdict_and_exits_with_it(tmp_path, monkeypatch, penalty, code, verdict):
    folder = files(tmp_path, numbers(1, penalty, 0.25))
    monkeypatch.setattr(compare, "measured", lambda *_: compare.read(folder))

    printed, as_json = CliRunner().invoke(app, ["peers"]), CliRunner().invoke(app, ["peers", "--json"])

    assert printed.exit_code == as_json.exit_code == code
    [line] = [line for line in printed.output.splitlines() if line.startswith("EWC: penalty ")]
    assert line.split()[-1] == verdict
    assert "25.0 (exact)" in printed.output
    shown = json.loads(as_json.output)
    assert [row["equal"] for row in shown["rows"]] == [True, penalty == 2, penalty == 2, True, True]
    assert shown["equal"] == (code == 0)


# -- the environment ------------------------------------------------------------------------------------------


def environment_with(folder, version: str, pip: int = 0):
    """A stand-in for an interpreter: it says which avalanche-lib it has, and how its pip ends."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *pip*) echo "no such wheel" >&2; exit {pip};; *) echo {version};; esac\n'
    )
    python.chmod(0o755)
    return python


def test_an_environment_that_has_the_pinned_version_is_used_as_it_is(tmp_path):
    said: list[str] = []
    python = environment_with(tmp_path, environment.pinned(), pip=1)

    assert environment.python_of(tmp_path, said.append) == python
    assert not said


def test_another_version_is_installed_over_or_the_reason_told(tmp_path):
    said: list[str] = []
    environment_with(tmp_path, "0.5.0", pip=3)

    with pytest.raises(UserError, match=r"no such wheel \(exit code 3\)"):
        environment.python_of(tmp_path, said.append)
    assert len(said) == 1
    assert environment.pinned() in said[0]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="--environment"):
        environment.python_of(tmp_path, print)


# -- whole processes in turn ----------------------------------------------------------------------------------


def used(cpu: float, wall: float, peak: int = 2**20) -> Used:
    return Used(Clock(wall, cpu), peak)


def test_a_race_is_judged_by_the_median_ratio_of_neighbours():
    ours, theirs = [used(1, 2), used(2, 2), used(4, 4)], [used(5, 5), used(8, 9), used(12, 12, 5 * 2**20)]

    row = race.row_of("finetuning", race.WORKS["finetuning"], None, ours, theirs, {"clbench": 0.9})

    assert (row["clbench (CPU s)"], row["Avalanche (CPU s)"], row["by the wall"]) == (2, 8, 3)
    assert (row["times faster"], row["lowest"], row["highest"]) == (4, 3, 5)
    assert (row["target"], row["ok"], row["Avalanche (MB)"]) == (4, True, 5)


def test_mnist_is_written_as_torchvision_reads_it(tmp_path):
    from torchvision.datasets.mnist import read_image_file, read_label_file

    pixels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    (tmp_path / "images").write_bytes(race.idx(pixels))
    (tmp_path / "labels").write_bytes(race.idx(np.array([7, 3], dtype=np.uint8)))

    np.testing.assert_array_equal(read_image_file(str(tmp_path / "images")).numpy(), pixels)
    assert read_label_file(str(tmp_path / "labels")).tolist() == [7, 3]


@pytest.mark.parametrize("name", race.WORKS)
def test_the_command_of_a_race_is_one_that_clbench_takes(name, tmp_path):
    work = race.WORKS[name]
    images = np.zeros((20, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(20) % 10
    np.savez(tmp_path / race.ARRAYS, x_train=images, y_train=labels, x_test=images, y_test=labels)
    words = race.arguments(work, race.Setting(limit=50), tmp_path)
    done = CliRunner().invoke(clbench, ["train", *words, "--dry-run", "--json"])

    assert done.exit_code == 0, done.output
    config = json.loads(done.output)
    assert "50" in json.dumps(config)


def test_a_race_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(UserError, match="--works: nothing called 'rpelay'; did you mean 'replay'"):
        race.measured(race.Setting(works=["rpelay"]), tmp_path, print)


# -- clbench's side, on the digits ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def side(tmp_path_factory):
    """Files of 100 images a task in batches of 32, so that the last one has 4."""
    folder = tmp_path_factory.mktemp("peers")
    write(Setting("split-digits", batch_size=32, limit=100), folder)
    return {name: arrays_in(folder / f"{name}.npz") for name in ("data", "weights", "clbench")} | {
        "folder": folder
    }


def tensors(side, moment: str) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(w).requires_grad_() for name, w in group(side["weights"], moment).items()}


def logits(weights, x: torch.Tensor) -> torch.Tensor:
    first, second, head = ((weights[f"{layer}.weight"], weights[f"{layer}.bias"]) for layer in LAYERS)
    return F.linear(F.linear(F.linear(x.flatten(1), *first).relu(), *second).relu(), *head)


def close(ours, expected) -> None:
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        scale = float(value.detach().abs().max())
        assert scale > 0
        np.testing.assert_allclose(
            ours[name], value.detach().numpy(), rtol=0, atol=TOLERANCE * scale, err_msg=name
        )


def squared_batch_gradients(side, size: int) -> dict[str, torch.Tensor]:
    """Their mean over the batches of task 1, by plain autograd in double precision."""
    x, y = (torch.from_numpy(side["data"][f"{what} 0"]) for what in ("images", "labels"))
    weights = tensors(side, "anchor")
    shared = {name: w for name, w in weights.items() if name.startswith("network.")}
    squares = []
    for images, labels in zip(x.split(size), y.split(size), strict=True):
        loss = F.cross_entropy(logits(weights, images)[:, :2], labels.long())
        squares.append([g.square() for g in torch.autograd.grad(loss, list(shared.values()))])
    return {name: torch.stack(each).mean(0) for name, *each in zip(shared, *squares, strict=True)}


def test_importance_is_the_mean_of_squared_batch_gradients(side):
    close(group(side["clbench"], "importance"), squared_batch_gradients(side, 32))


def test_the_empirical_fisher_is_that_of_batches_of_one(side):
    one, many = (sum(float(f.sum()) for f in squared_batch_gradients(side, size).values()) for size in (1, 32))
    fishers = json.loads((side["folder"] / "clbench.json").read_text())["fishers"]

    assert fishers["empirical"] == pytest.approx(one / many, rel=TOLERANCE)
    assert fishers["exact"] > 1


def test_penalty_and_its_gradient_are_those_of_the_definition(side):
    importance, anchor = group(side["clbench"], "importance"), group(side["weights"], "anchor")
    moved = tensors(side, "moved")
    terms = [
        torch.from_numpy(f) * (moved[n] - torch.from_numpy(anchor[n])).square() for n, f in importance.items()
    ]
    penalty = LAM / 2 * torch.stack([t.sum() for t in terms]).sum()
    gradients = torch.autograd.grad(penalty, [moved[name] for name in importance])

    close({"": side["clbench"]["penalty"]}, {"": penalty})
    close(group(side["clbench"], "penalty gradient"), dict(zip(importance, gradients, strict=True)))


def test_distillation_is_that_of_the_definition(side):
    x, student = torch.from_numpy(side["data"]["batch"]), tensors(side, "student")
    was, now = logits(tensors(side, "teacher"), x).detach() / TEMPERATURE, logits(student, x) / TEMPERATURE
    kl = [
        F.kl_div(now[:, a:b].log_softmax(1), was[:, a:b].softmax(1), reduction="batchmean")
        for a, b in ((0, 2), (2, 4))
    ]
    loss = TEMPERATURE**2 * sum(kl)

    close({"": side["clbench"]["distillation"]}, {"": loss})
    gradients = torch.autograd.grad(loss, list(student.values()))
    close(group(side["clbench"], "distillation gradient"), dict(zip(student, gradients, strict=True)))
