"""Streams of images of any size and colours: sequences of data sets, rotated ones, classes in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import clbench, train

from clbench.config.resolve import resolve
from clbench.datasets import Images
from clbench.errors import UserError
from clbench.run.machine import Machine
from clbench.run.train import build_stream
from clbench.streams.caltech101 import caltech101
from clbench.streams.rotated import rotated, turn
from clbench.streams.shown import formed, shown_as
from clbench.streams.split import split

CPU = torch.device("cpu")


def npz(path: Path, *shape: int, classes: int = 3, value: int | None = None) -> Path:
    """A data set of 12 training and 6 test images a class."""
    draws = np.random.default_rng(len(path.name))

    def images(n: int) -> np.ndarray:
        return (
            draws.integers(0, 256, (n, *shape), np.uint8)
            if value is None
            else np.full((n, *shape), value, np.uint8)
        )

    y = {"y_train": np.arange(12 * classes) % classes, "y_test": np.arange(6 * classes) % classes}
    np.savez(path, x_train=images(12 * classes), x_test=images(6 * classes), **y)
    return path


def made(classes: int, shape: tuple[int, ...] = (4, 4, 1), names: tuple[str, ...] = ()) -> Images:
    y = torch.arange(2 * classes) % classes
    x = torch.randint(0, 256, (2 * classes, *shape), dtype=torch.uint8)
    return Images("made", x, y, x, y, names or tuple(f"class {c}" for c in range(classes)), {})


def stream_of(name: str, *sets: str, scenario: str = "task"):
    return build_stream(resolve("finetuning", name, scenario=scenario, sets=sets), Machine(device="cpu"), CPU)


# -- sequences ------------------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Grey 28 x 28, colour 32 x 32, colour 96 x 96."""
    return [
        npz(tmp_path / "grey.npz", 28, 28, value=200),
        npz(tmp_path / "small.npz", 32, 32, 3, classes=4),
        npz(tmp_path / "large.npz", 96, 96, 3, value=7),
    ]


def test_data_sets_of_any_size_make_one_sequence(three: list[Path]) -> None:
    stream = stream_of(f"sequence:{','.join(map(str, three))}")
    assert stream.input_shape == (3, 32, 32)
    assert [task.name for task in stream.tasks] == ["grey", "small", "large"]
    assert [task.columns for task in stream.tasks] == [(0, 3), (3, 7), (7, 10)]
    assert len(stream.checksums) == 3
    first, _, last = (task.test.take(torch.arange(2)) * 255 for task in stream.tasks)
    assert first.round().unique().tolist() == [200]
    assert last.round().unique().tolist() == [7]


def test_the_pixels_of_a_part_that_needs_no_change_are_its_own(three: list[Path]) -> None:
    stream = stream_of(f"sequence:{three[0]},{three[1]}")
    with np.load(three[1]) as file:
        wanted = torch.from_numpy(file["x_test"]).movedim(-1, 1)
    task = stream.tasks[1]
    assert torch.equal((task.test.take(torch.arange(len(task.test))) * 255).round().to(torch.uint8), wanted)


def test_size_and_colours_are_options_of_every_stream(three: list[Path]) -> None:
    assert stream_of(f"split:{three[1]}").input_shape == (3, 32, 32)
    grey = stream_of(f"split:{three[1]}", "stream.size=16", "stream.channels=grey")
    assert grey.input_shape == (1, 16, 16)
    assert stream_of(f"sequence:{three[0]},{three[2]}", "stream.size=8").input_shape == (3, 8, 8)
    assert stream_of(f"permuted:{three[1]}", "stream.size=8").input_shape == (8 * 8 * 3,)


def test_one_data_set_twice_is_two_tasks_of_two_names(three: list[Path]) -> None:
    names = [task.name for task in stream_of(f"sequence:{three[0]},{three[0]}").tasks]
    assert names[1] == f"{names[0]} (2)"


def test_five_data_sets_take_any_list_in_any_order(three: list[Path]) -> None:
    stream = stream_of("five-datasets", f"stream.datasets={three[2]},digits,{three[0]}")
    assert [task.columns for task in stream.tasks] == [(0, 3), (3, 13), (13, 16)]
    assert stream.input_shape == (3, 32, 32)
    assert set(stream.checksums) >= {"digits.csv.gz"}


def test_domain_needs_one_head_for_all(three: list[Path]) -> None:
    stream = stream_of(f"sequence:{three[0]},{three[2]}", scenario="domain")
    assert [task.columns for task in stream.tasks] == [(0, 3), (0, 3)]


def test_training_and_report_know_the_sequence(three: list[Path], tmp_path: Path) -> None:
    name = f"sequence:digits,{three[0]}"
    out = tmp_path / "runs"
    ran = train(out, "--stream", name, "--method", "ewc", "--set", "stream.tasks=1")
    assert "no option stream.tasks" in ran.line
    words = ["--set", "network.hidden=8", "--set", "train.epochs=1", "--quiet", "--out", out]
    assert clbench("train", "--stream", name, "--method", "ewc", *words).code == 0
    assert name in clbench("report", out).out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sequence", "as sequence:mnist"),
        ("sequence:", "no data set called ''"),
        ("sequence:mnist,,digits", "no data set called ''"),
        ("sequence:minst", "did you mean 'mnist'?"),
        ("sequence:digits,my.npy", "no data set called 'my.npy'"),
        ("split:mnist,digits", ".npz"),
    ],
)
def test_a_sequence_that_cannot_be_is_refused_in_one_line(name: str, why: str, tmp_path: Path) -> None:
    assert why in train(tmp_path, "--stream", name, "--method", "finetuning").line


