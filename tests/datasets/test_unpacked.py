"""Packed sets are unpacked once: the cache is asked for by content, mended where it is damaged, done without."""

import json
import os
import threading

import numpy as np
import pytest
import test_cifar
import test_stl10
import test_svhn
from command_line import clbench
from test_trees import pixels

from clbench.datasets import load, members, stl10, svhn
from clbench.datasets.cifar import Cifar
from clbench.datasets.cifar10 import CIFAR10
from clbench.datasets.cifar100 import CIFAR100
from clbench.datasets.source import Mapped, source_of
from clbench.errors import UserError

FORMS = {
    "svhn": test_svhn.write,
    "stl10": test_stl10.write,
    "stl10 archive": lambda root: test_stl10.write(root, "archive"),
    "cifar10": lambda root: test_cifar.write(root, CIFAR10, "python archive"),
    "cifar10 binary": lambda root: test_cifar.write(root, CIFAR10, "binary folder"),
    "cifar100": lambda root: test_cifar.write(root, CIFAR100, "binary archive"),
}


def read(form, root):
    return load(form.split()[0], root, allow_modified=True)


def everything(images):
    """All that makes images the same, as plain values."""
    x = [pixels(source_of(source)).numpy().tolist() for source in (images.x_train, images.x_test)]
    return [*x, images.y_train.tolist(), images.y_test.tolist(), images.classes, images.checksums]


@pytest.fixture
def unpackings(monkeypatch):
    """A list that grows with every unpacking of a set or a part of it."""
    done = []
    for place in (svhn, stl10, Cifar):
        unpack = place._arrays
        monkeypatch.setattr(place, "_arrays", lambda *words, unpack=unpack: done.append(1) or unpack(*words))
    return done


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.mark.parametrize("form", FORMS)
def test_a_second_start_takes_what_the_first_unpacked_and_maps_it(root, form, unpackings, monkeypatch):
    monkeypatch.setattr(members, "MAPPED_FROM", 1)  # these sets are tiny
    root.mkdir()
    FORMS[form](root)
    first, count = read(form, root), len(unpackings)
    again = read(form, root)
    assert 0 < count == len(unpackings)
    assert isinstance(again.x_train, Mapped)
    assert isinstance(again.x_test, Mapped)
    assert everything(again) == everything(first)


def test_the_key_is_the_content_wherever_it_lies(root, unpackings, cache):
    test_svhn.write(root / "one")
    test_svhn.write(root / "two" / "SVHN")
    first = read("svhn", root / "one")
    assert everything(read("svhn", root / "two")) == everything(first)
    assert len(unpackings) == 2  # its two parts, once
    test_svhn.write(root / "two" / "SVHN", x=255 - test_svhn.X)
    changed = read("svhn", root / "two")
    np.testing.assert_array_equal(changed.x_train, 255 - first.x_train.numpy())
    assert len(unpackings) == 4
    assert len(list((cache / "decoded").glob("*.npz"))) == 2


def test_what_was_unpacked_is_held_to_the_published_checksums_all_the_same(root):
    test_svhn.write(root)
    read("svhn", root)
    with pytest.raises(UserError, match="not the published file"):
        load("svhn", root)


@pytest.mark.parametrize(
    "harm", ["truncated", "a pixel", "floats", "a label less", "another pixel", "another file", "a pickle"]
)
def test_a_damaged_cache_is_made_anew(root, harm, unpackings, cache, monkeypatch):
    monkeypatch.setattr(members, "MAPPED_FROM", 1)
    root.mkdir()
    FORMS["cifar10"](root)
    whole = everything(read("cifar10", root))
    (kept,) = (cache / "decoded").glob("*.npz")
    raw, arrays = kept.read_bytes(), dict(np.load(kept))
    if harm == "truncated":
        kept.write_bytes(raw[:-100])
    elif harm == "a pixel":
        kept.write_bytes(raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:])
    elif harm == "another file":
        kept.write_bytes(b"no archive")
    else:
        arrays |= {
            "floats": {"x_test": arrays["x_test"] / 2},
            "another pixel": {"x_test": arrays["x_test"] ^ 1},
            "a label less": {"y_train": arrays["y_train"][1:]},
        }.get(harm, {"y_test": np.array([None, None])})
        np.savez(kept, **arrays)
    assert everything(read("cifar10", root)) == whole
    assert len(unpackings) == 2
    assert kept.read_bytes() == raw


def test_two_at_a_time_unpack_once(root, unpackings):
    root.mkdir()
    FORMS["cifar100"](root)
    found = []
    threads = [threading.Thread(target=lambda: found.append(read("cifar100", root))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(unpackings)) == (3, 1)


def test_a_cache_that_cannot_be_written_is_told_and_done_without(root, unpackings, cache, capsys):
    test_svhn.write(root)
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way of a folder")
    images = read("svhn", root)
    np.testing.assert_array_equal(images.x_train[3], test_svhn.X[..., 3])
    assert "cannot write decoded images there" in (said := capsys.readouterr().err)
    assert said.count("\n") == 1
    assert len(unpackings) == 2


def test_a_full_disk_leaves_nothing_behind_and_unpacks_no_second_time(root, unpackings, cache, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    test_svhn.write(root)
    monkeypatch.setattr(np, "savez", full)
    assert len(read("svhn", root).y_train) == 5
    assert len(unpackings) == 2
    assert [file.suffix for file in (cache / "decoded").iterdir()] == [".lock"]


def test_files_that_change_while_they_are_read_are_not_kept(root, cache, monkeypatch):
    test_svhn.write(root)
    unpack = svhn._arrays

    def slow(raw, path):
        found = unpack(raw, path)
        os.truncate(path, 100)
        return found

    monkeypatch.setattr(svhn, "_arrays", slow)
    with pytest.raises(UserError, match=r"train_32x32.mat: changed while it was read; start again"):
        read("svhn", root)
    assert not list((cache / "decoded").glob("*.npz"))


def test_a_run_on_mapped_images_is_the_run_on_images_in_memory(root, tmp_path, monkeypatch):
    root.mkdir()
    FORMS["cifar10"](root)
    words = ["train", "--stream", "sequence:cifar10", "--method", "finetuning", "--data-root", root, "--quiet"]
    words += ["--allow-modified-data", "--set", "train.epochs=2", "--set", "network.hidden=4"]
    ends = []
    for mapped_from in (2**26, 1):
        monkeypatch.setattr(members, "MAPPED_FROM", mapped_from)
        assert clbench(*words, "--out", tmp_path / f"runs{mapped_from}").code == 0
        (result,) = (tmp_path / f"runs{mapped_from}").rglob("*.json")
        ends.append(json.loads(result.read_text()))
    assert ends[0]["runs"][0]["matrix"] == ends[1]["runs"][0]["matrix"]
    assert ends[0]["data"] == ends[1]["data"]
