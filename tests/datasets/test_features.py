"""Features [N, D] in a user's .npz file, and arrays so large that they are mapped where they lie."""

import hashlib
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from command_line import clbench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clbench.datasets import load, members, npz, verify
from clbench.datasets.source import Mapped
from clbench.errors import UserError

FLOATS = ("<f2", "<f4", "<f8", ">f2", ">f4", ">f8")
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def everything_is_mapped(monkeypatch):
    monkeypatch.setattr(members, "MAPPED_FROM", 0)


def features(rows=12, width=5, dtype="float32"):
    x = np.random.default_rng(0).normal(size=(rows, width)).astype(dtype)
    y = np.arange(rows) % 4
    return {"x_train": x, "y_train": y, "x_test": x[:8] * 2, "y_test": y[:8]}


def rows_of(source, *rows):
    return source.take(torch.tensor(rows)) if isinstance(source, Mapped) else source[list(rows)]


def loaded(path):
    """The images, or None after a UserError of one line."""
    try:
        return load(str(path))
    except UserError as error:
        return pytest.fail(str(error)) if "\n" in str(error) else None


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_floats_of_any_size_become_float32(tmp_path, dtype, save):
    saved = features(dtype=dtype)
    save(tmp_path / "own.npz", **saved)
    images = load(str(tmp_path / "own.npz"))
    for name in ("x_train", "x_test"):
        found = getattr(images, name)
        assert found.dtype == torch.float32
        np.testing.assert_array_equal(found, saved[name].astype(np.float32))
    assert images.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("name", ["x_train", "x_test"])
@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_not_finite_is_refused_with_its_row(tmp_path, monkeypatch, bad, name, mapped):
    monkeypatch.setattr(members, "MAPPED_FROM", 0 if mapped else 2**40)
    monkeypatch.setattr(members, "CHUNK", 80)  # two rows
    saved = features(dtype="float64")
    saved[name] = saved[name].copy()
    saved[name][7, 3] = bad
    path = tmp_path / "own.npz"
    np.savez(path, **saved)
    with pytest.raises(UserError, match=f"^{path}: {name} has NaN, or more than float32 holds, first in row 7$"):
        load(str(path))


@same_folder
@given(
    arrays.arrays(st.sampled_from(["u1", *FLOATS]), st.just((4, 3)), elements={"min_value": 0, "max_value": 200}),
    st.booleans(),
)
def test_a_mapped_file_gives_the_rows_of_one_that_is_read(tmp_path, x, grey):
    if x.dtype == np.uint8:
        x = x.reshape(4, 3, 1) if grey else x.reshape(4, 1, 3, 1)
    path, y = tmp_path / "own.npz", np.arange(4)
    np.savez(path, x_train=x, y_train=y, x_test=x[::-1].copy(), y_test=y)
    whole = load(str(path))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(members, "MAPPED_FROM", 0)
        images = load(str(path))
    assert isinstance(images.x_train, Mapped)
    for name in ("x_train", "x_test"):
        read, mapped = getattr(whole, name), getattr(images, name)
        assert (mapped.dtype, tuple(mapped.shape)) == (read.dtype, tuple(read.shape))
        rows = torch.tensor([3, 0, 0, 2])
        assert torch.equal(mapped.take(rows), read[rows])
    assert images.checksums == whole.checksums == {"own.npz": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert verify(str(path))[0].sha256 == images.checksums["own.npz"]


def test_what_stands_before_the_bytes_may_be_of_any_length(tmp_path, everything_is_mapped):
    saved, path = features(), tmp_path / "own.npz"
    np.savez(tmp_path / "plain.npz", **saved)
    with zipfile.ZipFile(tmp_path / "plain.npz") as plain, zipfile.ZipFile(path, "w") as archive:
        archive.writestr("something else", b"before it")
        for member in plain.infolist():
            info = zipfile.ZipInfo(member.filename)
            info.extra = b"\x99\x99\x05\x00extra"
            archive.writestr(info, plain.read(member))
    images = load(str(path))
    assert isinstance(images.x_train, Mapped)
    np.testing.assert_array_equal(rows_of(images.x_train, 0, 11), saved["x_train"][[0, 11]])


def test_compressed_and_fortran_arrays_are_read_whole(tmp_path, everything_is_mapped):
    saved = features()
    np.savez_compressed(tmp_path / "packed.npz", **saved)
    np.savez(tmp_path / "columns.npz", **saved | {"x_train": np.asfortranarray(saved["x_train"])})
    for name in ("packed", "columns"):
        images = load(str(tmp_path / f"{name}.npz"))
        assert isinstance(images.x_train, torch.Tensor)
        np.testing.assert_array_equal(images.x_train, saved["x_train"])


@same_folder
@given(st.data())
def test_a_damaged_mapped_file_gives_the_rows_or_an_error(tmp_path, data):
    path, saved = tmp_path / "own.npz", features()
    np.savez(path, **saved)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) // 2, len(raw) - 1]))])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(members, "MAPPED_FROM", 0)
        images = loaded(path)
    if images is not None:
        np.testing.assert_array_equal(rows_of(images.x_train, *range(12)), saved["x_train"])


def test_a_large_file_is_mapped_and_never_held_whole(tmp_path):
    x = np.zeros((1100, 256, 256, 1), np.uint8)
    x[:, 0, 0, 0] = np.arange(1100) % 251
    path, y = tmp_path / "large.npz", np.arange(1100) % 2
    np.savez(path, x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    assert x.nbytes > members.MAPPED_FROM
    del x
    tracemalloc.start()
    try:
        images = load(str(path))
        assert images.x_train.take(torch.tensor([1000, 3]))[:, 0, 0, 0].tolist() == [1000 % 251, 3]
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(images.x_test, torch.Tensor)


def test_one_too_large_to_unpack_says_how_to_save_it(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "whole", lambda archive, name, path: members.header_of(archive, name, path, 100))
    np.savez_compressed(tmp_path / "own.npz", **features())
    with pytest.raises(UserError, match=r"x_train has \d+ bytes, too many .* np\.savez"):
        load(str(tmp_path / "own.npz"))


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("stream", ["split", "permuted"])
def test_features_are_trained_on(tmp_path, monkeypatch, mapped, stream):
    monkeypatch.setattr(members, "MAPPED_FROM", 0 if mapped else 2**40)
    np.savez(tmp_path / "features.npz", **features(dtype="float16"))
    words = ["--stream", f"{stream}:{tmp_path}/features.npz", "--set", "stream.tasks=2", "--set", "train.epochs=1"]
    ran = clbench("train", "--method", "finetuning", *words, "--out", tmp_path / "runs", "--quiet")
    assert (ran.code, ran.err) == (0, "")
