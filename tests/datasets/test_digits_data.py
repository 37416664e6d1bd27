"""The embedded digits: all of them, split the same way for ever, without importing scikit-learn."""

import gzip
import hashlib
import subprocess
import sys

import pytest
import torch

from clbench.datasets import digits, fetch, load, verify
from clbench.errors import UserError


def test_every_class_is_split_four_to_one():
    images = load("digits")
    train, test = images.y_train.bincount(), images.y_test.bincount()
    assert (train + test).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert test.tolist() == [n // 5 for n in (train + test).tolist()]
    assert images.x_train.shape == (1442, 8, 8, 1)
    assert images.x_test.shape == (355, 8, 8, 1)


def test_pixels_use_the_whole_range_of_a_byte():
    x = load("digits").x_train
    assert x.dtype == torch.uint8
    assert x.unique().tolist() == [round(v * 255 / 16) for v in range(17)]


def test_the_split_never_changes():
    images = load("digits")
    digest = hashlib.sha256()
    for tensor in (images.x_train, images.y_train, images.x_test, images.y_test):
        digest.update(tensor.numpy().astype("u1").tobytes())
    assert digest.hexdigest() == "9f66296b618a7657d1dff99bb57a177ab02e95b9139bbcc993bff2c1786898ee"


def test_the_file_read_is_recorded():
    digest = hashlib.sha256(digits.csv_path().read_bytes()).hexdigest()
    assert load("digits").checksums == {"digits.csv.gz": digest}
    (one,) = verify("digits")
    assert (one.path, one.sha256, one.expected, one.ok) == (digits.csv_path(), digest, None, None)
    assert fetch("digits") == digits.csv_path()


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"1,2,x", mtime=0), gzip.compress(b"1,2,3", mtime=0)]
)
def test_a_broken_file_is_a_user_error(tmp_path, monkeypatch, content):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(content)
    monkeypatch.setattr(digits, "csv_path", lambda: path)
    with pytest.raises(UserError, match=r"digits\.csv\.gz: .*reinstall scikit-learn"):
        load("digits")


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install"):
        load("digits")


def test_reading_imports_neither_scikit_learn_nor_torchvision():
    code = (
        "import sys; from clbench.datasets import load, catalogue; load('digits'); catalogue(); "
        "assert not {'sklearn', 'torchvision', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
