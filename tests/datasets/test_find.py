"""Which copy of a data set is read, and what is said when there is none or it is malformed."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from clbench.datasets import catalogue, load, roots, verify
from clbench.errors import UserError


def one_line(caught):
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_given_root_wins_over_the_variable_and_the_cache_comes_last(tmp_path, monkeypatch, cache):
    assert roots() == [cache]
    monkeypatch.setenv("CLBENCH_DATA", "")
    assert roots() == [cache]
    monkeypatch.setenv("CLBENCH_DATA", "~/data")
    assert roots() == [Path.home() / "data", cache]
    assert roots(tmp_path) == [tmp_path, cache]


@pytest.mark.parametrize("gz", [True, False])
def test_the_four_files_become_images(tmp_path, write_set, gz):
    arrays = write_set(tmp_path, "notMNIST", gz)
    images = load("notmnist", tmp_path)
    np.testing.assert_array_equal(images.x_train[..., 0], arrays["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(images.y_train, arrays["train-labels-idx1-ubyte"])
    np.testing.assert_array_equal(images.x_test[..., 0], arrays["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(images.y_test, arrays["t10k-labels-idx1-ubyte"])
    assert images.classes == tuple("ABCDEFGHIJ")
    assert images.checksums == {check.file: check.sha256 for check in verify("notmnist", tmp_path)}
    assert len(images.checksums) == 4


def test_the_gzipped_file_is_preferred(tmp_path, write_set):
    write_set(tmp_path, "notMNIST", gz=True)
    write_set(tmp_path, "notMNIST", gz=False, train_images=np.zeros((10, 2, 3), np.uint8))
    images = load("notmnist", tmp_path)
    assert images.x_train.max() > 0
    assert all(file.endswith(".gz") for file in images.checksums)


def test_the_first_complete_copy_is_read_and_copies_are_not_mixed(tmp_path, write_set, cache):
    write_set(tmp_path, "notMNIST")
    write_set(cache, "notMNIST", train_images=np.full((10, 2, 3), 7, np.uint8))
    assert load("notmnist", tmp_path).x_train.max() == 59
    (tmp_path / "notMNIST/raw/t10k-labels-idx1-ubyte.gz").unlink()
    assert load("notmnist", tmp_path).x_train.unique().tolist() == [7]


def test_the_catalogue_says_where_each_set_is(tmp_path, write_set):
    write_set(tmp_path, "MNIST")
    by_name = {info.name: info for info in catalogue(tmp_path)}
    assert {"cifar10", "cifar100", "digits", "fashion-mnist", "mnist", "notmnist", "svhn"} <= set(by_name)
    assert (by_name["digits"].status, by_name["digits"].source) == ("embedded", "scikit-learn")
    assert (by_name["mnist"].status, by_name["mnist"].path) == ("found", tmp_path / "MNIST" / "raw")
    assert (by_name["notmnist"].status, by_name["notmnist"].path) == ("absent", None)


def test_the_catalogue_counts_the_images_that_are_there(tmp_path, write_set):
    write_set(tmp_path, "MNIST")
    write_set(tmp_path, "FashionMNIST", gz=False, train_images=np.zeros((8, 2, 3), np.uint8))
    write_set(tmp_path, "notMNIST")
    (tmp_path / "notMNIST/raw/t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    by_name = {info.name: info for info in catalogue(tmp_path)}
    assert {name: info.counts for name, info in by_name.items() if info.status != "absent"} == {
        "digits": (1442, 355),
        "mnist": (10, 5),
        "fashion-mnist": (8, 5),
        "notmnist": None,
    }
    assert (by_name["notmnist"].status, by_name["fashion-mnist"].status) == ("broken", "found")
    assert by_name["mnist"].note == "10 of 60,000 training images and 5 of 10,000 test images"
    assert "60,000" not in by_name["mnist"].description


def test_each_set_states_its_licence(tmp_path):
    assert {info.name: info.licence for info in catalogue(tmp_path)} == {
        "anime-faces": "none stated",
        "caltech101": "CC BY 4.0",
        "celeba-faces": "non-commercial research only",
        "stl10": "none stated",
        "cifar10": "none stated",
        "cifar100": "none stated",
        "svhn": "non-commercial use only",
        "digits": "CC BY 4.0",
        "mnist": "CC BY-SA 3.0",
        "fashion-mnist": "MIT",
        "notmnist": "none stated",
    }


def test_counting_reads_no_more_than_the_header(tmp_path, write_set):
    from clbench.datasets.idx import count

    whole = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (8000, 28, 28))  # and not one image
    (tmp_path / "plain").write_bytes(whole)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(whole))
    assert count(tmp_path / "plain", 3) == count(tmp_path / "packed.gz", 3) == 8000


def test_an_absent_set_says_what_to_put_where_and_what_to_try(tmp_path, cache):
    with pytest.raises(UserError) as caught:
        load("mnist", tmp_path, download=False)
    message = one_line(caught)
    for said in ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "--stream split-digits"):
        assert said in message
    assert f"looked in {tmp_path}/MNIST/raw and {cache}/MNIST/raw" in message
    assert f"into {tmp_path}/MNIST/raw" in message


def test_an_incomplete_set_says_which_file_it_lacks(tmp_path, write_set):
    write_set(tmp_path, "notMNIST")
    (tmp_path / "notMNIST/raw/t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"not whole.*; put t10k-labels-idx1-ubyte.gz \(from"):
        load("notmnist", tmp_path)


def test_notmnist_has_no_download_and_says_where_it_is_published(tmp_path):
    with pytest.raises(UserError, match="davidflanagan/notMNIST-to-MNIST") as caught:
        load("notmnist", tmp_path)
    assert "no download" in one_line(caught)


@pytest.mark.parametrize(("name", "near"), [("minst", "mnist"), ("Fashion_MNIST", "fashion-mnist")])
def test_an_unknown_name_gets_a_suggestion(name, near):
    for call in (load, verify):
        with pytest.raises(UserError, match=f"no data set called '{name}'; did you mean '{near}'"):
            call(name)


def test_a_name_like_no_other_gets_the_list():
    with pytest.raises(UserError, match=r"there are: .*digits, fashion-mnist, mnist, notmnist, .*or a path"):
        load("")


MALFORMED = {
    "label beyond the classes": ({"train_labels": np.arange(1, 11, dtype=np.uint8)}, "has the label 10"),
    "fewer labels": ({"t10k_labels": np.zeros(4, np.uint8)}, "4 labels for 5 images"),
    "other size": ({"t10k_images": np.zeros((5, 3, 2), np.uint8)}, r"images are \[3, 2\]"),
    "wrong axes": ({"t10k_images": np.zeros((5, 6), np.uint8)}, "has 2 dimensions, 3 wanted"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_files_that_do_not_belong_together_are_refused(tmp_path, write_set, case):
    changed, message = MALFORMED[case]
    write_set(tmp_path, "notMNIST", **changed)
    with pytest.raises(UserError, match=f"ubyte.gz: {message}") as caught:
        load("notmnist", tmp_path)
    one_line(caught)


def test_a_file_that_cannot_be_read_is_a_user_error(tmp_path, write_set, monkeypatch):
    write_set(tmp_path, "notMNIST")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        load("notmnist", tmp_path)


def test_a_file_too_large_for_memory_is_refused(tmp_path, write_set, monkeypatch):
    write_set(tmp_path, "notMNIST")
    monkeypatch.setattr("clbench.datasets.find.MAX_FILE_BYTES", 10)
    with pytest.raises(UserError, match="too large"):
        load("notmnist", tmp_path)


def test_the_catalogue_tells_a_copy_that_is_not_whole(tmp_path, write_set):
    write_set(tmp_path, "MNIST")
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte.gz").unlink()
    info = next(info for info in catalogue(tmp_path) if info.name == "mnist")
    assert (info.status, info.counts, info.path) == ("partial", None, tmp_path / "MNIST/raw")
    assert info.note == "lacks t10k-labels-idx1-ubyte"
