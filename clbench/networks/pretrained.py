"""What a network starts from: weights from a file or from torchvision, put where their names fit."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from safetensors.torch import load as from_safetensors
from torch import Tensor, nn

from clbench.config.options import Absent, options_of
from clbench.datasets.download import without_trace
from clbench.datasets.find import read_bytes
from clbench.errors import NotHere, UserError
from clbench.registry import networks

IMAGENET = "imagenet"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, 0..1, red green blue
HEADS = ("fc", "_fc", "classifier", "head", "heads", "linear")  # what published networks call their last layer
WRAPPINGS = ("state_dict", "model", "model_state_dict")  # what training programs put their weights below
SHOWN = 5  # names of a kind in a message


@dataclass(frozen=True)
class Start:
    """Options of every network: what it starts from.

    pixels=imagenet takes the mean of ImageNet's pixels from each channel and divides by their deviation, as
    published weights expect; torchvision's are always shown pixels so. The stream has to give them from 0 to 1.
    """

    pretrained: Annotated[
        str | None,
        "weights to start from: imagenet (torchvision's), or a file (safetensors or torch)",
        Absent(None),
    ] = None
    pixels: Annotated[
        Literal["stream", "imagenet"],
        "as the stream gives them, or then normalised as ImageNet's are",
        Absent("stream"),
    ] = "stream"


@dataclass(frozen=True)
class Weights:
    """tensors: by name. file: what they were read from, and its sha256."""

    tensors: Mapping[str, Tensor]
    file: Path
    sha256: str


def start_of(network: str, options: Mapping[str, Any]) -> tuple[Start, dict[str, Any]]:
    """The options in two parts: `Start`, and the network's own, which win where both have a name.

    Those of its kind of model are in neither.
    """
    own = options_of(networks[network])
    started = {n: v for n, v in options.items() if n in options_of(Start) and n not in own}
    return Start(**started), {n: v for n, v in options.items() if n in own}


def refuse_pixels(network: str, options: Mapping[str, Any], normalize: str) -> None:
    """UserError where pixels would be normalised twice. normalize: as the stream does it."""
    start, _ = start_of(network, options)
    if as_imagenet(start) and normalize != "unit":
        raise UserError(
            f"weights of ImageNet are shown pixels of 0 to 1, less ImageNet's mean: stream.normalize={normalize} "
            "would do it twice; --set stream.normalize=unit"
        )


def own_file(network: str, options: Mapping[str, Any]) -> bool:
    """Whether the weights are a file of the user's, which may change."""
    return start_of(network, options)[0].pretrained not in (None, IMAGENET)


def as_imagenet(start: Start) -> bool:
    return IMAGENET in (start.pixels, start.pretrained)


def build(
    network: str, input_shape: tuple[int, ...], options: Mapping[str, Any], weights: Weights | None
) -> nn.Module:
    """One seed's network with its options, on its weights."""
    start, own = start_of(network, options)
    built = networks[network](input_shape, **own)
    if weights is not None:
        put(weights, built, network)
    if as_imagenet(start):
        if len(input_shape) != 3 or input_shape[0] != len(MEAN):
            raise UserError(
                f"ImageNet's pixels have 3 channels, and this stream shows {list(input_shape)} numbers"
            )
        built.register_forward_pre_hook(normalised)
    return built


def normalised(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """x [B, 3, H, W] in 0..1 -> mean 0 and deviation 1 over ImageNet."""
    x, *others = inputs
    mean, deviation = (torch.tensor(each, device=x.device).view(-1, 1, 1) for each in (MEAN, DEVIATION))
    return ((x - mean) / deviation, *others)


# -- reading ------------------------------------------------------------------------------------------------------


def weights_of(network: str, options: Mapping[str, Any], download: bool = True) -> Weights | None:
    """What the network is to start from; None where it starts at random."""
    start, _ = start_of(network, options)
    if start.pretrained is None:
        return None
    file = published(network, download) if start.pretrained == IMAGENET else Path(start.pretrained)
    content = read_bytes(file)
    sha256 = hashlib.sha256(content).hexdigest()
    if start.pretrained == IMAGENET and sha256[:8] != file.stem.rpartition("-")[2]:
        raise UserError(f"{file}: its sha256 is not that in its name; delete it, and it is fetched again")
    return Weights(tensors_in(content, file), file, sha256)


def published(network: str, download: bool) -> Path:
    """The file of torchvision's ImageNet weights for this network, fetched unless it lies in torch's cache."""
    import torchvision

    named = getattr(networks[network], "imagenet", None)
    if named is None:
        there = ", ".join(name for name in networks if hasattr(networks[name], "imagenet"))
        raise UserError(
            f"network {network} has no ImageNet weights of torchvision's ({there} has); "
            "--pretrained FILE reads your own"
        )
    url = torchvision.models.get_weight(named).url
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if file.exists():
        return file
    if not download:
        raise NotHere(f"{file}: the ImageNet weights of {network} are not here yet ({url})")
    try:
        with without_trace([file.parent]):
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), file.stem.rpartition("-")[2], progress=False)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{url} could not be fetched ({reason}); put it at {file}, or --pretrained FILE") from None
    return file


def tensors_in(content: bytes, file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors or a torch file by name; nothing in it is executed."""
    try:
        if file.suffix == ".safetensors":
            return from_safetensors(content)
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle, struct and safetensors raise a dozen types for a broken file
        more = "it holds more than tensors, or is broken" if "weights_only" in str(error) else type(error).__name__
        raise UserError(f"{file}: not a readable file of weights ({more}); safetensors or torch.save") from None
    for name in WRAPPINGS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not found or not all(isinstance(n, str) for n in found):
        raise UserError(
            f"{file}: no table of tensors by their names, as torch.save(network.state_dict(), ..) writes"
        )
    tensors = {name: t for name, t in found.items() if isinstance(t, Tensor)}
    parallel = all(name.startswith("module.") for name in tensors)  # saved from DataParallel
    return {name.removeprefix("module.") if parallel else name: t for name, t in tensors.items()}


# -- fitting ------------------------------------------------------------------------------------------------------


def put(weights: Weights, network: nn.Module, name: str) -> None:
    """Copy them into the network; UserError that lists what does not fit.

    Left out are heads, which every task has of its own, counts of batches, and layers that the network calls
    `fresh`, which published weights do not have, where the file has nothing of them.
    """
    mine, found = network.state_dict(), dict(weights.tensors)
    unexpected = [n for n in found if n not in mine and not below(n, HEADS)]
    fresh = [layer for layer in getattr(network, "fresh", ()) if not any(below(n, (layer,)) for n in found)]
    missing = [n for n in mine if n not in found and not below(n, fresh) and not n.endswith("num_batches_tracked")]
    other = [
        f"{n} {list(found[n].shape)} (the network's: {list(t.shape)})"
        for n, t in mine.items()
        if n in found and found[n].shape != t.shape
    ]
    problems = {"missing": missing, "unexpected": unexpected, "of another shape": other}
    if any(problems.values()):
        words = "; ".join(f"{what}: {few(names)}" for what, names in problems.items() if names)
        raise UserError(f"{weights.file} does not fit network {name}: {words}")
    with torch.no_grad():
        for n, t in mine.items():
            if n in found:
                t.copy_(found[n])


def below(name: str, layers: Iterable[str]) -> bool:
    """Whether a tensor is of one of these layers."""
    return name.startswith(tuple(f"{layer}." for layer in layers))


def few(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
