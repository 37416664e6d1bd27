"""SVHN's two MATLAB files, tiny ones."""

import contextlib
import hashlib

import numpy as np
import pytest
import scipy.io

from clbench.datasets import catalogue, load, verify
from clbench.datasets.svhn import SVHN, _arrays
from clbench.errors import UserError

Y = np.array([10, 1, 2, 10, 9], np.uint8)[:, None]
X = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 5), np.uint8)


def write(folder, x=X, y=Y, compress=True):
    folder.mkdir(parents=True, exist_ok=True)
    for part in SVHN.parts:
        scipy.io.savemat(folder / part, {"X": x, "y": y, "more": np.zeros(2)}, do_compression=compress)


@pytest.mark.parametrize("place", ["svhn", "SVHN", ""])
@pytest.mark.parametrize("compress", [True, False])
def test_images_along_the_last_axis_and_ten_for_zero(tmp_path, place, compress):
    write(tmp_path / place, compress=compress)
    images = load("svhn", tmp_path, allow_modified=True)
    assert images.x_train.shape == (5, 32, 32, 3)
    np.testing.assert_array_equal(images.x_train[3], X[..., 3])
    assert images.y_test.tolist() == [0, 1, 2, 0, 9]
    assert images.checksums == {one.file: one.sha256 for one in verify("svhn", tmp_path)}
    info = next(one for one in catalogue(tmp_path) if one.name == "svhn")
    assert (info.status, info.counts) == ("found", (5, 5))


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path):
    write(tmp_path)
    digest = hashlib.md5((tmp_path / SVHN.parts[0]).read_bytes()).hexdigest()
    with pytest.raises(UserError, match=f"found md5:{digest}, expected md5:e26d.*--allow-modified-data"):
        load("svhn", tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"x": X.astype(float)}, "X is float64"),
        ({"x": X[:16]}, r"X has the shape \[16, 32, 3, 5\]"),
        ({"y": Y[:3]}, r"y is uint8 of shape \[3, 1\]; wanted is a label for each of 5"),
        ({"y": Y - 1}, "y has labels from 0 to 9; SVHN has 1..10"),
        ({"y": np.array(["a"] * 5)}, "y is float64 of shape"),
    ],
)
def test_what_is_not_svhn_is_named(tmp_path, changed, words):
    write(tmp_path, **changed)
    with pytest.raises(UserError, match=f"train_32x32.mat: {words}") as caught:
        load("svhn", tmp_path, allow_modified=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"no matlab", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_a_broken_file_is_one_line(tmp_path, raw):
    write(tmp_path)
    (tmp_path / SVHN.parts[0]).write_bytes(raw)
    with pytest.raises(UserError, match=r"train_32x32.mat: .*") as caught:
        load("svhn", tmp_path, allow_modified=True)
    assert "\n" not in str(caught.value)
    assert next(one for one in catalogue(tmp_path) if one.name == "svhn").status == "broken"


@pytest.mark.parametrize("compress", [True, False])
def test_a_file_cut_off_or_changed_anywhere_is_one_line(tmp_path, compress):
    write(tmp_path, compress=compress)
    path = tmp_path / SVHN.parts[0]
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        for bad in (whole[:at], whole[:at] + whole[at + 3 :], whole[:at] + b"\x18" + whole[at + 1 :]):
            path.write_bytes(bad)
            with contextlib.suppress(UserError):
                _arrays(path.read_bytes(), path)


def test_the_known_checksums_are_those_torchvision_lists():
    from torchvision.datasets import SVHN as Theirs

    assert {file: f"md5:{md5}" for _, file, md5 in (Theirs.split_list[p] for p in ("train", "test"))} == SVHN.known
    assert all(
        url == f"{SVHN.source}/{file}" for url, file, _ in (Theirs.split_list[p] for p in ("train", "test"))
    )
