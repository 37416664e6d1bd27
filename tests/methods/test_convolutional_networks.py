"""Every method on the convolutional networks with batch norm: seeds, resuming, gates, and what tasks keep."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
from test_every_method import finished, kill_after
from test_plugin_networks import everything
from tiny import METHODS

from clbench.config import Config
from clbench.learn.trainer import Trainer

TINY = {"vgg9": ("network.width=0.0625",)}
EVERY = [(network, method) for network in TINY for method in METHODS]
SEEDS = (0, 3)


def settings(network: str, method: str, *more: str, seeds: tuple[int, ...] = SEEDS, **where: str) -> Config:
    """Digits of 8x8 pixels in one channel, 40 a task."""
    own = [s for s in tiny.TINY if not s.startswith(("network.", "stream.limit", "train.epochs"))]
    sets = (*own, "stream.limit=40", "train.epochs=1", "strategy.gdumb.epochs=2", *TINY[network], *more)
    sets = tuple({s.partition("=")[0]: s for s in sets}.values())
    return tiny.resolve(method, "split-digits", seeds=seeds, sets=sets, network=network, **where)


def trained(network: str, method: str, *more: str, seeds: tuple[int, ...] = SEEDS) -> Trainer:
    chosen = settings(network, method, *more, seeds=seeds)
    return tiny.learn(tiny.started(chosen), chosen)


@pytest.mark.parametrize(("network", "method"), EVERY)
def test_seeds_together_equal_seeds_alone(network: str, method: str) -> None:
    together = trained(network, method)
    for place, seed in enumerate(SEEDS):
        alone = everything(trained(network, method, seeds=(seed,)), 0)
        found = everything(together, place)
        assert tiny.same(found, alone), [n for n in alone if not alone[n].equal(found[n])]


@pytest.mark.parametrize(("network", "method"), EVERY)
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(
    network: str, method: str, tmp_path: Path
) -> None:
    chosen = settings(network, method)
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors), [n for n in tensors if not tensors[n].equal(found.get(n, tensors[n] + 1))]
