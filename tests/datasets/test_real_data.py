"""The real files, where CLBENCH_DATA has them."""

import os
from pathlib import Path

import pytest

from clbench.datasets import load, verify
from clbench.errors import NotHere, UserError

ROOT = os.environ.get("CLBENCH_DATA")
DATA = Path(ROOT or "absent")
pytestmark = [pytest.mark.data, pytest.mark.skipif(not ROOT, reason="CLBENCH_DATA is not set")]


def test_mnist_is_the_published_one():
    images = load("mnist", DATA, download=False)
    assert images.x_train.shape == (60000, 28, 28, 1)
    assert images.x_test.shape == (10000, 28, 28, 1)
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert images.y_train.bincount().tolist() == train
    assert images.y_test.bincount().tolist() == test
    assert images.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert all(check.ok for check in verify("mnist", DATA))


def test_unpacked_mnist_is_known_too(tmp_path):
    import gzip

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for check in verify("mnist", DATA):
        (raw / check.path.stem).write_bytes(gzip.decompress(check.path.read_bytes()))
    assert all(check.ok for check in verify("mnist", tmp_path))
    assert len(load("mnist", tmp_path, download=False).x_train) == 60000


def test_notmnist_is_read_and_its_checksums_recorded():
    images = load("notmnist", DATA, download=False)
    assert images.x_train.shape[1:] == (28, 28, 1)
    assert images.y_train.unique().tolist() == list(range(10))
    assert len(images.checksums) == 4
    assert all(check.ok is None for check in verify("notmnist", DATA))


def test_fashion_mnist_is_refused_when_it_is_not_the_published_one():
    if all(check.ok for check in verify("fashion-mnist", DATA)):
        pytest.skip("CLBENCH_DATA has the published FashionMNIST")
    with pytest.raises(UserError, match="--allow-modified-data"):
        load("fashion-mnist", DATA, download=False)
    images = load("fashion-mnist", DATA, download=False, allow_modified=True)
    assert images.x_train.shape[1:] == (28, 28, 1)


def test_padded_mnist_has_the_mean_and_deviation_that_hsu_et_al_print():
    """Hsu et al. 2018: pixels in 0..1, padded to 32x32, less 0.1000 and divided by 0.2752."""
    from clbench.streams.assemble import normalisation, padded

    pixels = padded(2)(load("mnist", DATA, download=False).x_train)
    assert pixels.shape == (60000, 1, 32, 32)
    scale, shift = normalisation(pixels, "standard")
    assert abs(shift / scale / 255 - 0.1000) < 1e-3
    assert abs(1 / scale / 255 - 0.2752) < 1e-3


@pytest.mark.parametrize(("name", "train", "test"), [("svhn", 8000, 2000), ("cifar10", 50000, 10000)])
def test_a_stand_in_has_every_class_in_colour(name, train, test):
    if not (DATA / f"{name}.npz").is_file():
        pytest.skip(f"CLBENCH_DATA has no {name}.npz")
    try:
        images = load(name, DATA, download=False)
    except UserError as error:  # of images that are packed as JPEG; the folder's own prepare.py unpacks them
        pytest.skip(str(error))
    assert tuple(images.x_train.shape) == (train, 32, 32, 3)
    assert tuple(images.x_test.shape) == (test, 32, 32, 3)
    assert images.y_train.unique().tolist() == list(range(10)) == images.y_test.unique().tolist()
    assert list(images.checksums) == [f"{name}.npz (not the published file)"]


@pytest.mark.long
def test_caltech_101_has_its_classes_in_torchvision_s_order():
    import torch

    try:
        images = load("caltech101", DATA, download=False, size=16)
    except NotHere:
        pytest.skip("CLBENCH_DATA has no caltech101")
    assert len(images.classes) == 101
    assert images.classes[:5] == ("Faces", "Faces_easy", "Leopards", "Motorbikes", "accordion")
    train, test = images.y_train.bincount(), images.y_test.bincount()
    assert (train + test)[:5].tolist() == [435, 435, 200, 798, 55]
    assert test.tolist() == [3 * n // 10 for n in (train + test).tolist()]
    assert images.x_test.take(torch.arange(3)).shape == (3, 16, 16, 3)
