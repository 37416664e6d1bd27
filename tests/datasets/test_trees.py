"""Trees of images, a folder a class: plain, in a zip, in a tar; decoded once, broken ones named."""

import io
import json
import os
import stat
import tarfile
import threading
import zipfile

import numpy as np
import pytest
import torch
from command_line import clbench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from clbench.datasets import catalogue, decode, load, verify
from clbench.datasets import tree as trees
from clbench.datasets.decode import picture
from clbench.errors import UserError

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
FORMS = ["folder", "zip", "tar", "tar.gz", "tar.xz"]


def png(value, size=(7, 5), mode="RGB", kind="PNG"):
    """A picture of noise, seeded by value."""
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    array = np.random.default_rng(value).integers(0, 256, shape, np.uint8)
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def tree(counts=None, **more):
    """File name -> bytes: so many images of each class."""
    counts = {"cat": 10, "ant": 7} if counts is None else counts
    files = {
        f"{label}/{n:02d}.png": png(n + 100 * len(label)) for label, count in counts.items() for n in range(count)
    }
    return files | more


def pack(path, files, form):
    """`files` below or in `path`; the path with its suffix."""
    if form == "folder":
        for name, raw in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(raw)
        return path
    path = path.with_name(f"{path.name}.{form}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, raw in files.items():
                archive.writestr(name, raw)
        return path
    with tarfile.open(path, f"w:{form.partition('.')[2]}") as archive:
        for name, raw in reversed(files.items()):
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


def pixels(source):
    return source.take(torch.arange(source.shape[0]))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_images(tmp_path, form):
    files = tree()
    path = pack(tmp_path / "own", files, form)
    images = load(f"{path}/" if form == "folder" else str(path), size=4)
    assert images.classes == ("ant", "cat")
    assert images.y_train.tolist() == [0] * 5 + [1] * 7
    assert images.y_test.tolist() == [0] * 2 + [1] * 3
    tested = [*(f"ant/{n:02d}.png" for n in (3, 6)), *(f"cat/{n:02d}.png" for n in (3, 6, 9))]
    for source, names in ((images.x_test, tested), (images.x_train, sorted(files.keys() - set(tested)))):
        assert (source.dtype, tuple(source.shape)) == (torch.uint8, (len(names), 4, 4, 3))
        expected = np.stack([picture(files[name], 4, grey=False) for name in names])
        np.testing.assert_array_equal(pixels(source), expected)
    ((name, digest),) = images.checksums.items()
    assert name == (f"{path.name}/" if form == "folder" else path.name)
    (found,) = verify(f"{path}/" if form == "folder" else str(path))
    assert (found.file, found.sha256, found.ok) == (name, digest, None)


@pytest.mark.parametrize("size", [3, 5, 9, 16])
@pytest.mark.parametrize("shape", [(7, 5), (5, 8), (6, 6), (40, 11)])
def test_pixels_are_those_of_torchvision_s_transforms(size, shape):
    from torchvision import transforms

    raw = png(0, shape)
    theirs = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size)])(
        Image.open(io.BytesIO(raw))
    )
    np.testing.assert_array_equal(picture(raw, size, grey=False), np.asarray(theirs))


def test_grey_images_palettes_and_transparency_become_rgb(tmp_path):
    file = io.BytesIO()
    palette = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("P")
    palette.save(file, "PNG", transparency=bytes(range(64)))
    for raw in (png(0, mode="L"), file.getvalue(), png(0, kind="JPEG"), png(0, kind="WEBP"), png(0, kind="BMP")):
        assert picture(raw, 4, grey=False).shape == (4, 4, 3)
        assert picture(raw, 4, grey=True).shape == (4, 4, 1)


@pytest.mark.parametrize(
    ("training", "testing"), [("train", "test"), ("Train", "val"), ("training", "validation")]
)
def test_parts_of_its_own_are_kept(tmp_path, training, testing):
    files = {f"{training}/{name}": raw for name, raw in tree({"a": 2, "b": 3}).items()}
    files |= {f"{testing}/{name}": raw for name, raw in tree({"a": 1, "b": 2}).items()}
    path = pack(tmp_path / "own", {f"top/within/{name}": raw for name, raw in files.items()}, "zip")
    images = load(str(path), size=2)
    assert (images.y_train.tolist(), images.y_test.tolist()) == ([0, 0, 1, 1, 1], [0, 1, 1])


