"""Features where Inception's weights cannot be had: a small LeNet, trained on the data's own labels.

A distance through them is FID-lenet and compares with no published FID, nor with one through another LeNet:
their sha256 has to be the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.datasets.decoding_progress import Decoding, say
from clbench.errors import UserError
from clbench.models.features.base import Advance, in_chunks
from clbench.models.features.cache_files import alone, digest_of, keep, same_bits
from clbench.networks.lenet import LeNet
from clbench.scores import FID_LENET, Score
from clbench.streams.budget import Budget
from clbench.streams.draws import generator

SMALL = 64 * 64  # pixels; a step of larger images takes as long as several
AT_ONCE = 500  # images a forward pass, at most
HELD_OUT = 10  # every tenth image tests, where no test images are given


@dataclass(frozen=True)
class Recipe:
    """How it is trained: Adam, one cycle of the rate (Smith and Topin 2018), always on one thread of the CPU."""

    maps: tuple[int, int] = (16, 32)
    hidden: tuple[int, int] = (120, 84)  # of LeNet-5
    iterations: int = 500
    batch_size: int = 64
    rate: float = 5e-3  # at its highest
    seed: int = 0
    version: int = 1  # another one, and all are trained anew


GREY, COLOUR, LARGE = Recipe(), Recipe(iterations=1500), Recipe(iterations=300)


class Network(nn.Module):
    """uint8 [N, C, H, W] -> features [N, D]; head(features) -> logits [N, classes]."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: tuple[int, ...], classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.body = LeNet(shape, recipe.maps, recipe.hidden)
        self.head = nn.Linear(self.body.features, classes)
        self.register_buffer("mean", torch.zeros(()))  # of the training images' numbers
        self.register_buffer("deviation", torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.body((images.float() - self.mean) / self.deviation, [None] * len(self.body.widths))


@dataclass(frozen=True)
class LeNetFeatures:
    """What the head of a trained LeNet is given."""

    network: Network
    shape: tuple[int, ...]  # of an image: C, H, W
    classes: int
    accuracy: float
    sha256: str
    device: torch.device
    name: str = field(default="lenet", init=False)
    score: Score = field(default=FID_LENET, init=False)

    @property
    def dimension(self) -> int:
        return self.network.body.features

    def __call__(self, images: Tensor, advance: Advance | None = None) -> Tensor:
        """images uint8 [N, C, H, W] -> float32 [N, dimension]."""
        return self.seen(self.network, images, advance)

    def say(self, images: Tensor, advance: Advance | None = None) -> Tensor:
        """The class that each image is read as, int64 [N]."""
        return self.seen(lambda x: self.network.head(self.network(x)).argmax(1), images, advance)

    def seen(self, network: Any, images: Tensor, advance: Advance | None) -> Tensor:
        if tuple(images.shape[1:]) != self.shape:
            mine, theirs = ("x".join(map(str, shape)) for shape in (self.shape, images.shape[1:]))
            raise UserError(f"the LeNet was trained on images of {mine}, and these are {theirs} (channels first)")
        at_once = Budget().images_at_once(images[0].numel(), AT_ONCE)
        return in_chunks(network, images, at_once, self.device, advance)


def trained(
    images: Tensor,
    labels: Tensor,
    cache: Path | None,
    device: torch.device | str,
    test_images: Tensor | None = None,
    test_labels: Tensor | None = None,
    show: bool = False,
) -> LeNetFeatures:
    """A LeNet of these images (uint8 [N, C, H, W]; labels int64 [N] from 0), from the cache where it is there.

    Its accuracy is on the test images, or, without any, on every tenth image, which is then not trained on. The
    same data gives the same bits on one machine. show: a bar on stderr, rather than a line.
    """
    if test_images is None or test_labels is None:
        images, labels, test_images, test_labels = held_out(images, labels)
    check(images, labels)
    recipe = recipe_for(tuple(images.shape[1:]))
    key = digest_of(asdict(recipe), images, labels, test_images, test_labels)
    path = None if cache is None else cache / f"lenet-{key[:32]}.safetensors"
    shape, classes = tuple(images.shape[1:]), int(labels.max()) + 1
    with alone(path):
        network = untrained(shape, classes, recipe)
        accuracy = None if path is None else read(path, network, key)
        if accuracy is None:
            title = f"training a LeNet on {len(labels):,} images of {classes} classes, for FID-lenet"
            with same_bits(), Decoding(title, recipe.iterations) if show else announce(title) as bar:
                network = train(images, labels, classes, recipe, bar.advance if bar else None)
                features = LeNetFeatures(network, shape, classes, 0.0, "", torch.device("cpu"))
                accuracy = float((features.say(test_images) == test_labels.cpu()).float().mean())
            state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
            kept = {"key": key, "sha256": weights_digest(network), "accuracy": repr(accuracy)}
            keep(path, save(state, kept))
    network.to(device).requires_grad_(False)
    return LeNetFeatures(network, shape, classes, accuracy, weights_digest(network), torch.device(device))


def recipe_for(shape: tuple[int, ...]) -> Recipe:
    """What a core does in a minute or two, for images of this shape: C, H, W."""
    if shape[1] * shape[2] > SMALL:
        return LARGE
    return GREY if shape[0] == 1 else COLOUR


@contextlib.contextmanager
def announce(text: str) -> Iterator[None]:
    say(text)
    yield


def held_out(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every tenth image of its class apart: images, labels, then those for testing."""
    one_hot = F.one_hot(labels.cpu())
    rank = (one_hot.cumsum(0) * one_hot).sum(1)
    tested = rank % HELD_OUT == 0
    if not tested.any():
        raise UserError(f"a LeNet's accuracy is measured on every tenth image of a class; no class has {HELD_OUT}")
    return images[~tested], labels[~tested], images[tested], labels[tested]


def check(images: Tensor, labels: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or len(images) != len(labels):
        shapes = f"{images.dtype} of {list(images.shape)} with {len(labels)} labels"
        raise UserError(f"a LeNet is trained on images, uint8 [N, C, H, W], each with a label; these are {shapes}")
    if len(labels.unique()) < 2:
        raise UserError("a LeNet is trained on images of two classes or more; give others with --trained-on")


def untrained(shape: tuple[int, ...], classes: int, recipe: Recipe) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(recipe.seed, "weights").initial_seed())
        return Network(shape, classes, recipe)


def train(images: Tensor, labels: Tensor, classes: int, recipe: Recipe, advance: Advance | None) -> Network:
    """The trained network, on the CPU."""
    images, labels = images.cpu(), labels.cpu()
    shape = tuple(images.shape[1:])
    network = untrained(shape, classes, recipe)
    mean, deviation = mean_and_deviation(images)
    network.mean.fill_(mean)
    network.deviation.fill_(deviation)
    optimizer = torch.optim.Adam(network.parameters(), recipe.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.iterations)
    order = generator(recipe.seed, "order")
    rows: list[Tensor] = []
    for _ in range(recipe.iterations):
        rows = rows or list(torch.randperm(len(labels), generator=order).split(recipe.batch_size))
        batch = rows.pop(0)
        loss = F.cross_entropy(network.head(network(images[batch])), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if advance is not None:
            advance(1)
    if not all(p.isfinite().all() for p in network.parameters()):
        raise UserError("the LeNet's training diverged on these images; --features inception needs none")
    return network


def mean_and_deviation(images: Tensor) -> tuple[float, float]:
    """Of all numbers, exactly: how often each of 0..255 is there."""
    counts = sum(torch.bincount(chunk.flatten().long(), minlength=256) for chunk in images.split(10_000))
    share = torch.as_tensor(counts).double() / images.numel()
    values = torch.arange(256, dtype=torch.float64)
    mean = float(share @ values)
    return mean, max(float(share @ (values - mean) ** 2) ** 0.5, 1.0)


def weights_digest(network: Network) -> str:
    """sha256 of all tensors by their names' order, which no file format changes."""
    state = network.state_dict()
    return digest_of({"names": sorted(state)}, *(state[name] for name in sorted(state)))


def read(path: Path, network: Network, key: str) -> float | None:
    """Put the cached weights into the network and return their accuracy; None where there are none, or damaged."""
    if not path.exists():
        return None
    with contextlib.suppress(SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError):
        with safe_open(path, "pt") as file:
            kept, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(tensors)
        if kept["key"] == key and kept["sha256"] == weights_digest(network):
            return float(kept["accuracy"])
    say(f"{path}: damaged; it is trained again")
    return None
