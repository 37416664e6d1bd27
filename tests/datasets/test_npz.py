"""A user's .npz file: what was saved comes back; every malformed file is one line that names it."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clbench.datasets import load
from clbench.errors import UserError

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def good(**changed):
    x = np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3)
    return {"x_train": x, "y_train": np.arange(6) % 3, "x_test": x[:3], "y_test": np.arange(3)} | changed


def saved(path, **named):
    np.savez_compressed(path, **named)
    return load(str(path))


@same_folder
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(2, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)))
)
def test_what_was_saved_is_read(tmp_path, x):
    path = tmp_path / "own.npz"
    labels = np.arange(len(x)).astype(">i2")
    images = saved(path, x_train=x, y_train=labels, x_test=np.asfortranarray(x[:1]), y_test=labels[:1])
    assert torch.equal(images.x_train, torch.from_numpy(x))
    assert torch.equal(images.x_test, torch.from_numpy(x[:1]))
    assert images.x_test.is_contiguous()
    assert images.y_train.tolist() == list(range(len(x)))
    assert images.y_train.dtype == images.y_test.dtype == torch.int64
    assert images.classes == tuple(str(n) for n in range(len(x)))
    assert images.checksums == {"own.npz": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert images.name == "own"


def test_grey_images_get_a_channel(tmp_path):
    x = good()["x_train"][..., 0]
    images = saved(tmp_path / "grey.npz", **good(x_train=x, x_test=x[:3]))
    assert images.x_train.shape == (6, 2, 2, 1)
    assert torch.equal(images.x_train[..., 0], torch.from_numpy(x))


X = good()["x_train"]
MALFORMED = {
    "float images": (
        {"x_train": X / 255},
        r"x_train is float64 of shape \[6, 2, 2, 3\]; images are uint8, 0\.\.255: "
        r'\(x \* 255\)\.round\(\)\.astype\("uint8"\); features are \[N, D\]',
    ),
    "grey float images": ({"x_test": X[..., 0] / 255}, r"x_test is float64 .*\.astype\(\"uint8\"\)"),
    "flat floats": ({"x_train": X.ravel() / 255}, r"x_train is float64 of shape \[72\]"),
    "flat images": ({"x_test": X.reshape(6, -1)}, r"x_test has the shape \[6, 12\].*x\.astype\(\"float32\"\)"),
    "flat whole numbers": (
        {"x_train": X.reshape(6, -1).astype(int)},
        r"x_train is int64 of shape \[6, 12\].*features are floats \[N, D\]: x\.astype\(\"float32\"\)",
    ),
    "images of whole numbers": ({"x_train": X.astype(int)}, r"x_train is int64 .*: x\.astype\(\"uint8\"\)"),
    "complex numbers": ({"x_train": X.reshape(6, -1) * 1j}, "x_train is complex128"),
    "features and images": ({"x_train": X.reshape(6, -1) / 2}, r"features differ in size: \[12\] in x_train"),
    "no images": ({"x_train": X[:0], "y_train": np.arange(0)}, "x_train is empty"),
    "no test images": ({"x_test": X[:0], "y_test": np.arange(0)}, "x_test is empty"),
    "float labels": ({"y_train": np.arange(6) / 1.0}, "y_train is float64; labels are whole numbers"),
    "true and false": ({"y_train": np.arange(6) > 3}, "y_train is bool"),
    "one-hot labels": ({"y_train": np.eye(6, dtype=int)}, r"y_train has the shape \[6, 6\]"),
    "a scalar": ({"y_train": np.int64(3)}, r"y_train has the shape \[\]"),
    "negative labels": ({"y_train": np.arange(6) - 1}, "y_train has labels from -1 to 4"),
    "giant labels": ({"y_test": np.array([2**64 - 1] * 3, np.uint64)}, "y_test has labels from"),
    "fewer labels": ({"y_train": np.arange(5) % 3}, "6 images in x_train, 5 labels in y_train"),
    "other sizes": ({"x_test": X[:3, :1]}, "images differ in size"),
    "a label unused": ({"y_train": np.arange(6) // 2 * 2}, r"y_train has 3 of the labels 0\.\.4"),
    "an unknown test label": ({"y_test": np.arange(3) + 1}, r"y_test has the label 3; y_train has 0\.\.2"),
    "objects": ({"y_train": np.array([1, None, 2, 0, 1, 2])}, "pickle"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_array_is_named(tmp_path, case):
    changed, message = MALFORMED[case]
    path = tmp_path / "own.npz"
    with pytest.raises(UserError, match=f"^{path}: .*{message}") as caught:
        saved(path, **good(**changed))
    assert "\n" not in str(caught.value)


def test_a_missing_array_is_named(tmp_path):
    arrays = good()
    del arrays["y_test"]
    with pytest.raises(UserError, match="has no array y_test; wanted are x_train, y_train"):
        saved(tmp_path / "own.npz", **arrays)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\3\4 broken"])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"own\.npz: not a readable \.npz file"):
        load(str(tmp_path / "own.npz"))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"own\.npz: no such file"):
        load(str(tmp_path / "own.npz"))
    with pytest.raises(UserError, match=r"no such file"):
        load("a\0b.npz")


def test_a_header_that_promises_more_than_the_archive_has_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)}
    )
    np.savez(tmp_path / "own.npz", **{name: a for name, a in good().items() if name != "x_train"})
    with zipfile.ZipFile(tmp_path / "own.npz", "a") as archive:
        archive.writestr("x_train.npy", header.getvalue())
    with pytest.raises(UserError, match="x_train declares"):
        load(str(tmp_path / "own.npz"))


def test_an_entry_that_shadows_an_array_is_ignored(tmp_path):
    np.savez(tmp_path / "own.npz", **good())
    with zipfile.ZipFile(tmp_path / "own.npz", "a") as archive:
        archive.writestr("x_train", b"something else")
    assert torch.equal(load(str(tmp_path / "own.npz")).x_train, torch.from_numpy(X))


def loaded(path):
    """The images, or None after a UserError of one line."""
    try:
        return load(str(path))
    except UserError as error:
        return pytest.fail(str(error)) if "\n" in str(error) else None


@same_folder
@given(st.data())
def test_a_damaged_file_gives_images_or_an_error(tmp_path, data):
    buffer = io.BytesIO()
    np.savez(buffer, **good())
    raw = bytearray(buffer.getvalue())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "own.npz"
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) // 2, len(raw) - 1]))])
    images = loaded(path)
    assert images is None or images.x_train.dtype == torch.uint8