def test_folders_below_a_class_do_not_matter(tmp_path):
    files = {f"{label}/images/{n}.JPEG": png(n, kind="JPEG") for label in "ab" for n in range(4)}
    assert load(f"{pack(tmp_path / 'own', files, 'folder')}/", size=2).y_train.tolist() == [0, 0, 0, 1, 1, 1]


def test_what_is_hidden_or_no_image_is_not_seen(tmp_path):
    more = {
        "cat/.x.png": b"",
        "__MACOSX/cat/._01.png": b"",
        "cat/Thumbs.db": b"",
        "README.txt": b"",
        ".git/a/b.png": b"",
    }
    assert len(load(str(pack(tmp_path / "own", tree(**more), "zip")), size=2).y_train) == 12


def test_links_in_a_folder_are_followed(tmp_path):
    pack(tmp_path / "elsewhere", tree(), "folder")
    (tmp_path / "own").mkdir()
    for label in ("cat", "ant"):
        (tmp_path / "own" / label).symlink_to(tmp_path / "elsewhere" / label)
    (tmp_path / "own" / "cat" / "loop").symlink_to(tmp_path / "own", target_is_directory=True)
    (tmp_path / "own" / "cat" / "loop").unlink()
    assert load(f"{tmp_path}/own/", size=2).classes == ("ant", "cat")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"", "it is empty"), (b"GIF no", "it is no image, or in none of the formats"), (png(1)[:60], "")],
)
def test_a_broken_image_is_named_with_its_path(tmp_path, form, raw, words):
    path = pack(tmp_path / "own", tree(**{"cat/05.png": raw}), form)
    name = f"{path}/" if form == "folder" else str(path)
    where = f"{path}/cat/05.png" if form == "folder" else f"{path}: cat/05.png"
    with pytest.raises(UserError, match=f"^{where}: broken image: {words}") as caught:
        load(name, size=4)
    assert "\n" not in str(caught.value)
    assert "stream.skip_broken=true" in str(caught.value)
    images = load(name, size=4, skip_broken=True)
    assert len(images.y_train) + len(images.y_test) == 16
    with pytest.raises(UserError, match=f"^{where}: broken image"):  # though it has been decoded by now
        load(name, size=4)


def test_a_picture_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "MAX_PIXELS", 34)
    with pytest.raises(UserError, match=r"broken image: it has 7 x 5 pixels, more than 34"):
        load(f"{pack(tmp_path / 'own', tree(), 'folder')}/", size=4)


LINK = stat.S_IFLNK | 0o777


def zipped(path, *members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, raw)


