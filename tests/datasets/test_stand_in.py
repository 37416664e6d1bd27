"""NAME.npz in a data root: read where the published files are nowhere, and every report says so."""

import hashlib
import json

import numpy as np
import pytest
from command_line import clbench

from clbench.datasets import catalogue, load, verify
from clbench.errors import UserError

SHORT = ["--set", "train.epochs=1", "--set", "network.hidden=4", "--quiet"]


def write(root, name="svhn", classes=4):
    rng = np.random.default_rng(0)
    y_train, y_test = np.arange(12) % classes, np.arange(classes)
    x_train, x_test = (rng.integers(0, 256, (len(y), 6, 6, 3), np.uint8) for y in (y_train, y_test))
    root.mkdir(exist_ok=True)
    path = root / f"{name}.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def info(root, name):
    return next(one for one in catalogue(root) if one.name == name)


def test_it_is_read_with_its_checksum_and_the_names_of_the_classes(tmp_path):
    path = write(tmp_path, "cifar10")
    images = load("cifar10", tmp_path, download=False)
    assert images.x_train.shape == (12, 6, 6, 3)
    assert (images.name, images.classes) == ("cifar10", ("airplane", "automobile", "bird", "cat"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert images.checksums == {"cifar10.npz (not the published file)": digest}
    assert [(one.file, one.sha256, one.ok) for one in verify("cifar10", tmp_path)] == [
        ("cifar10.npz", digest, None)
    ]


def test_the_published_files_go_before_it(tmp_path, write_set):
    write(tmp_path, "notmnist")
    assert load("notmnist", tmp_path).x_train.shape == (12, 6, 6, 3)
    write_set(tmp_path, "notMNIST")
    assert load("notmnist", tmp_path).x_train.shape == (10, 2, 3, 1)
    assert info(tmp_path, "notmnist").status == "found"


def test_it_is_listed_with_what_it_holds(tmp_path):
    path = write(tmp_path)
    found = info(tmp_path, "svhn")
    assert (found.status, found.path, found.counts) == ("npz", path, (12, 4))
    path.write_bytes(path.read_bytes()[:100])
    assert (info(tmp_path, "svhn").status, info(tmp_path, "svhn").counts) == ("broken", None)


def test_labels_that_the_data_set_does_not_have_are_refused(tmp_path):
    path = write(tmp_path, classes=11)
    with pytest.raises(UserError, match=f"^{path}: y_train has the label 10; svhn has 0..9$"):
        load("svhn", tmp_path)


@pytest.mark.parametrize(
    "words", [["report"], ["report", "--format", "csv"], ["report", "--format", "html"], ["show"]]
)
def test_every_report_says_that_it_is_not_the_published_file(tmp_path, words):
    path = write(tmp_path / "root")
    stream = ["--stream", "split-svhn", "--data-root", tmp_path / "root"]
    assert clbench("train", "--method", "finetuning", *stream, *SHORT, "--out", tmp_path / "runs").code == 0
    (result,) = (tmp_path / "runs").rglob("*.json")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert json.loads(result.read_text())["data"] == {"svhn.npz (not the published file)": digest}
    shown = " ".join(clbench(words[0], result, *words[1:]).out.split())
    assert f"svhn.npz (sha256 {digest[:12]}) was read for its data set and is not the published file" in shown


def test_a_file_of_the_user_s_own_is_no_stand_in(tmp_path):
    path = write(tmp_path)
    assert list(load(str(path)).checksums) == ["svhn.npz"]