# -- how images are shown --------------------------------------------------------------------------------------


def test_grey_is_pillow_s_and_rgb_repeats() -> None:
    x = torch.tensor([[[[255, 0, 0]]], [[[0, 255, 0]]], [[[0, 0, 255]]]], dtype=torch.uint8)
    assert formed(x, None, "grey").flatten().tolist() == [76, 150, 29]
    assert formed(formed(x, None, "grey"), None, "rgb")[0, 0, 0].tolist() == [76] * 3


def test_images_shrink_by_the_mean_of_what_they_cover() -> None:
    x = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    small = formed(x, 1, None)
    assert small.shape == (2, 1, 1, 3)
    assert (
        small.float() - x.float().mean((1, 2), keepdim=True)
    ).abs().max() < 40  # a triangle's, not a box's, weights
    assert formed(torch.full((1, 96, 96, 1), 9, dtype=torch.uint8), 32, None).unique().tolist() == [9]


def test_features_have_no_size() -> None:
    y = torch.zeros(2, dtype=torch.int64)
    features = Images("f", torch.zeros(2, 5), y, torch.zeros(2, 5), y, ("a",), {})
    with pytest.raises(UserError, match=r"stream\.size"):
        shown_as(features, 8)
    with pytest.raises(UserError, match="cannot be turned"):
        rotated(features, 0)


# -- rotated --------------------------------------------------------------------------------------------------


def test_a_quarter_is_rot90_and_any_angle_is_near_it() -> None:
    x = torch.randint(0, 256, (3, 9, 9, 3), dtype=torch.uint8)
    assert torch.equal(turn(x, 90), x.rot90(1, (1, 2)))
    assert torch.equal(turn(x, -180), x.rot90(2, (1, 2)))
    near = turn(x, 90 + 1e-3).int() - x.rot90(1, (1, 2)).int()
    assert near.abs().max() <= 1
    assert torch.equal(turn(x, 0), x)


def test_images_that_are_no_squares_keep_their_shape() -> None:
    x = torch.zeros(1, 21, 11, 1, dtype=torch.uint8)
    x[0, 10, 8] = 255  # three to the right of the middle; at 90 degrees, three above it
    shown = turn(x, 90)
    assert shown.shape == x.shape
    assert shown[0, 7, 5, 0] == 255
    assert shown.sum() == 255


def test_angles_are_spread_listed_or_drawn() -> None:
    images = made(2)
    assert [p.name for p in rotated(images, 0, tasks=4)] == ["0°", "45°", "90°", "135°"]
    assert [p.name for p in rotated(images, 0, angles=(10.0, -5.5))] == ["10°", "-5.5°"]
    drawn = [[p.name for p in rotated(images, seed, tasks=3, draw=True)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_task_shows_the_images_at_its_own_angle() -> None:
    stream = stream_of("rotated-digits", "stream.angles=0,90", "stream.limit=50")
    first, second = (task.test.take(torch.arange(5)) for task in stream.tasks)
    assert torch.equal(second, first.rot90(1, (-2, -1)))


# -- classes in any order ---------------------------------------------------------------------------------------


def test_classes_are_learned_in_the_order_they_are_listed() -> None:
    images = made(4, names=("cat", "dog", "7", "owl"))
    assert [p.classes for p in split(images, 0, order=("owl", "0", "dog", "7"))] == [(3, 0), (1, 2)]
    assert [p.name for p in split(images, 0, classes=1, order=("dog", "owl"))] == ["dog", "owl"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"order": ("cow", "dog")}, "no class 'cow'"),
        ({"order": ("dog", "1")}, "class 'dog' twice"),
        ({"order": ("dog", "4")}, "no class '4'"),
        ({"order": ("dog", "owl"), "shuffle": True}, "leave one out"),
        ({"order": ("dog", "owl"), "tasks": 2}, "names 2 classes"),
    ],
)
def test_orders_that_cannot_be_are_refused(more: dict, why: str) -> None:
    with pytest.raises(UserError, match=why):
        split(made(4, names=("cat", "dog", "7", "owl")), 0, **more)


def test_split_cifar100_is_ten_tasks_of_ten_or_twenty_of_five() -> None:
    from clbench.streams.split_cifar100 import split_cifar100

    parts = split_cifar100(lambda name: made(100), 0)
    assert [len(p.classes) for p in parts] == [10] * 10
    assert len(split_cifar100(lambda name: made(100), 0, classes=5)) == 20


def test_caltech_is_four_parts_drawn_by_the_stream_seed() -> None:
    images = made(101, (2, 2, 3))
    one, same, other = (caltech101(lambda name: images, seed) for seed in (0, 0, 1))
    assert [len(p.classes) for p in one] == [30, 25, 25, 21]
    assert sorted(c for p in one for c in p.classes) == list(range(101))
    assert [p.classes for p in one] == [p.classes for p in same] != [p.classes for p in other]
    with pytest.raises(UserError, match="101 classes"):
        caltech101(lambda name: images, 0, parts=(101, 1))