def tarred(path, *members):
    with tarfile.open(path, "w") as archive:
        for name, raw, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd" if kind != tarfile.REGTYPE else ""
            info.size = len(raw) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(raw))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../../cat/1.png", png(0), 0)], r"holds '\.\./\.\./cat/1\.png', a name that leads out of it"),
        ([("/etc/cat/1.png", png(0), 0)], "holds '/etc/cat/1.png', a name that leads out of it"),
        ([("cat/../../1.png", png(0), 0)], "a name that leads out of it"),
        ([("cat\\..\\1.png", png(0), 0)], "a name that leads out of it"),
        ([("cat/1.png", b"/etc/passwd", LINK)], "cat/1.png is a link or no plain file"),
        ([("cat/1.png", png(0), 0), ("cat/./1.png", png(1), 0)], "holds cat/1.png twice"),
        ([("1.png", png(0), 0), ("cat/2.png", png(0), 0)], "1.png lies in no folder of a class"),
        ([("cat/1.txt", b"", 0)], "holds no image"),
    ],
)
def test_a_bad_zip_is_refused_in_one_line(tmp_path, members, words):
    zipped(tmp_path / "own.zip", *members)
    with pytest.raises(UserError, match=f"own.zip: .*{words}") as caught:
        load(str(tmp_path / "own.zip"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../cat/1.png", png(0), tarfile.REGTYPE)], "holds '../cat/1.png', a name that leads out of it"),
        ([("/cat/1.png", png(0), tarfile.REGTYPE)], "a name that leads out of it"),
        ([("cat/1.png", b"", tarfile.SYMTYPE)], "cat/1.png is a link or no plain file"),
        ([("cat/1.png", b"", tarfile.LNKTYPE)], "cat/1.png is a link or no plain file"),
        ([("cat/1.png", b"", tarfile.CHRTYPE)], "cat/1.png is a link or no plain file"),
        ([("cat/1.png", b"", tarfile.FIFOTYPE)], "cat/1.png is a link or no plain file"),
    ],
)
def test_a_bad_tar_is_refused_in_one_line(tmp_path, members, words):
    tarred(tmp_path / "own.tar", *members)
    with pytest.raises(UserError, match=f"own.tar: .*{words}") as caught:
        load(str(tmp_path / "own.tar"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_a_truncated_archive_is_one_line(tmp_path, form, share):
    path = pack(tmp_path / "own", tree(), form)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size) // 512 * 512 + 100])
    with pytest.raises(UserError, match=f"^{path}: ") as caught:
        load(str(path))
    assert "\n" not in str(caught.value)


def test_an_archive_whose_bytes_changed_is_refused(tmp_path):
    path = pack(tmp_path / "own", tree(), "tar.gz")
    raw = bytearray(path.read_bytes())
    raw[-6] ^= 1  # in the checksum of gzip
    path.write_bytes(raw)
    with pytest.raises(UserError, match="broken archive"):
        load(str(path))


def test_a_class_that_is_only_tested_is_refused(tmp_path):
    files = {"train/a/1.png": png(0), "test/b/1.png": png(1)}
    with pytest.raises(UserError, match="class b has test images and no training images"):
        load(f"{pack(tmp_path / 'own', files, 'folder')}/")


def test_what_is_not_there_is_named(tmp_path):
    for name in (f"{tmp_path}/none/", f"{tmp_path}/none.zip", f"{tmp_path}/none.tar.gz"):
        with pytest.raises(UserError, match="no such file, or folder of images"):
            load(name)


def decodings(monkeypatch):
    """A list that grows with every file that is decoded."""
    done = []
    monkeypatch.setattr(decode, "picture", lambda *words: done.append(1) or picture(*words))
    return done


def test_it_is_decoded_once_for_each_size_and_content(tmp_path, monkeypatch, cache):
    done = decodings(monkeypatch)
    path = pack(tmp_path / "own", tree(), "folder")
    first = load(f"{path}/", size=4)
    assert len(done) == 17
    np.testing.assert_array_equal(pixels(load(f"{path}/", size=4).x_train), pixels(first.x_train))
    assert len(done) == 17
    load(f"{path}/", size=5)
    assert len(done) == 34
    pack(tmp_path / "copy", tree(), "folder")
    load(f"{tmp_path}/copy/", size=4)  # the same content elsewhere
    assert len(done) == 34
    changed = path / "cat" / "00.png"
    changed.write_bytes(png(999))
    assert load(f"{path}/", size=4).checksums != first.checksums
    assert len(done) == 51
    changed.rename(path / "cat" / "zz.png")
    load(f"{path}/", size=4)
    assert len(done) == 68


@pytest.mark.parametrize("harm", ["truncated", "another shape", "no note", "pickle", "a pixel", "another note"])
def test_what_the_cache_has_and_is_not_whole_is_decoded_again(tmp_path, monkeypatch, cache, harm):
    path = pack(tmp_path / "own", tree(), "folder")
    whole = pixels(load(f"{path}/", size=4).x_train)
    (kept,) = (cache / "decoded").glob("*.npy")
    if harm == "truncated":
        kept.write_bytes(kept.read_bytes()[:-1])
    elif harm == "no note":
        kept.with_suffix(".json").unlink()
    elif harm == "a pixel":
        content = kept.read_bytes()
        kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "another note":
        note = kept.with_suffix(".json")
        note.write_text(note.read_text().replace("{}", '{"cat/00.png": "broken"}'))
    else:
        np.save(kept, np.zeros(3) if harm == "another shape" else np.array([None]), allow_pickle=True)
    done = decodings(monkeypatch)
    np.testing.assert_array_equal(pixels(load(f"{path}/", size=4).x_train), whole)
    assert len(done) == 17


def test_a_digest_that_is_remembered_is_not_taken_from_a_damaged_file(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(trees, "SETTLED", -1.0)
    path = pack(tmp_path / "own", tree(), "folder")
    first = load(f"{path}/", size=4).checksums
    (memory,) = (cache / "decoded").glob("*.digest")
    whole = memory.read_text()
    memory.write_text(("0" if whole[0] != "0" else "1") + whole[1:])
    assert load(f"{path}/", size=4).checksums == first
    assert memory.read_text() == whole


def test_a_decoding_that_fails_leaves_nothing_behind(tmp_path, cache):
    path = pack(tmp_path / "own", tree(**{"cat/09.png": b"broken"}), "folder")
    with pytest.raises(UserError, match="broken image"):
        load(f"{path}/", size=4)
    assert not [file for file in (cache / "decoded").iterdir() if file.suffix not in (".lock", ".digest")]


def test_two_at_a_time_decode_once(tmp_path, monkeypatch, cache):
    done = decodings(monkeypatch)
    path = pack(tmp_path / "own", tree(), "folder")
    found = []
    threads = [threading.Thread(target=lambda: found.append(load(f"{path}/", size=4))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(done)) == (3, 17)


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(tmp_path, monkeypatch, cache):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"cannot write decoded images there \(No space left on device\)"):
        load(f"{pack(tmp_path / 'own', tree(), 'folder')}/")
    assert not [file for file in (cache / "decoded").iterdir() if file.suffix not in (".lock", ".digest")]


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way of a folder")
    with pytest.raises(UserError, match=r"cannot write decoded images there.*XDG_CACHE_HOME"):
        load(f"{pack(tmp_path / 'own', tree(), 'folder')}/")


@pytest.mark.parametrize("size", [0, -1, 5000])
def test_a_size_that_makes_no_sense_is_refused(tmp_path, size):
    path = pack(tmp_path / "own", tree(), "folder")
    if size:
        with pytest.raises(UserError, match=f"cannot be decoded at {size} pixels"):
            load(f"{path}/", size=size)
    else:
        assert load(f"{path}/", size=None).x_train.shape[1:] == (64, 64, 3)


def test_decoding_is_shown_in_plain_lines_in_a_pipe(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("clbench.datasets.decoding_progress.AT_LEAST", 1)
    path = pack(tmp_path / "own", tree(), "folder")
    load(f"{path}/", size=4)
    assert capsys.readouterr().err == f"{path}: decoding 17 images at 4 pixels\n"
    monkeypatch.setattr("clbench.datasets.decoding_progress.QUIET", True)
    load(f"{path}/", size=5)
    assert capsys.readouterr().err == ""


def test_decoding_is_shown_as_a_bar_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("clbench.datasets.decoding_progress.AT_LEAST", 1)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    load(f"{pack(tmp_path / 'own', tree(), 'folder')}/", size=4)
    assert "100%" in capsys.readouterr().err


@same_folder
@given(st.data())
@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_a_damaged_archive_gives_images_or_one_line(tmp_path, form, data):
    path = pack(tmp_path / "own", tree({"a": 4, "b": 4}), form)
    raw = bytearray(path.read_bytes())
    for _ in range(3):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    try:
        load(str(path), size=2)
    except UserError as error:
        if "\n" in str(error):
            pytest.fail(str(error))


CALTECH = {"cup": 4, "Faces": 10, "BACKGROUND_Google": 3}


def write_caltech(root, form):
    files = {f"101_ObjectCategories/{name}": raw for name, raw in tree(CALTECH).items()}
    if form == "folder":
        return pack(root, files, "folder")
    packed = pack(root / "101_ObjectCategories", files, "tar.gz")
    if form == "zip":
        with zipfile.ZipFile(root / "caltech-101.zip", "w") as archive:
            archive.writestr("caltech-101/Annotations.tar", b"not looked at")
            archive.writestr("caltech-101/101_ObjectCategories.tar.gz", packed.read_bytes())
        packed.unlink()
    return None


@pytest.mark.parametrize("form", ["folder", "tar.gz", "zip"])
@pytest.mark.parametrize("place", ["caltech101", ""])
def test_caltech_101_in_every_form(tmp_path, form, place):
    write_caltech(tmp_path / place, form)
    if form != "folder":
        with pytest.raises(UserError, match="not the published file"):
            load("caltech101", tmp_path)
    images = load("caltech101", tmp_path, allow_modified=True, size=4)
    assert images.classes == ("Faces", "cup")
    assert (images.y_train.tolist(), images.y_test.tolist()) == ([0] * 7 + [1] * 3, [0] * 3 + [1])
    assert load("caltech101", tmp_path, allow_modified=True).x_test.shape == (4, 224, 224, 3)
    info = next(one for one in catalogue(tmp_path) if one.name == "caltech101")
    assert (info.status, info.counts) == ("found", (10, 4))
    (found,) = verify("caltech101", tmp_path)
    assert found.ok is (None if form == "folder" else False)


def test_the_known_checksum_is_the_one_torchvision_lists():
    import inspect

    import torchvision.datasets

    from clbench.datasets.caltech101 import PUBLISHED, URL, Caltech101

    source = inspect.getsource(torchvision.datasets.Caltech101)
    assert Caltech101.known[PUBLISHED].removeprefix("md5:") in source
    assert f"{URL}/{PUBLISHED}" in source


def letters(folder, count, broken=()):
    files = {f"{folder}/{label}/{n}.png": png(n, (28, 28), "L") for label in "ABCDEFGHIJ" for n in range(count)}
    return files | {f"{folder}/{name}": b"" for name in broken}


@pytest.mark.parametrize("form", ["folder", "tar.gz"])
def test_notmnist_s_trees_are_read(tmp_path, form):
    for name, count in (("notMNIST_large", 3), ("notMNIST_small", 2)):
        files = letters(name, count)
        pack(tmp_path / "notMNIST" / ("" if form == "folder" else name), files, form)
    images = load("notmnist", tmp_path)
    assert tuple(images.x_train.shape) == (30, 28, 28, 1)
    assert (images.y_train.tolist()[:4], len(images.y_test)) == ([0, 0, 0, 1], 20)
    expected = np.asarray(Image.open(io.BytesIO(png(1, (28, 28), "L"))))
    np.testing.assert_array_equal(pixels(images.x_test)[1, ..., 0], expected)
    assert len(images.checksums) == 2
    assert next(one for one in catalogue(tmp_path) if one.name == "notmnist").counts == (30, 20)


def test_notmnist_s_known_broken_files_are_named_and_left_out_on_request(tmp_path):
    from clbench.datasets.notmnist import KNOWN_BROKEN

    small = [name.partition("/")[2] for name in KNOWN_BROKEN if name.startswith("notMNIST_small")]
    pack(tmp_path, letters("notMNIST_small", 4, small), "folder")
    with pytest.raises(
        UserError,
        match=r"A/RGVt.*: broken image: it is empty; it is one of the 7 that are published so .*B/Tmlr.*skip",
    ):
        load("notmnist", tmp_path)
    images = load("notmnist", tmp_path, skip_broken=True)
    assert (len(images.y_train), len(images.y_test)) == (30, 10)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_stream_is_made_of_a_tree_by_its_path(tmp_path, form):
    path = pack(tmp_path / "own", tree({"a": 10, "b": 10, "c": 10, "d": 10}, **{"a/09.png": b""}), form)
    name = f"split:{path}/" if form == "folder" else f"split:{path}"
    words = ["--method", "finetuning", "--stream", name, "--set", "train.epochs=1", "--set", "network.hidden=4"]
    refused = clbench("train", *words, "--out", tmp_path / "runs")
    assert refused.code == 2
    assert "broken image: it is empty" in refused.line
    words += ["--set", "stream.skip_broken=true", "--set", "stream.size=6", "--quiet"]
    ran = clbench("train", *words, "--out", tmp_path / "runs")
    assert (ran.code, ran.err) == (0, "")
    (result,) = (tmp_path / "runs").rglob("*.json")
    found = json.loads(result.read_text())
    assert found["tasks"] == ["a/b", "c/d"]
    assert (
        "left out as broken: a/09.png" in clbench("train", *words[:-1], "--force", "--out", tmp_path / "runs").err
    )
    assert list(found["data"]) == [f"{path.name}/" if form == "folder" else path.name]
    assert (found["config"]["stream"]["size"], found["config"]["stream"]["skip_broken"]) == (6, True)


def test_a_folder_without_its_slash_is_no_path(tmp_path, monkeypatch):
    pack(tmp_path / "own", tree(), "folder")
    monkeypatch.chdir(tmp_path)
    assert "FOLDER/ (with the slash)" in clbench("train", "--stream", "split:own").line
