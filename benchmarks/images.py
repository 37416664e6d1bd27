"""Images as clbench shows them to a network beside torchvision's DataLoader: same transforms, same cores.

Both take uint8 images, make floats of them, normalise, crop with a padding of 4 and mirror half of them. clbench's
batches are those of its own loop: of a tensor in memory, and of a file that is mapped. torchvision's images are
in memory too, as PIL images are made of them (its data sets' own way) and as tensors (transforms.v2); its
DataLoader works in this process, and in as many others as there are cores, on which all are held. Every pipeline
runs one epoch that is not timed, so that workers have started and pages of the file are in memory; then each has
its turn in every repeat.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.speed.clock import CPU, Clock
from clbench.config.training import Training
from clbench.datasets import Images
from clbench.datasets.source import Mapped, Source
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.models.classifier import Classifier
from clbench.networks.linear import Linear
from clbench.run.provenance import made_here
from clbench.strategies.finetuning import Finetuning
from clbench.streams.assemble import Common, Part, assemble
from clbench.streams.budget import Budget

OURS = ("clbench, in memory", "clbench, mapped file")
TARGET = 5.0  # images per second, over the fastest DataLoader's
Pipeline = Callable[[], Iterable[Any]]  # one epoch of batches


@dataclass(frozen=True)
class Setting:
    images: int = 10_000
    size: int = 32
    batch: int = 128
    cores: int = 1
    repeats: int = 3

    def __post_init__(self) -> None:
        if self.batch > self.images:
            raise UserError(f"--batch {self.batch} is more than all {self.images} images")


def measured(setting: Setting, say: Callable[[str], None] | None = None) -> dict[str, Any]:
    """What `table` and --json show."""
    say = say or (lambda text: None)
    shape = (setting.images, setting.size, setting.size, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder, held_on(setting.cores):
        pipelines = {**ours(pixels, setting, Path(folder)), **theirs(pixels, setting)}
        found: dict[str, list[Clock]] = {name: [] for name in pipelines}
        for repeat in range(1 + setting.repeats):
            for name, pipeline in pipelines.items():
                found[name].append(epoch(pipeline, setting))
            say(f"repeat {repeat} of {setting.repeats}" if repeat else "warmed up")
    rows = [{"pipeline": name, **rates(clocks[1:], setting)} for name, clocks in found.items()]
    best = max(row["images/s"] for row in rows if row["pipeline"] not in OURS)
    for row in rows:
        row["ratio"], mine = round(row["images/s"] / best, 2), row["pipeline"] in OURS
        row |= {"target": TARGET if mine else None, "ok": row["ratio"] >= TARGET if mine else None}
    return {
        "setting": asdict(setting),
        "environment": {**made_here(setting.cores, CPU, {}), "load": os.getloadavg()},
        "images": rows,
    }


@contextmanager
def held_on(cores: int) -> Iterator[None]:
    """This process and those that it starts, on so many cores, where the system can do that."""
    before, can = torch.get_num_threads(), hasattr(os, "sched_setaffinity")
    allowed = os.sched_getaffinity(0) if can else set()
    if can and len(allowed) < cores:
        raise UserError(f"--cores {cores}: there are {len(allowed)}")
    torch.set_num_threads(cores)
    if can:
        os.sched_setaffinity(0, set(sorted(allowed)[:cores]))
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if can:
            os.sched_setaffinity(0, allowed)


def epoch(pipeline: Pipeline, setting: Setting) -> Clock:
    start = Clock.now()
    seen = sum(len(x) for x in pipeline())  # x: [B, C, H, W], as a network is shown them
    assert seen == setting.images
    return Clock.now() - start


def rates(found: list[Clock], setting: Setting) -> dict[str, Any]:
    """Images per second: median and extremes by the wall, median by the processor of this process."""
    wall = [setting.images / clock.wall for clock in found]
    numbers = {"images/s": median(wall), "lowest": min(wall), "highest": max(wall)}
    numbers["by processor"] = median(setting.images / clock.cpu for clock in found)
    return {name: round(number) for name, number in numbers.items()}


# -- clbench ------------------------------------------------------------------------------------------------------


def ours(pixels: np.ndarray, setting: Setting, folder: Path) -> dict[str, Pipeline]:
    file = folder / "images.npy"
    np.save(file, pixels)
    kinds: list[Tensor | Source] = [torch.from_numpy(pixels), Mapped(np.load(file, mmap_mode="r"))]
    return {name: epochs_of(trainer_of(images, setting)) for name, images in zip(OURS, kinds, strict=True)}


def trainer_of(images: Tensor | Source, setting: Setting) -> Trainer:
    """One seed, and as large a task as there are images; those of a file are made floats batch by batch."""
    labels = torch.arange(setting.images) % 2
    data = Images("made", images, labels, images, labels, ("even", "odd"), {})
    common = Common(normalize="standard", augment=("crop", "flip"))
    stream = assemble("made", [Part("all", data, (0, 1))], common, "task", CPU)
    strategy = Finetuning()
    model = Classifier(lambda: no_network(stream.input_shape), stream, (0,), CPU)
    strategy.start(model, stream)
    budget = Budget() if isinstance(images, Tensor) else Budget(2**24)
    return Trainer(model, strategy, stream, Training(batch_size=setting.batch), budget=budget)


def no_network(shape: tuple[int, ...]) -> nn.Module:
    return Linear(shape)


def epochs_of(trainer: Trainer) -> Pipeline:
    """The batches of the loop's own epochs."""
    task = trainer.stream.tasks[0]
    return lambda: (batch.x[0] for batch in trainer.batches(task, trainer.dense(task.train), 0.0))


