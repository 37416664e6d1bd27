"""`clbench data features`: what a frozen network makes of the images of a stream, as a data set of features."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from clbench.config.resolve import Config
from clbench.datasets.members import SEAL, seal_of
from clbench.datasets.npz import read
from clbench.errors import UserError
from clbench.networks import pretrained
from clbench.registry import model_kind, networks
from clbench.results.atomic import make_ready, write_whole
from clbench.run.machine import Machine
from clbench.run.train import build_stream, weights_read
from clbench.streams.budget import Budget
from clbench.streams.draws import generator
from clbench.streams.task import Split, Stream, Task

AT_ONCE = 64  # images a forward pass, at most
CLASSIFIER = "classifier"


@dataclass(frozen=True)
class Written:
    """The file, and what is in it."""

    file: Path
    train: int
    test: int
    features: int
    classes: int

    def __str__(self) -> str:
        counts = f"{self.train} training and {self.test} test images of {self.classes} classes"
        return f"{self.file}: {self.features} features of {counts}; --stream split:{self.file} --network linear"


def bare(network: str) -> tuple[str, ...]:
    """Options, as --set has them, without the layers that published weights do not have."""
    return tuple(f"network.{n}={json.dumps(value)}" for n, value in getattr(networks[network], "bare", {}).items())


def write(config: Config, machine: Machine, output: Path, dtype: str) -> Written:
    """Features of all images of the stream, each class as its column of the head in the class scenario.

    In evaluation mode, before any head. output: x_train, y_train, x_test, y_test as in a user's own .npz file, and
    `made_of`: JSON that says of what, and a sha256 of the four.
    """
    make_ready(output)
    if (kind := model_kind(networks[config.network])) != CLASSIFIER:
        raise UserError(f"network {config.network} is for the model {kind}, and features are of a {CLASSIFIER}'s")
    device = machine.prepare()
    stream = build_stream(config, machine, device)
    network = frozen(config, stream, machine).to(device)
    arrays: dict[str, np.ndarray] = {}
    budget = Budget.of(config.train.budget)
    for part in ("train", "test"):
        splits = list(splits_of(stream.tasks, part))
        arrays[f"x_{part}"] = np.concatenate([seen(network, split, dtype, budget) for split in splits])
        arrays[f"y_{part}"] = torch.cat([split.labels for split in splits]).cpu().numpy()
    if not all(np.isfinite(arrays[name]).all() for name in ("x_train", "x_test")):
        raise UserError(f"a feature is infinite or not a number as {dtype}; --dtype float32, or other weights")
    made = {"network": config.as_dict()["network"], "stream": config.as_dict()["stream"]}
    made["sha256"] = stream.checksums | weights_read(config, machine)
    buffer = io.BytesIO()
    said = {"made_of": np.array(json.dumps(made, sort_keys=True)), SEAL: np.array(seal_of(arrays))}
    np.savez(buffer, allow_pickle=False, **arrays, **said)
    write_whole(output, buffer.getvalue())
    read(output)  # whether what will read it can
    train, test = len(arrays["y_train"]), len(arrays["y_test"])
    return Written(output, train, test, arrays["x_train"].shape[1], stream.outputs)


def frozen(config: Config, stream: Stream, machine: Machine) -> nn.Module:
    """The network in evaluation mode; what its weights lack is that of seed 0."""
    options = config.network_options
    pretrained.refuse_pixels(config.network, options, config.stream_options["normalize"])
    weights = pretrained.weights_of(config.network, options, machine.download)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(0, "weights").initial_seed())
        return pretrained.build(config.network, stream.input_shape, options, weights).train(False)


def splits_of(tasks: tuple[Task, ...], part: str) -> Iterator[Split]:
    for task in tasks:
        split = task.train if part == "train" else task.test
        assert split is not None  # build_stream() leaves none out where tests are scored
        yield split


@torch.inference_mode()
def seen(network: nn.Module, split: Split, dtype: str, budget: Budget) -> np.ndarray:
    """Features [N, D] of all images of a split."""
    gates = [None] * len(getattr(network, "widths", ()))
    at_once = budget.images_at_once(split.numbers, AT_ONCE)
    found: list[Tensor] = []
    for rows in torch.arange(len(split), device=split.rows.device).split(at_once):
        found.append(network(split.take(rows), gates).flatten(1).to(getattr(torch, dtype)).cpu())
    return torch.cat(found).numpy()
