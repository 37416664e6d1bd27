"""Floating-point operations: those of a network's training step, and those that a machine can do a second.

Counted are products and convolutions, two operations a multiplication and its addition. Forward, gradient of the
weights and gradient of the inputs are as many each; the layer that takes the image has no gradient of its inputs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SIDES = {"cpu": (512, 1024), "cuda": (4096, 8192)}  # of the matrices that are multiplied
SECONDS = 0.1  # that each side is multiplied for, at least


@dataclass(frozen=True)
class Work:
    """Of one image: operations of a forward pass and of a training step, and the numbers that layers give."""

    forward: float
    step: float
    outputs: int


def work_of(network: nn.Module, shape: tuple[int, ...]) -> Work:
    """The work of a plain network that takes images [B, *shape]."""
    passes: list[tuple[int, bool, int]] = []  # operations, whether a gradient goes on to the layer before, outputs

    def count(layer: Any, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        weights = layer.weight[0].numel()  # that make one output
        passes.append((2 * weights * outputs.numel(), inputs[0].requires_grad, outputs.numel()))

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    trains = network.training
    device = next(network.parameters()).device
    network.eval()(torch.zeros(1, *shape, device=device))
    network.train(trains)
    for hook in hooks:
        hook.remove()
    forward = sum(each for each, _, _ in passes)
    inputs = sum(each for each, goes_on, _ in passes if goes_on)
    return Work(forward, 2 * forward + inputs, sum(outputs for _, _, outputs in passes))


def product_rate(device: torch.device) -> float:
    """Operations a second of products of float32 matrices, with this process's threads: of the best side."""
    return max(rate_of_side(side, device) for side in SIDES[device.type])


def rate_of_side(side: int, device: torch.device) -> float:
    a, b, out = (torch.ones(side, side, device=device) for _ in range(3))

    def finish() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    torch.mm(a, b, out=out)
    start, done = finish(), 0
    while (now := finish()) - start < SECONDS or not done:
        torch.mm(a, b, out=out)
        done += 1
    now = finish()
    return 2 * side**3 * done / (now - start)


def rate_of_cores(cores: int) -> float:
    """Of all cores: one process with a thread a core, or a process a core, whichever multiplies faster."""
    return max(rate_of_processes(1, cores), rate_of_processes(cores, 1))


def rate_of_processes(processes: int, threads: int) -> float:
    """Operations a second of so many processes together, each with so many threads."""
    command = [sys.executable, "-c", "from benchmarks.speed import arithmetic; arithmetic.main()", str(threads)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in started:  # all have imported torch before one of them begins
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in started)


def main() -> None:
    """Say ready, wait for a line, print the rate with as many threads as the command line says."""
    torch.set_num_threads(int(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.readline()
    print(product_rate(torch.device("cpu")))
