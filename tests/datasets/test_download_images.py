"""Fetching the sets of colour images from a server on this machine: by md5, whole or not at all."""

import gc
import hashlib
import io
import socket
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import scipy.io
from PIL import Image

from clbench.datasets import caltech101, cifar, fetch, load, stl10
from clbench.datasets.caltech101 import Caltech101
from clbench.datasets.cifar10 import CIFAR10
from clbench.datasets.stl10 import STL10
from clbench.datasets.svhn import SVHN
from clbench.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # torchvision leaves refused answers open
SETS = {"svhn": SVHN, "cifar10": CIFAR10, "stl10": STL10, "caltech101": Caltech101}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def tar(files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, raw in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return file.getvalue()


def archives():
    """File name -> bytes, a tiny one of each that is downloaded."""
    files = {}
    for part in SVHN.parts:
        file = io.BytesIO()
        scipy.io.savemat(file, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[10], [1]])})
        files[part] = file.getvalue()
    batches = {f"data_batch_{n}.bin": bytes(3073) for n in range(1, 6)} | {"test_batch.bin": bytes(3073)}
    files["cifar-10-python.tar.gz"] = tar(batches)
    letters = {"train_X.bin": bytes(27648), "train_y.bin": b"\1", "test_X.bin": bytes(27648), "test_y.bin": b"\2"}
    files["stl10_binary.tar.gz"] = tar({f"stl10_binary/{name}": raw for name, raw in letters.items()})
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "JPEG")
    objects = tar({f"101_ObjectCategories/cup/{n}.jpg": picture.getvalue() for n in range(4)})
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("caltech-101/101_ObjectCategories.tar.gz", objects)
    return files | {"caltech-101.zip": outer.getvalue()}


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    md5s = {}
    for name, raw in archives().items():
        (folder / name).write_bytes(raw)
        md5s[name] = f"md5:{hashlib.md5(raw).hexdigest()}"
    for one in SETS.values():
        monkeypatch.setattr(one, "known", {name: md5s[name] for name in one.known if name in md5s})
    with tarfile.open(folder / "stl10_binary.tar.gz") as archive:
        members = {name: archive.extractfile(f"stl10_binary/{name}").read() for name in stl10.FILES}
    monkeypatch.setattr(
        STL10, "known", STL10.known | {n: f"md5:{hashlib.md5(r).hexdigest()}" for n, r in members.items()}
    )
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        point_to(monkeypatch, f"http://127.0.0.1:{server.server_address[1]}")
        yield folder
        server.shutdown()
        thread.join()
    gc.collect()


def point_to(monkeypatch, url):
    monkeypatch.setattr(SVHN, "source", url)
    for module in (cifar, stl10, caltech101):
        monkeypatch.setattr(module, "URL", url)


@pytest.mark.parametrize(
    ("name", "kept", "count"),
    [
        ("svhn", ["svhn/test_32x32.mat", "svhn/train_32x32.mat"], 2),
        ("cifar10", ["cifar10/cifar-10-python.tar.gz"], 5),
        ("stl10", sorted(f"stl10/stl10_binary/{file}" for file in stl10.FILES), 1),
        ("caltech101", ["caltech101/caltech-101.zip"], 3),
    ],
)
def test_load_fetches_what_is_absent_into_the_given_root(tmp_path, site, name, kept, count):
    root = tmp_path / "root"
    assert len(load(name, root, size=4).y_train) == count
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()) == kept
    assert fetch(name, root) == (root / kept[0]).parent


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("fault", ["absent", "replaced"])
def test_a_download_that_fails_leaves_nothing_behind(tmp_path, site, name, fault):
    last = site / ("stl10_binary.tar.gz" if name == "stl10" else SETS[name].parts[-1])
    last.unlink() if fault == "absent" else last.write_bytes(b"something else")
    with pytest.raises(
        UserError, match=rf"{name} is not here.* could not be downloaded .*--stream split-digits"
    ) as caught:
        load(name, tmp_path / "root")
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "root").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", SETS)
def test_without_a_network_load_ends_in_one_line(tmp_path, site, monkeypatch, name):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    point_to(monkeypatch, f"http://127.0.0.1:{port}")
    with pytest.raises(UserError, match="Connection refused") as caught:
        load(name, tmp_path / "root")
    assert "\n" not in str(caught.value)


def test_fetch_gets_the_published_files_though_a_stand_in_is_there(tmp_path, site):
    root = tmp_path / "root"
    root.mkdir()
    x, y = np.zeros((2, 3, 3), np.uint8), np.array([0, 1])
    np.savez(root / "svhn.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert list(load("svhn", root).checksums) == ["svhn.npz (not the published file)"]
    assert not (root / "svhn").exists()
    assert fetch("svhn", root) == root / "svhn"
    assert load("svhn", root).x_train.shape == (2, 32, 32, 3)
