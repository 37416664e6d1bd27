"""CIFAR-10 and CIFAR-100, tiny ones in every form in which they are published, and pickles that want more."""

import io
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.datasets import catalogue, load
from clbench.datasets.cifar10 import CIFAR10
from clbench.datasets.cifar100 import CIFAR100
from clbench.datasets.pickled import loads
from clbench.errors import UserError

SETS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def batch(one, name):
    """Two images: uint8 [2, 3072], labels [2]."""
    rng = np.random.default_rng(len(name) + ord(name[-1]))
    return rng.integers(0, 256, (2, 3072), np.uint8), [int(n) for n in rng.integers(0, len(one.classes), 2)]


def by_python_2(found):
    """Protocol 2 as CIFAR's own files have it: text is bytes, and an array names numpy.core.multiarray."""

    def text(raw):
        return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw

    def dump(value):
        if isinstance(value, dict):
            return b"}(" + b"".join(dump(k) + dump(v) for k, v in value.items()) + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(dump, value)) + b"e"
        if isinstance(value, int):
            return b"K" + bytes([value])
        if isinstance(value, bytes):
            return text(value)
        shape = b"(" + b"".join(b"M" + struct.pack("<H", n) for n in value.shape) + b"t"
        kind = (
            b"cnumpy\ndtype\n("
            + text(b"u1")
            + b"K\0K\1tR(K\3"
            + text(b"|")
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        )
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0t" + text(b"b") + b"tR"
        return made + b"(K\1" + shape + kind + b"\x89" + text(value.tobytes()) + b"tb"

    return b"\x80\2" + dump(found) + b"."


def python_batch(one, name, by=by_python_2):
    x, y = batch(one, name)
    return by({b"batch_label": b"a batch", one.labels.encode(): y, b"data": x, b"filenames": [b"a.png", b"b.png"]})


def binary_batch(one, name):
    x, y = batch(one, name)
    labels = np.zeros((2, one.label_bytes), np.uint8)
    labels[:, -1] = y
    return np.concatenate([labels, x], 1).tobytes()


def tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))


def write(root, one, form):
    names = (*one.train, one.test)
    binary = form.startswith("binary")
    folder = one.binary_folder if binary else one.python_folder
    make = binary_batch if binary else python_batch
    files = {f"{folder}/{name}{'.bin' * binary}": make(one, name) for name in names}
    files[f"{folder}/batches.meta"] = b"not looked at"
    root.mkdir(exist_ok=True)
    if form.endswith("archive"):
        tar(root / f"cifar-{one.number}-{form.split()[0]}.tar.gz", files)
    else:
        (root / folder).mkdir()
        for name, raw in files.items():
            (root / name).write_bytes(raw)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("form", ["python archive", "python folder", "binary archive", "binary folder"])
def test_every_form_gives_the_same_images(tmp_path, name, form):
    one = SETS[name]
    write(tmp_path, one, form)
    images = load(name, tmp_path, allow_modified=True)
    x = np.concatenate([batch(one, part)[0] for part in one.train])
    y = [label for part in one.train for label in batch(one, part)[1]]
    np.testing.assert_array_equal(images.x_train, x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert images.y_train.tolist() == y
    assert images.y_test.tolist() == batch(one, one.test)[1]
    assert len(images.classes) == len(set(images.classes)) == int(one.number)
    assert len(images.checksums) == (1 if form.endswith("archive") else len(one.train) + 1)
    info = next(info for info in catalogue(tmp_path) if info.name == name)
    assert (info.status, info.counts) == ("found", (2 * len(one.train), 2))


@pytest.mark.parametrize("protocol", [3, 4])
def test_pickles_of_this_python_are_read_too(protocol):
    raw = python_batch(CIFAR10, "test_batch", lambda found: pickle.dumps(found, protocol))
    np.testing.assert_array_equal(loads(raw, "batch")[b"data"], batch(CIFAR10, "test_batch")[0])


@pytest.mark.parametrize("form", ["python archive", "binary folder"])
def test_what_is_not_published_is_refused(tmp_path, form):
    write(tmp_path, CIFAR10, form)
    words = "expected md5:c58f" if form == "python archive" else "no checksum is published.*archive in its place"
    with pytest.raises(UserError, match=f"{words}.*--allow-modified-data"):
        load("cifar10", tmp_path)


class Evil:
    def __init__(self, *what):
        self.what = what

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize(
    "value",
    [
        Evil(os.system, ("touch /tmp/clbench-was-here",)),
        Evil(eval, ("1",)),
        Evil(np.load, ("/etc/passwd",)),
        {"data": Evil(getattr, ("text", "upper"))},
        np.array([{}], object),
        np.zeros(3, "V8"),
        (1, 2),
        {1, 2},
        None,
        np.float64(1),
    ],
)
def test_a_pickle_that_holds_anything_else_is_refused_in_one_line(value, tmp_path):
    with pytest.raises(
        UserError, match="batch: not a pickle of arrays, bytes, lists, dicts and numbers"
    ) as caught:
        loads(pickle.dumps(value, 4), "batch")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "raw", [b"", b"\x80\2.", b"\x80\4\x95", b"cos\nsystem\n(S'true'\ntR.", b"](" * 100 + b"e" * 100]
)
def test_a_broken_pickle_is_one_line(raw):
    with pytest.raises(UserError, match="not a pickle") as caught:
        loads(raw, "batch")
    assert "\n" not in str(caught.value)


