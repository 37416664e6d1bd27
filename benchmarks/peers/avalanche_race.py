"""A training by Avalanche, whole: python -I avalanche_race.py FOLDER, run where Avalanche is.

Reads work.json, writes accuracy.json. Everything is Avalanche's own and as its examples have it: its permuted
MNIST, which reads torchvision's files, its strategies, its evaluation with accuracies and no logger. CIFAR-10
comes from cifar10.npz as torchvision's own data set would show it, a PIL image at a time; its network is written
down here in plain PyTorch, layer for layer that of clbench.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.benchmarks.classic import PermutedMNIST
from avalanche.evaluation.metrics import accuracy_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import EWC, Naive, Replay
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.transforms import ToTensor

STRATEGIES = {"finetuning": Naive, "ewc": EWC, "replay": Replay}


class Pictures(Dataset):
    """As torchvision's CIFAR-10: an array, each image of it made a PIL image and then a tensor."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.pixels, self.targets, self.transform = pixels, labels.tolist(), ToTensor()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.targets[index]


class Block(nn.Module):
    """Two 3x3 convolutions beside the identity, or a 1x1 convolution where maps change."""

    def __init__(self, inputs: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, maps, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(maps), nn.BatchNorm2d(maps)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != maps:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, maps, 1, stride, bias=False), nn.BatchNorm2d(maps))

    def forward(self, x: Tensor) -> Tensor:
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + self.shortcut(x)).relu()


def resnet18_small(classes: int) -> nn.Module:
    """ResNet-18 with a 3x3 stem and no pooling behind it."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inputs = 64
    for maps, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, maps, stride), Block(maps, maps, 1)]
        inputs = maps
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def benchmark_of(work: dict[str, Any], folder: Path) -> Any:
    if work["stream"] == "permuted-mnist":
        return PermutedMNIST(work["tasks"], seed=0, dataset_root=folder)
    with np.load(folder / "cifar10.npz") as arrays:
        train, test = (Pictures(arrays[f"x_{name}"], arrays[f"y_{name}"]) for name in ("train", "test"))
    return nc_benchmark(train, test, work["tasks"], task_labels=False, shuffle=False)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = json.loads((folder / "work.json").read_text())
    model = mlp() if work["stream"] == "permuted-mnist" else resnet18_small(10)
    benchmark = benchmark_of(work, folder)
    strategy = STRATEGIES[work["strategy"]](
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=work["lr"], momentum=work["momentum"]),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=work["batch_size"],
        train_epochs=1,
        eval_mb_size=work["batch_size"],
        evaluator=EvaluationPlugin(accuracy_metrics(experience=True), loggers=[]),
        **work["options"],
    )
    for experience in benchmark.train_stream:
        strategy.train(experience)
        scores = strategy.eval(benchmark.test_stream)
    each = [value for name, value in scores.items() if name.startswith("Top1_Acc_Exp/eval_phase/test_stream")]
    versions = {name: version(name) for name in ("avalanche-lib", "torch")}
    found = {"accuracy": sum(each) / len(each), "tasks": len(each), "versions": versions}
    (folder / "accuracy.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
