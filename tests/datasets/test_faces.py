"""vae-faces: a folder of images a task, one class each, and which of them are for testing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clbench.config.resolve import resolve
from clbench.datasets import catalogue, load
from clbench.errors import UserError
from clbench.run.machine import Machine
from clbench.run.train import build_stream
from clbench.streams.task import Split, Stream


def folder(path: Path, first: int, count: int = 20, size: tuple[int, int] = (10, 8)) -> Path:
    """Pictures of one shade each, from `first` on; their files lie directly in the folder."""
    path.mkdir(parents=True)
    for n in range(count):
        Image.fromarray(np.full((size[1], size[0], 3), first + n, np.uint8)).save(path / f"{n:03d}.png")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder(tmp_path / "data" / "celeba_faces", 0)
    folder(tmp_path / "data" / "anime_faces", 100, 10)
    folder(tmp_path / "mine", 200, 30, (6, 6))
    return tmp_path / "data"


def stream_of(root: Path, *sets: str) -> Stream:
    config = resolve("finetuning", "vae-faces", sets=("stream.size=8", *sets))
    assert config.network == "conv-vae"
    return build_stream(config, Machine(device="cpu", data_root=root), torch.device("cpu"))


def shades(split: Split) -> set[int]:
    return {round(float(image.mean()) * 255) for image in split.take(torch.arange(len(split)))}


def test_every_folder_is_a_task_of_one_class_and_a_share_of_it_is_for_testing(root: Path) -> None:
    stream = stream_of(root)
    assert stream.input_shape == (3, 8, 8)
    assert [(task.name, task.columns) for task in stream.tasks] == [
        ("celeba-faces", (0, 1)),
        ("anime-faces", (1, 2)),
    ]
    assert sorted(stream.checksums) == ["anime_faces/", "celeba_faces/"]
    for task, first, count in zip(stream.tasks, (0, 100), (20, 10), strict=True):
        assert task.test is not None
        train, test = shades(task.train), shades(task.test)
        assert (len(train), len(test)) == (count - count // 10, count // 10)
        assert train | test == set(range(first, first + count))


def test_which_are_for_testing_depends_on_the_seed_of_the_stream_alone(root: Path) -> None:
    a, b, other = (stream_of(root, "stream.test=0.3", f"stream.seed={seed}") for seed in (0, 0, 1))
    tested = [shades(stream.tasks[0].test) for stream in (a, b, other)]
    assert len(tested[0]) == 6
    assert tested[0] == tested[1] != tested[2]


def test_folders_of_ones_own_go_with_them(root: Path) -> None:
    mine = root.parent / "mine"
    stream = stream_of(root, f"stream.folders={mine}/,anime-faces,{mine}/")
    assert [task.name for task in stream.tasks] == ["mine", "anime-faces", "mine (2)"]
    assert shades(stream.tasks[0].train) | shades(stream.tasks[0].test) == set(range(200, 230))


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ("stream.folders=celeba-faces", "stream.folders names fewer than two; --set stream.folders="),
        ("stream.folders=celeba-faces,nowhere/", "nowhere/: no such file, or folder of images"),
        ("stream.folders=celeba-faces,animes", "no data set called 'animes'"),
        ("stream.test=0.01", "celeba-faces has 20 images: too few to test on 0.01 of them; see stream.test"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(root: Path, sets: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        stream_of(root, sets)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_said_where_to_put(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"celeba-faces is not here.* put celeba_faces/ .* into {tmp_path}"):
        load("celeba-faces", tmp_path, download=False)


def test_the_catalogue_counts_what_lies_in_a_folder(root: Path) -> None:
    found = {one.name: one for one in catalogue(root)}
    assert (found["celeba-faces"].status, found["celeba-faces"].counts) == ("found", (14, 6))
    assert (found["anime-faces"].status, found["anime-faces"].counts) == ("found", (7, 3))


def test_images_in_no_folder_of_a_class_are_one_class(root: Path) -> None:
    images = load(f"{root.parent / 'mine'}/", size=6)
    assert images.classes == ("mine",)
    assert (images.x_train.shape, images.x_test.shape) == ((21, 6, 6, 3), (9, 6, 6, 3))