def test_a_pickle_that_memorises_its_billionth_object_is_refused():
    with pytest.raises(UserError, match="memorises object 2147483647 in 10 bytes"):
        loads(b"\x80\2K\1r\xff\xff\xff\x7f.", "batch")


@given(st.data())
def test_a_damaged_pickle_is_read_or_is_one_line(data):
    raw = bytearray(pickle.dumps({b"data": np.arange(6, dtype=np.uint8), b"labels": [1, 2]}, 4))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        loads(bytes(raw), "batch")
    except UserError as error:
        if "\n" in str(error):
            pytest.fail(str(error))


def test_an_array_with_fewer_bytes_than_it_declares_is_refused():
    raw = python_batch(CIFAR10, "test_batch")
    assert b"M\x00\x0c" in raw  # 3072
    with pytest.raises(UserError, match=r"declares the shape \[2, 3328\]"):
        loads(raw.replace(b"M\x00\x0c", b"M\x00\x0d"), "batch")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({b"data": 3, b"labels": [1]}, "data must be uint8"),
        ([1], "data must be uint8"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}, "labels must be a list of 2"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, b"2"]}, "labels must be a list of 2"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 10]}, "labels from 1 to 10; cifar10 has 0..9"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2**70]}, "absurd"),
    ],
)
def test_what_is_no_batch_is_named(tmp_path, found, words):
    write(tmp_path, CIFAR10, "python folder")
    path = tmp_path / CIFAR10.python_folder / "data_batch_3"
    path.write_bytes(pickle.dumps(found, 4))
    with pytest.raises(UserError, match=f"^{path}: .*{words}"):
        load("cifar10", tmp_path, allow_modified=True)


def test_a_binary_batch_of_half_a_record_is_named(tmp_path):
    write(tmp_path, CIFAR100, "binary folder")
    path = tmp_path / CIFAR100.binary_folder / "test.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=f"^{path}: 6147 bytes are no whole number of records of 3074"):
        load("cifar100", tmp_path, allow_modified=True)


def test_a_batch_that_is_missing_or_a_link_is_named(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    tar(path, {f"cifar-10-batches-py/{name}": python_batch(CIFAR10, name) for name in CIFAR10.train})
    with pytest.raises(UserError, match="has no batch test_batch"):
        load("cifar10", tmp_path, allow_modified=True)
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("cifar-10-batches-py/test_batch")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(UserError, match="test_batch is a link"):
        load("cifar10", tmp_path, allow_modified=True)


@pytest.mark.parametrize("cut", [20, -20])
def test_a_truncated_archive_is_one_line(tmp_path, cut):
    write(tmp_path, CIFAR10, "binary archive")
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=f"^{path}: broken archive") as caught:
        load("cifar10", tmp_path, allow_modified=True)
    assert "\n" not in str(caught.value)
    assert next(one for one in catalogue(tmp_path) if one.name == "cifar10").status == "broken"


@pytest.mark.parametrize("name", SETS)
def test_the_known_checksums_are_those_torchvision_lists(name):
    import torchvision.datasets

    theirs, ours = getattr(torchvision.datasets, name.upper()), SETS[name]
    listed = dict([*theirs.train_list, *theirs.test_list, [theirs.filename, theirs.tgz_md5]])
    published = {f"cifar-{ours.number}-binary.tar.gz": ours.known[f"cifar-{ours.number}-binary.tar.gz"]}
    assert {file: f"md5:{md5}" for file, md5 in listed.items()} | published == ours.known
    assert theirs.base_folder == ours.python_folder
