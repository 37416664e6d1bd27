"""The IDX reader: what was written comes back, and nothing else than an array or a UserError ever does."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clbench.datasets.idx import decode
from clbench.errors import UserError

PLAIN, GZ = Path("images"), Path("images.gz")


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


def decoded(raw, path, ndim):
    """The array, or None after a UserError of one line."""
    try:
        return decode(bytes(raw), path, ndim)
    except UserError as error:
        return pytest.fail(str(error)) if "\n" in str(error) else None


some_array = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=6))
IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
RAW = idx_bytes(IMAGES)


@given(some_array)
def test_what_was_written_is_read(array):
    raw = idx_bytes(array)
    for content, path in ((raw, PLAIN), (gzip.compress(raw, mtime=0), GZ)):
        np.testing.assert_array_equal(decode(content, path, array.ndim), array)


@given(some_array, st.data())
def test_any_truncation_is_an_error(array, data):
    raw = idx_bytes(array)
    packed = gzip.compress(raw, mtime=0)
    for content, path in ((raw, PLAIN), (packed, GZ)):
        end = data.draw(st.integers(0, len(content) - 1))
        with pytest.raises(UserError, match="images"):
            decode(content[:end], path, array.ndim)


@given(st.integers(0, 15), st.integers(0, 255))
def test_a_changed_header_gives_an_array_or_an_error(position, value):
    raw = bytearray(RAW)
    raw[position] = value
    array = decoded(raw, PLAIN, 3)
    assert array is None or array.size == 24


@given(st.data())
def test_a_changed_gzip_gives_the_array_or_an_error(data):
    packed = bytearray(gzip.compress(RAW, mtime=0))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    array = decoded(packed, GZ, 3)
    assert array is None or (array == IMAGES).all()


@given(st.binary(max_size=64), st.integers(1, 3))
def test_arbitrary_bytes_give_an_array_or_an_error(raw, ndim):
    for path in (PLAIN, GZ):
        array = decoded(raw, path, ndim)
        assert array is None or array.ndim == ndim


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        (RAW[:-1], PLAIN, "truncated at 23 bytes; its header declares 24"),
        (RAW + b"x", PLAIN, "too long"),
        (gzip.compress(RAW + b"x", mtime=0), GZ, "too long"),
        (RAW, GZ, "broken gzip file"),
        (gzip.compress(RAW, mtime=0)[:-3], GZ, "broken gzip file"),
        (b"\0\0\x0d" + RAW[3:], PLAIN, "not an IDX file of unsigned bytes .magic number 00000d03"),
        (b"\x89PNG" + RAW, PLAIN, "not an IDX file"),
        (idx_bytes(IMAGES[0]), PLAIN, "has 2 dimensions, 3 wanted"),
        (RAW[:9], PLAIN, "truncated in its header at 9 bytes"),
        (b"", PLAIN, "truncated in its header at 0 bytes"),
        (idx_bytes(IMAGES[:0]), PLAIN, "empty"),
        (b"\0\0\x08\x03" + b"\xff" * 12, PLAIN, "absurd shape"),
    ],
)
def test_the_error_says_what_is_wrong(raw, path, message):
    with pytest.raises(UserError, match=f"^{path}: .*{message}"):
        decode(raw, path, 3)


def test_a_header_alone_allocates_nothing():
    import tracemalloc

    hostile = b"\0\0\x08\x03" + (1).to_bytes(4, "big") * 2 + (2**31).to_bytes(4, "big")
    tracemalloc.start()
    try:
        for content, path in ((hostile, PLAIN), (gzip.compress(hostile, mtime=0), GZ)):
            with pytest.raises(UserError, match="truncated"):
                decode(content, path, 3)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says():
    import tracemalloc

    bomb = gzip.compress(idx_bytes(IMAGES) + bytes(64 * 2**20), 1)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="too long"):
            decode(bomb, GZ, 3)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