# -- torchvision --------------------------------------------------------------------------------------------------


def theirs(pixels: np.ndarray, setting: Setting) -> dict[str, Pipeline]:
    from torchvision import transforms
    from torchvision.transforms import v2

    flat = pixels.reshape(-1, 3) / 255
    mean, deviation = [float(flat.mean())] * 3, [float(flat.std())] * 3
    crop, flip = transforms.RandomCrop(setting.size, padding=4), transforms.RandomHorizontalFlip()
    by_pil = transforms.Compose([crop, flip, transforms.ToTensor(), transforms.Normalize(mean, deviation)])
    by_tensor = v2.Compose(
        [
            v2.RandomCrop(setting.size, padding=4),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean, deviation),
        ]
    )
    sets = {
        "PIL images": PILImages(pixels, by_pil),
        "tensors": Tensors(torch.from_numpy(pixels).movedim(-1, 1).contiguous(), by_tensor),
    }
    return {
        f"DataLoader, {name}, {workers or 'no'} worker{'s' * (workers != 1)}": loader(dataset, setting, workers)
        for name, dataset in sets.items()
        for workers in (0, setting.cores)
    }


@dataclass
class PILImages(Dataset):
    """As torchvision's CIFAR-10: an array, each image of it made a PIL image."""

    pixels: np.ndarray
    transform: Callable[[Any], Tensor]

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[index]))


@dataclass
class Tensors(Dataset):
    pixels: Tensor
    transform: Callable[[Any], Tensor]

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(self.pixels[index])


def loader(dataset: Dataset, setting: Setting, workers: int) -> Pipeline:
    return DataLoader(
        dataset, setting.batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    ).__iter__


def table(found: dict[str, Any]) -> str:
    words = {True: "yes", False: "NO", None: ""}
    setting, load = found["setting"], found["environment"]["load"][0]
    size, cores = setting["size"], setting["cores"]
    return "\n".join(
        [
            f"Images per second of {setting['images']} of {size}x{size}x3, batches of {setting['batch']}, float, "
            "normalised, cropped, mirrored; ratio to the fastest DataLoader (at least the target).",
            tabulate([{**row, "ok": words[row["ok"]]} for row in found["images"]], headers="keys"),
            f"torch {found['environment']['torch']}, {cores} core{'s' * (cores > 1)}, load of the machine "
            f"{load:.1f}; by processor: without a DataLoader's workers",
        ]
    )
