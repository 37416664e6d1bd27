"""train.budget is what every pass keeps to: those of methods, what looks at pixels, what writes features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny
from torch import Tensor

from clbench.config.resolve import resolve
from clbench.datasets import load, members
from clbench.datasets.source import Mapped
from clbench.run.extract_features import write
from clbench.run.machine import Machine
from clbench.run.train import build_stream
from clbench.streams.budget import ACTIVATIONS, FLOAT

AT_ONCE = 3  # images
PIXELS = 64


def budget_of(images: int, pixels: int) -> str:
    """An option: the GiB of which a quarter is for so many images in a pass, and no more."""
    return f"train.budget={4 * FLOAT * ACTIVATIONS * pixels * images / 2**30!r}"


@pytest.mark.parametrize("method", ["icarl", "wa", "er", "derpp", "agem", "gdumb", "lwf", "finetuning"])
def test_no_pass_in_evaluation_mode_shows_more_images_than_the_run_s_budget_has_room_for(method: str) -> None:
    own = ["strategy.memory_per_class=8"] if method in ("icarl", "wa", "derpp") else []
    chosen = tiny.config(method, budget_of(AT_ONCE, PIXELS), *own, stream="split-digits", seeds=(0,))
    trainer = tiny.started(chosen)
    shown, forward = [], trainer.model.forward

    def seen(function, inputs, instead=None):
        shown.extend([] if trainer.model.training else [inputs[0].shape[1]])
        return forward(function, inputs, instead)

    trainer.model.forward = seen
    tiny.learn(trainer, chosen)
    for task in trainer.stream.tasks:
        trainer.score(task, task.test)
    assert max(shown) == AT_ONCE


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows of a mapped file were asked for at a time."""
    found, take = [], Mapped.take

    def counted(self: Mapped, wanted: Tensor) -> Tensor:
        found.append(len(wanted))
        return take(self, wanted)

    monkeypatch.setattr(members, "MAPPED_FROM", 1)
    monkeypatch.setattr(Mapped, "take", counted)
    return found


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("clbench.run.train.load", load)  # here any data set is the digits otherwise
    draws = np.random.default_rng(0)
    x = {f"x_{part}": draws.integers(0, 256, (40, 8, 8), np.uint8) for part in ("train", "test")}
    np.savez(tmp_path / "my.npz", **x, y_train=np.arange(40) % 4, y_test=np.arange(40) % 4)
    return tmp_path / "my.npz"


def test_pixels_are_looked_at_within_the_run_s_budget(file: Path, rows: list[int]) -> None:
    scales = []
    for sets in ([], [budget_of(AT_ONCE, PIXELS)]):
        rows.clear()
        chosen = resolve("finetuning", f"split:{file}", sets=("stream.normalize=standard", *sets))
        scales.append(build_stream(chosen, Machine("cpu"), tiny.CPU).tasks[0].train.scale)
        assert max(rows) == (AT_ONCE if sets else 40)
    assert scales[0] == scales[1]


def test_images_in_memory_are_resized_within_the_run_s_budget(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import clbench.streams.shown as shown

    sizes, formed = [], shown.formed
    monkeypatch.setattr(shown, "formed", lambda x, **how: sizes.append(len(x)) or formed(x, **how))
    chosen = resolve("finetuning", f"split:{file}", sets=("stream.size=4", budget_of(AT_ONCE, PIXELS)))
    build_stream(chosen, Machine("cpu"), tiny.CPU)
    assert max(sizes) == AT_ONCE


def test_features_are_made_within_the_run_s_budget(file: Path, rows: list[int], tmp_path: Path) -> None:
    chosen = resolve("finetuning", f"split:{file}", sets=(budget_of(AT_ONCE, PIXELS),))
    write(chosen, Machine("cpu"), tmp_path / "features.npz", "float32")
    assert max(rows) == AT_ONCE
