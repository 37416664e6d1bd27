"""STL-10's binary files, tiny ones: column by column, labels from 1."""

import io
import tarfile

import numpy as np
import pytest

from clbench.datasets import catalogue, load
from clbench.datasets.stl10 import ARCHIVE, FILES, STL10
from clbench.errors import UserError

RNG = np.random.default_rng(0)
TRAIN, TEST = (RNG.integers(0, 256, (n, 96, 96, 3), np.uint8) for n in (4, 2))  # [N, row, column, colour]
Y_TRAIN, Y_TEST = np.array([1, 10, 3, 2], np.uint8), np.array([2, 1], np.uint8)


def files():
    pixels = [x.transpose(0, 3, 2, 1).tobytes() for x in (TRAIN, TEST)]
    return dict(zip(FILES, [pixels[0], Y_TRAIN.tobytes(), pixels[1], Y_TEST.tobytes()], strict=True))


def write(root, form="stl10_binary", changed=()):
    found = files() | dict(changed)
    if form == "archive":
        order = ("test_X.bin", "test_y.bin", "train_X.bin", "train_y.bin", "unlabeled_X.bin")
        with tarfile.open(root / ARCHIVE, "w:gz") as archive:
            for name in order:
                raw = found.get(name, bytes(96))
                info = tarfile.TarInfo(f"stl10_binary/{name}")
                info.size = len(raw)
                archive.addfile(info, io.BytesIO(raw))
        return
    (root / form).mkdir(parents=True, exist_ok=True)
    for name, raw in found.items():
        (root / form / name).write_bytes(raw)


@pytest.mark.parametrize("form", ["stl10_binary", "stl10/stl10_binary", "stl10", "archive"])
def test_images_are_read_as_they_were_taken(tmp_path, form):
    write(tmp_path, form)
    images = load("stl10", tmp_path, allow_modified=True)
    np.testing.assert_array_equal(images.x_train, TRAIN)
    np.testing.assert_array_equal(images.x_test, TEST)
    assert images.y_train.tolist() == [0, 9, 2, 1]
    assert set(images.checksums) == ({ARCHIVE} if form == "archive" else set(FILES))
    info = next(one for one in catalogue(tmp_path) if one.name == "stl10")
    assert (info.status, info.counts) == ("found", (4, 2))


@pytest.mark.parametrize("form", ["stl10_binary", "archive"])
def test_what_is_not_published_is_refused(tmp_path, form):
    write(tmp_path, form)
    with pytest.raises(UserError, match=r"not the published file: .*--allow-modified-data"):
        load("stl10", tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"train_y.bin": b"\1\2\3"}, "train_X.bin has 110592 bytes and train_y.bin 3"),
        ({"test_X.bin": bytes(96)}, "test_X.bin has 96 bytes and test_y.bin 2"),
        ({"test_y.bin": b""}, "test_X.bin has 55296 bytes and test_y.bin 0"),
        ({"test_y.bin": b"\0\1"}, r"test_y.bin has labels from 0 to 1; STL-10 has 1\.\.10"),
    ],
)
def test_what_does_not_belong_together_is_named(tmp_path, changed, words):
    write(tmp_path, changed=changed)
    with pytest.raises(UserError, match=words):
        load("stl10", tmp_path, allow_modified=True)


def test_an_archive_without_a_file_is_named(tmp_path):
    with tarfile.open(tmp_path / ARCHIVE, "w:gz"):
        pass
    with pytest.raises(UserError, match=r"stl10_binary.tar.gz: has no train_X.bin"):
        load("stl10", tmp_path, allow_modified=True)


def test_the_known_checksums_are_those_torchvision_lists():
    from torchvision.datasets import STL10 as Theirs

    listed = dict([*Theirs.train_list, *Theirs.test_list, [Theirs.filename, Theirs.tgz_md5]])
    assert {file: f"md5:{md5}" for file, md5 in listed.items() if file != "unlabeled_X.bin"} == STL10.known
