"""A file that is not the published one is refused, unless the user says otherwise."""

import hashlib

import pytest

from clbench.datasets import load, verify
from clbench.datasets.fashion_mnist import FashionMNIST
from clbench.datasets.mnist import MNIST
from clbench.datasets.notmnist import NotMNIST
from clbench.errors import UserError


def test_a_modified_file_is_refused_with_both_checksums(tmp_path, write_set):
    write_set(tmp_path, "MNIST")
    path = tmp_path / "MNIST/raw/train-images-idx3-ubyte.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UserError) as caught:
        load("mnist", tmp_path)
    for said in (path, digest, MNIST.known[path.name], "--allow-modified-data"):
        assert str(said) in str(caught.value)
    assert load("mnist", tmp_path, allow_modified=True).checksums[path.name] == digest


def test_an_unpacked_file_without_a_published_checksum_counts_as_modified(tmp_path, write_set):
    write_set(tmp_path, "FashionMNIST", gz=False)
    with pytest.raises(UserError, match=r"no checksum is published.*\.gz beside it.*--allow-modified-data"):
        load("fashion-mnist", tmp_path)
    assert len(load("fashion-mnist", tmp_path, allow_modified=True).x_train) == 10
    assert [(check.expected, check.ok) for check in verify("fashion-mnist", tmp_path)] == [(None, False)] * 4


def test_verify_compares_in_the_algorithm_that_was_published(tmp_path, write_set):
    write_set(tmp_path, "FashionMNIST")
    for check in verify("fashion-mnist", tmp_path):
        content = check.path.read_bytes()
        assert check.found == f"md5:{hashlib.md5(content).hexdigest()}"
        assert check.sha256 == hashlib.sha256(content).hexdigest()
        assert check.expected == FashionMNIST.known[check.file]
        assert check.ok is False


def test_verify_lists_absent_files_and_what_there_is_of_a_copy(tmp_path, write_set):
    assert [(check.path, check.ok) for check in verify("notmnist", tmp_path)] == [(None, False)] * 4
    write_set(tmp_path, "notMNIST")
    (tmp_path / "notMNIST/raw/train-labels-idx1-ubyte.gz").unlink()
    assert [check.ok for check in verify("notmnist", tmp_path)] == [None, False, None, None]
    assert not NotMNIST.known


def test_the_known_checksums_are_those_torchvision_lists():
    import torchvision.datasets

    listed = {file: f"md5:{md5}" for file, md5 in torchvision.datasets.FashionMNIST.resources}
    assert listed == FashionMNIST.known
    assert len(MNIST.known) == 8
