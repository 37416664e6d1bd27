"""--pretrained: weights from files and from torchvision, what does not fit, and what a result keeps of it."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from pathlib import Path
from urllib.error import URLError

import pytest
import tiny
import torch
from command_line import clbench
from safetensors.torch import save_file
from torch import Tensor, nn

from clbench.errors import UserError
from clbench.networks import pretrained
from clbench.networks.pretrained import MEAN, weights_of
from clbench.registry import networks

WIDTH = ("network.width=0.0625",)
PLAIN = [s for s in tiny.TINY if not s.startswith("network.")]
RESNET18 = "resnet18-f37072fd.pth"


def state(seed: int = 7, network: str = "vgg9", **options: object) -> dict[str, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        options = {"width": 0.0625} if network == "vgg9" else options
        return {n: t + 0.25 for n, t in networks[network]((1, 8, 8), **options).state_dict().items()}


def settings(file: Path | str, *more: str, method: str = "finetuning", network: str = "vgg9"):
    own = WIDTH if network == "vgg9" else ()
    sets = (*PLAIN, *own, f"network.pretrained={file}", *more)
    return tiny.resolve(method, "split-digits", seeds=(0, 3), sets=sets, network=network)


def save_safetensors(tensors: dict[str, Tensor], file: Path) -> Path:
    save_file(tensors, file.with_suffix(".safetensors"))
    return file.with_suffix(".safetensors")


def save_torch(tensors: dict[str, Tensor], file: Path) -> Path:
    torch.save(tensors, file.with_suffix(".pth"))
    return file.with_suffix(".pth")


def save_wrapped(tensors: dict[str, Tensor], file: Path) -> Path:
    """As training programs save it from DataParallel, with a last layer of its own."""
    found = {f"module.{n}": t for n, t in tensors.items()} | {"module.fc.weight": torch.zeros(9, 9)}
    torch.save({"epoch": 3, "state_dict": found}, file.with_suffix(".tar"))
    return file.with_suffix(".tar")


def save_half(tensors: dict[str, Tensor], file: Path) -> Path:
    halves = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items() if "num_batches" not in n}
    return save_torch(halves, file)


@pytest.mark.parametrize("save", [save_safetensors, save_torch, save_wrapped, save_half])
def test_every_seed_starts_from_the_file_with_a_head_of_its_own(save, tmp_path: Path) -> None:
    tensors = state()
    model = tiny.started(settings(save(tensors, tmp_path / "weights"))).model
    for name, t in {**model.params, **model.buffers}.items():
        if name.startswith("network.") and "num_batches" not in name:
            for place in (0, 1):
                expected = tensors[name.removeprefix("network.")]
                assert torch.allclose(t[place], expected.half().float() if save is save_half else expected)
    assert not model.params["head.weight"][0].equal(model.params["head.weight"][1])


def test_what_does_not_fit_is_listed_in_one_line(tmp_path: Path) -> None:
    tensors = state()
    del tensors["blocks.0.1.bias"]
    tensors["blocks.0.0.weight"] = torch.zeros(4, 3, 3, 3)
    tensors |= {f"more.{n}": torch.zeros(1) for n in range(7)}
    file = save_torch(tensors, tmp_path / "weights")
    with pytest.raises(UserError) as caught:
        tiny.started(settings(file))
    assert str(caught.value) == (
        f"{file} does not fit network vgg9: missing: blocks.0.1.bias; unexpected: more.0, more.1, more.2, more.3, "
        "more.4 and 2 more; of another shape: blocks.0.0.weight [4, 3, 3, 3] (the network's: [4, 1, 3, 3])"
    )


def test_a_layer_that_published_weights_lack_starts_at_random_and_one_that_is_there_is_taken() -> None:
    network = networks["resnet18"]((3, 32, 32), hidden=20)
    before = {n: t.clone() for n, t in network.state_dict().items()}
    without = {n: t + 1 for n, t in before.items() if not n.startswith("hidden.")}
    pretrained.put(pretrained.Weights(without, Path("a"), ""), network, "resnet18")
    assert network.hidden.weight.equal(before["hidden.weight"])
    assert network.conv1.weight.equal(before["conv1.weight"] + 1)
    everything = {n: t + 2 for n, t in before.items()}
    pretrained.put(pretrained.Weights(everything, Path("a"), ""), network, "resnet18")
    assert network.hidden.weight.equal(before["hidden.weight"] + 2)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pkl"])
@pytest.mark.parametrize("content", ["trap", "whole module", "rubbish", "empty", "list"])
def test_what_is_no_table_of_tensors_is_refused_and_not_executed(
    suffix: str, content: str, tmp_path: Path
) -> None:
    file, sprung = tmp_path / f"weights{suffix}", tmp_path / "sprung"
    if content == "trap":
        file.write_bytes(pickle.dumps({"a": Trap(sprung)}))
    elif content == "whole module":
        torch.save(nn.Linear(2, 2), file)
    elif content == "list":
        torch.save([torch.zeros(2)], file)
    else:
        file.write_bytes(b"" if content == "empty" else b"rubbish" * 50)
    with pytest.raises(UserError) as caught:
        weights_of("vgg9", {"pretrained": str(file)})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{file}: ")
    assert not sprung.exists()


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.pth: no such file"):
        tiny.started(settings(tmp_path / "none.pth"))


# -- torchvision's ------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's cache, empty, and no network."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def refused(url: str, *_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    return tmp_path / "hub" / "checkpoints"


def test_without_a_network_imagenet_is_one_line_that_says_where_to_put_the_file(hub: Path) -> None:
    with pytest.raises(UserError) as caught:
        weights_of("resnet18", {"pretrained": "imagenet"})
    assert str(caught.value) == (
        f"https://download.pytorch.org/models/{RESNET18} could not be fetched (<urlopen error no route>); "
        f"put it at {hub / RESNET18}, or --pretrained FILE"
    )
    assert not hub.parent.exists()


def test_a_cached_file_that_is_not_torchvision_s_is_refused(hub: Path) -> None:
    hub.mkdir(parents=True)
    torch.save({}, hub / RESNET18)
    with pytest.raises(UserError, match="its sha256 is not that in its name; delete it"):
        weights_of("resnet18", {"pretrained": "imagenet"})


def test_what_is_fetched_is_checked_and_read(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save_torch(state(network="resnet18", hidden=None), tmp_path / "there")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    asked = []

    def fetched(url: str, path: str, prefix: str, progress: bool) -> None:
        asked.append(prefix)
        Path(path).write_bytes(source.read_bytes())

    class Published:
        url = f"https://example.org/resnet18-{digest[:8]}.pth"

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetched)
    monkeypatch.setattr("torchvision.models.get_weight", lambda name: Published)
    for _ in range(2):
        found = weights_of("resnet18", {"pretrained": "imagenet"})
        assert found is not None
        assert found.sha256 == digest
    assert asked == [digest[:8]]


@pytest.mark.parametrize("network", ["vgg9", "mlp"])
def test_networks_of_which_torchvision_has_no_weights_take_a_file_alone(network: str) -> None:
    with pytest.raises(UserError, match=rf"network {network} has no ImageNet weights .* --pretrained FILE"):
        weights_of(network, {"pretrained": "imagenet"})


# -- pixels -------------------------------------------------------------------------------------------------------


def test_pixels_are_shown_as_imagenet_s_where_asked_for() -> None:
    plain = pretrained.build("vgg9", (3, 8, 8), {"width": 0.0625}, None).train(False)
    shown = pretrained.build("vgg9", (3, 8, 8), {"width": 0.0625, "pixels": "imagenet"}, None).train(False)
    shown.load_state_dict(plain.state_dict())
    x = torch.tensor(MEAN).view(3, 1, 1).expand(2, 3, 8, 8)
    assert shown(x, [None] * 9).equal(plain(torch.zeros(2, 3, 8, 8), [None] * 9))
    assert shown(x + 0.1, [None] * 9).equal(plain(pretrained.normalised(plain, (x + 0.1,))[0], [None] * 9))


def test_pixels_that_have_no_colours_or_are_normalised_already_are_refused(tmp_path: Path) -> None:
    file = save_torch(state(), tmp_path / "weights")
    with pytest.raises(UserError, match="ImageNet's pixels have 3 channels"):
        tiny.started(settings(file, "network.pixels=imagenet"))
    with pytest.raises(UserError, match=r"would do it twice; --set stream\.normalize=unit"):
        tiny.started(settings(file, "network.pixels=imagenet", "stream.normalize=standard"))


# -- commands -----------------------------------------------------------------------------------------------------


def words(file: Path | str, out: Path) -> list[str]:
    sets = ("stream.limit=20", "stream.tasks=2", "train.epochs=1", *WIDTH)
    flat = [word for option in sets for word in ("--set", option)]
    named = ["--method", "finetuning", "--stream", "split-digits", "--network", "vgg9"]
    return ["train", *named, *flat, "--pretrained", str(file), "--out", str(out), "--quiet"]


def test_a_result_keeps_the_sha256_and_another_file_in_its_place_is_refused(tmp_path: Path) -> None:
    file, out = save_torch(state(), tmp_path / "weights"), tmp_path / "runs"
    assert clbench(*words(file, out)).code == 0
    [path] = out.rglob("finetuning-*.json")
    result = json.loads(path.read_text())
    assert result["data"]["weights.pth"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert result["config"]["network"]["pretrained"] == str(file)
    assert result["origins"]["network.pretrained"] == "--pretrained"
    assert clbench(*words(file, out)).code == 0
    assert clbench("evaluate", path).code == 0
    save_torch(state(8), tmp_path / "weights")
    assert re.search(r"begun on other data \(.*weights\.pth.*have changed\)", clbench(*words(file, out)).line)
    assert "sha256 differs" in clbench("evaluate", path).line


def test_options_that_say_nothing_are_no_part_of_a_configuration() -> None:
    chosen = tiny.resolve("finetuning", "split-digits", seeds=(0,), sets=(*PLAIN, *WIDTH), network="vgg9")
    assert chosen.as_dict()["network"] == {"name": "vgg9", "width": 0.0625}


def test_a_dry_run_fetches_no_weights(hub: Path, tmp_path: Path) -> None:
    ran = clbench(
        *("train", "--method", "finetuning", "--stream", "split-digits", "--network", "resnet18"),
        *("--pretrained", "imagenet", "--dry-run", "--out", tmp_path / "runs"),
    )
    assert ran.code == 0
    assert "work: not known" in ran.out
    assert "are not here yet" in ran.out
