"""Inception's features are pytorch-fid's: random weights in its format, so that nothing is downloaded."""

import urllib.error
import warnings

import numpy as np
import pytest
import torch
import torchvision
from embedded_digits import digits
from PIL import Image
from pytorch_fid import fid_score, inception

from clbench.errors import UserError
from clbench.models.features.inception import SHA256, loaded
from clbench.scores import FID
from clbench.scores.fid.distance import frechet, statistics_of

FILE = inception.FID_WEIGHTS_URL.rpartition("/")[2]
COUNT, DIMENSION = 70, 64  # more images than features: pytorch-fid's root of a singular matrix is a complex one


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory):
    """A cache of torch's in which pytorch-fid finds weights."""
    home = tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torchvision.models.Inception3, "load_state_dict", lambda *_: None)
        torch.save(inception.fid_inception_v3().state_dict(), home / "hub" / "checkpoints" / FILE)
    return home


@pytest.fixture(scope="module")
def weights(torch_home):
    return torch_home / "hub" / "checkpoints" / FILE


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Digits, and lighter digits of other colours, as PNGs of 24x20 pixels."""
    top = tmp_path_factory.mktemp("images")
    images, _ = digits(0, 2 * COUNT)
    for n, image in enumerate(images[:, 0].numpy()):
        part = top / ("a" if n < COUNT else "b")
        part.mkdir(exist_ok=True)
        grey = np.kron(image, np.ones((3, 3), np.uint8))[:, :20]
        tinted = grey if n < COUNT else np.stack([grey // 2 + 90, grey, 255 - grey // 3], 2)
        Image.fromarray(np.ascontiguousarray(tinted.astype(np.uint8))).save(part / f"{n:04d}.png")
    return top / "a", top / "b"


def pixels(folder) -> torch.Tensor:
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]
    return torch.from_numpy(np.stack(arrays)).movedim(-1, 1)


def theirs(torch_home, monkeypatch, folders) -> float:
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of scipy
        return float(fid_score.calculate_fid_given_paths(list(map(str, folders)), 50, "cpu", DIMENSION, 0))


@pytest.mark.long
def test_two_folders_are_as_far_apart_as_pytorch_fid_says(torch_home, weights, folders, monkeypatch):
    features = loaded(weights, "cpu", DIMENSION)
    a, b = (statistics_of(features(pixels(folder))) for folder in folders)

    expected = theirs(torch_home, monkeypatch, folders)
    assert frechet(a, b).value == pytest.approx(expected, rel=1e-3)
    assert expected > 1e-3


def test_features_of_the_last_pooling_are_pytorch_fids(weights, folders, torch_home, monkeypatch):
    features = loaded(weights, "cpu")
    images = pixels(folders[0])[:3]
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    files = sorted(folders[0].glob("*.png"))[:3]
    expected = fid_score.get_activations(files, network, 3, 2048, "cpu", 0)
    found = features(images)

    assert (features.dimension, found.dtype, tuple(found.shape)) == (2048, torch.float32, (3, 2048))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert expected.std() > 0
    torch.testing.assert_close(features(images[:, :1]), found)  # grey is shown three times
    assert (features.name, features.score, features.accuracy) == ("inception", FID, None)
    assert not features.published
    with pytest.raises(UserError, match="one channel or three, not 2"):
        features(images[:, :2])


def test_building_it_moves_no_generator_and_leaves_pytorch_fid_as_it_was(weights):
    before, loader = torch.random.get_rng_state(), inception.load_state_dict_from_url
    loaded(weights, "cpu", DIMENSION)

    assert torch.random.get_rng_state().equal(before)
    assert inception.load_state_dict_from_url is loader


def test_without_a_network_one_line_says_what_to_do(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError) as error:
        loaded(None, "cpu")
    assert "no route to host" in str(error.value)
    assert "--fid-weights FILE" in str(error.value)
    assert "--features lenet" in str(error.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="nothing is to be fetched"):
        loaded(None, "cpu", download=False)


def test_the_own_download_is_held_to_its_sha256(torch_home, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    with pytest.raises(UserError, match="not pytorch-fid's weights"):
        loaded(None, "cpu")

    asked = {}
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def fetched(url, file, sha256, progress):
        asked.update(url=url, sha256=sha256)
        raise RuntimeError('invalid hash value (expected "6726", got "1234")')

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetched)
    with pytest.raises(UserError, match="invalid hash value"):
        loaded(None, "cpu")
    assert asked == {"url": inception.FID_WEIGHTS_URL, "sha256": SHA256}
    assert SHA256.startswith(FILE.removesuffix(".pth").rpartition("-")[2])


def test_files_that_are_no_weights_of_it(tmp_path):
    (tmp_path / "words.pth").write_text("not weights")
    torch.save({"conv.weight": torch.ones(3)}, tmp_path / "other.pth")
    torch.save({"f": print}, tmp_path / "code.pth")

    for name, words in {
        "words.pth": "not a readable file",
        "other.pth": "not weights of pytorch-fid's Inception",
        "code.pth": "more than tensors",
        "none.pth": "no such file",
    }.items():
        with pytest.raises(UserError, match=words):
            loaded(tmp_path / name, "cpu")
