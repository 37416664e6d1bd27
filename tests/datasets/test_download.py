"""Fetching, against a server on this machine: complete or not at all, and never a traceback."""

import gc
import hashlib
import socket
import subprocess
import sys
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torchvision.datasets

from clbench.datasets import fetch, load, torchvision_files
from clbench.datasets.mnist import MNIST
from clbench.errors import UserError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, write_set, monkeypatch):
    """A folder served as MNIST's only mirror, its four tiny files the published ones."""
    write_set(tmp_path / "site", "MNIST")
    folder = tmp_path / "site" / "MNIST" / "raw"
    files = sorted(folder.iterdir(), reverse=True)
    known = {file.name: f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files}
    resources = [(file.name, hashlib.md5(file.read_bytes()).hexdigest()) for file in files]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [url])
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
        monkeypatch.setattr(MNIST, "known", known)
        for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(proxy, raising=False)
        yield folder
        server.shutdown()
        thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # torchvision leaves the answer to a refused request open
        gc.collect()


def contents(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file()) if root.exists() else []


GZ_FILES = sorted(f"{part}-ubyte.gz" for part in ("t10k-images-idx3", "t10k-labels-idx1"))
GZ_FILES += sorted(f"{part}-ubyte.gz" for part in ("train-images-idx3", "train-labels-idx1"))


def test_load_fetches_what_is_absent_into_the_given_root(tmp_path, site):
    root = tmp_path / "new" / "root"
    images = load("mnist", root)
    assert len(images.x_train) == 10
    assert contents(root) == GZ_FILES
    assert fetch("mnist", root) == root / "MNIST" / "raw"


def test_without_a_root_downloads_go_to_the_variable_s_folder_or_to_the_cache(tmp_path, site, monkeypatch, cache):
    (tmp_path / "a file").write_text("in the way of a folder")
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "a file"))
    assert fetch("mnist") == cache / "MNIST" / "raw"
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    for file in (cache / "MNIST" / "raw").iterdir():
        file.unlink()
    assert fetch("mnist") == tmp_path / "data" / "MNIST" / "raw"


def test_a_root_that_cannot_be_written_is_a_user_error(tmp_path, site):
    (tmp_path / "a file").write_text("in the way of a folder")
    with pytest.raises(UserError, match=r"cannot write to .*a file; .*--data-root"):
        fetch("mnist", tmp_path / "a file")


@pytest.mark.parametrize("fault", ["absent", "truncated", "replaced"])
def test_a_download_that_fails_leaves_nothing_behind(tmp_path, site, fault):
    last = site / "t10k-images-idx3-ubyte.gz"
    content = last.read_bytes()
    last.unlink()
    if fault != "absent":
        last.write_bytes(content[:-5] if fault == "truncated" else content + b"x")
    with pytest.raises(UserError, match=r"could not be downloaded .*--stream split-digits") as caught:
        load("mnist", tmp_path / "root")
    assert "\n" not in str(caught.value)
    assert contents(tmp_path / "root") == []


class Cutting(Quiet):
    """Sends half of what it announced of the last file, and nothing more."""

    def copyfile(self, source, outputfile):
        content = source.read()
        half = "t10k-labels" in self.path
        outputfile.write(content[: len(content) // 2] if half else content)


def test_a_download_that_is_cut_is_begun_anew(tmp_path, site, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Cutting, directory=str(site))) as cutting:
        thread = threading.Thread(target=cutting.serve_forever, args=(0.01,))
        thread.start()
        with monkeypatch.context() as patch:
            mirror = f"http://127.0.0.1:{cutting.server_address[1]}/"
            patch.setattr(torchvision.datasets.MNIST, "mirrors", [mirror])
            with pytest.raises(UserError, match="could not be downloaded") as caught:
                load("mnist", tmp_path / "root")
        cutting.shutdown()
        thread.join()
    assert "\n" not in str(caught.value)
    assert contents(tmp_path / "root") == []
    assert len(load("mnist", tmp_path / "root").x_test) == 5
    assert contents(tmp_path / "root") == GZ_FILES


KILLED = """
import os, signal, sys
from pathlib import Path
from clbench.datasets.torchvision_files import temporary_folder
with temporary_folder(Path(sys.argv[1])) as folder:
    (Path(folder) / "half").write_bytes(b"half of a file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_download_left_is_removed_and_what_another_holds_is_not(tmp_path, site):
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(root)])
    assert "half" in contents(root)
    with torchvision_files.temporary_folder(root) as going:
        fetch("mnist", root)
        assert Path(going).is_dir()
    assert contents(root) == GZ_FILES
    assert [path.name for path in root.iterdir()] == ["MNIST"]


def test_without_a_network_load_ends_in_one_line(tmp_path, site, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{port}/"])
    with pytest.raises(UserError, match="Connection refused") as caught:
        load("mnist", tmp_path / "root")
    assert "\n" not in str(caught.value)


def test_a_silent_server_is_given_up(tmp_path, site, monkeypatch):
    monkeypatch.setattr(torchvision_files, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [url])
        with pytest.raises(UserError, match="timed out"):
            load("mnist", tmp_path / "root")
    assert socket.getdefaulttimeout() is None


def test_a_user_s_own_file_is_never_overwritten(tmp_path, site, write_set):
    own = tmp_path / "root" / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    with pytest.raises(UserError, match="not the published file"):
        fetch("mnist", tmp_path / "root")
    assert own.read_bytes() == b"mine"


def test_an_incomplete_copy_is_completed(tmp_path, site):
    root = tmp_path / "root"
    fetch("mnist", root)
    (root / "MNIST" / "raw" / GZ_FILES[0]).unlink()
    assert len(load("mnist", root).x_test) == 5
    assert contents(root) == GZ_FILES


def test_a_fetch_that_fails_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr("clbench.datasets.cifar.URL", "http://127.0.0.1:9")
    (tmp_path / "kept").mkdir()
    for name in ("mnist", "cifar10"):
        for root in (tmp_path / "new" / "root", tmp_path / "kept"):
            with pytest.raises(UserError, match="could not be downloaded"):
                fetch(name, root)
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]
