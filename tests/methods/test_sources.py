"""Images as sources: keyed by themselves, mixed with permuted ones, mapped from a disk, augmented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from tiny import digits
from torch import Tensor, nn

from clbench.config.resolve import resolve
from clbench.datasets import Images
from clbench.datasets.source import Mapped
from clbench.errors import UserError
from clbench.models import base
from clbench.registry import networks, streams
from clbench.run.train import build_trainer
from clbench.streams.assemble import Common, Part, assemble
from clbench.streams.augment import PADDING, augmentation_of, crop, flip
from clbench.streams.budget import Budget
from clbench.streams.task import Stream

CLASSES = tuple(range(10))


def made(*parts: Part, scenario="task", tested: bool = True, **common) -> Stream:
    return assemble("made", parts, Common(**common), scenario, tiny.CPU, tested)


def every(split) -> Tensor:
    return split.take(torch.arange(len(split)))


def turned(quarters: int) -> Images:
    """The digits turned, under the same name."""
    x_train, x_test = (x.rot90(quarters, (1, 2)) for x in (digits().x_train, digits().x_test))
    return replace(digits(), x_train=x_train, x_test=x_test)


# -- keyed by themselves ------------------------------------------------------------------------------------------


def test_images_that_share_a_name_are_shown_under_their_own_labels() -> None:
    """Of two images called alike the second's pixels were shown for both."""
    found = made(*(Part(f"{q}", turned(q), CLASSES) for q in (0, 1, 2)))
    for quarters, task in enumerate(found.tasks):
        for split, x in ((task.train, turned(quarters).x_train), (task.test, turned(quarters).x_test)):
            assert torch.allclose(every(split), x.movedim(-1, 1)[split_rows(split, x)].float() / 255)


def split_rows(split, x) -> Tensor:
    return split.rows % len(x)


def test_both_checksums_of_two_files_of_one_name_are_kept(tmp_path: Path) -> None:
    rng, loaded = np.random.default_rng(0), []
    from clbench.datasets import load

    for folder in ("a", "b", "a"):
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "my.npz"
        if not path.exists():
            x = {f"x_{s}": rng.integers(0, 256, (40, 4, 4), dtype=np.uint8) for s in ("train", "test")}
            np.savez(path, **x, y_train=np.arange(40) % 4, y_test=np.arange(40) % 4)
        loaded.append(load(str(path)))
    found = made(*(Part(str(n), images, (0, 1)) for n, images in enumerate(loaded)))
    digests = [images.checksums["my.npz"] for images in loaded]
    assert found.checksums == {"my.npz": digests[0], "my.npz#2": digests[1]}
    assert digests[0] == digests[2] != digests[1]
    for task, images in zip(found.tasks, loaded, strict=True):
        mine = torch.isin(images.y_train, torch.tensor([0, 1]))
        assert torch.allclose(every(task.train)[:, 0], images.x_train[mine][..., 0].float() / 255)


# -- permuted and plain -------------------------------------------------------------------------------------------


def test_parts_with_and_without_a_permutation_mix_and_their_union_is_right() -> None:
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    parts = [Part("plain", digits(), CLASSES), Part("permuted", digits(), CLASSES, order)]
    for arranged in (parts, parts[::-1]):
        found = made(*arranged)
        flat = {part.name: digits().x_train.flatten(1).float() / 255 for part in arranged}
        flat["permuted"] = flat["permuted"][:, order]
        assert found.input_shape == (64,)
        for task in found.tasks:
            assert torch.allclose(every(task.train), flat[task.name])
        union = found.union().train
        whole = torch.cat([flat[task.name] for task in found.tasks])
        assert torch.allclose(every(union), whole)
        assert torch.allclose(every(union.dense(Budget())), whole)
        assert torch.allclose(every(union.dense(Budget(1))), whole)


@pytest.mark.long
@pytest.mark.parametrize("method", ["joint", "er", "gdumb", "ewc"])
def test_methods_learn_a_stream_that_mixes_them(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))

    def mixed(images: Images, seed: int) -> list[Part]:
        return [Part("plain", images, CLASSES), Part("permuted", images, CLASSES, order)]

    monkeypatch.setitem(streams.entries, "mixed", mixed)
    sets = [s for s in tiny.TINY if "tasks" not in s]
    sets += ["train.epochs=10", "stream.limit=400", "strategy.ewc.consolidation=proximal"]
    sets += [f"strategy.{method}.memory_size=100"] if method in ("er", "gdumb") else []
    chosen = resolve(method, "mixed-digits", seeds=(0, 1), sets=tuple(sets))
    trainer = tiny.learn(tiny.started(chosen), chosen)
    assert min(min(trainer.score(task, task.test)) for task in trainer.stream.tasks) > 0.15


@pytest.mark.parametrize("what", ["pad", "augment"])
def test_what_needs_places_of_pixels_is_refused_where_any_part_permutes_them(what: str) -> None:
    parts = [Part("plain", digits(), CLASSES), Part("permuted", digits(), CLASSES, torch.arange(64))]
    with pytest.raises(UserError, match=rf"permutes pixels.*stream\.{what}"):
        made(*parts, **({"pad": 1} if what == "pad" else {"augment": ("flip",)}))


# -- mapped, within a budget --------------------------------------------------------------------------------------


def mapped(path: Path, images: Tensor) -> Mapped:
    np.save(path, images.numpy())
    return Mapped(np.load(path, mmap_mode="r"))


def test_mapped_images_train_to_the_bits_that_those_in_memory_do(tmp_path: Path) -> None:
    here = digits()
    there = replace(
        here,
        x_train=mapped(tmp_path / "train.npy", here.x_train),
        x_test=mapped(tmp_path / "test.npy", here.x_test),
    )
    found = []
    for images, memory in ((here, 2**31), (there, 2**31), (there, 2**17)):
        parts = [Part("first", images, (0, 1, 2)), Part("second", images, (3, 4))]
        for normalize in ("unit", "standard"):
            found.append(once(made(*parts, normalize=normalize), Budget(memory)))
    assert not tiny.same(found[0], found[1])
    assert tiny.same(found[0], found[2])
    assert tiny.same(found[0], found[4])
    assert tiny.same(found[1], found[3])


def once(stream: Stream, budget: Budget, method: str = "finetuning") -> dict[str, Tensor]:
    chosen = tiny.config(method, stream="split-digits", seeds=(0,))
    trainer = build_trainer(chosen, stream, (0,), tiny.CPU)
    trainer.budget = budget
    return tiny.weights(tiny.learn(trainer, chosen))


class Rows:
    """A source that says how many rows were asked for at a time."""

    def __init__(self, source: Mapped) -> None:
        self.source, self.most = source, 0
        self.shape, self.dtype = source.shape, source.dtype

    def take(self, rows: Tensor) -> Tensor:
        self.most = max(self.most, len(rows))
        return self.source.take(rows)


class Pooled(nn.Module):
    """Takes images of any size."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.maps, self.features = nn.Conv2d(input_shape[0], 4, 5, stride=4), 4

    def forward(self, x: Tensor, gates) -> Tensor:
        return self.maps(x).relu().mean((2, 3))


@pytest.mark.long
@pytest.mark.parametrize("method", ["ewc", "lwf", "er", "joint"])
def test_large_images_stay_on_the_disk_and_pass_a_budget_at_a_time(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """600 images of 224x224x3: 361 MB as floats, under a budget of 64 MB."""
    networks.fill()
    monkeypatch.setitem(networks.entries, "pooled", Pooled)
    file = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (600, 224, 224, 3))
    file[:] = np.arange(600, dtype=np.uint8)[:, None, None, None] % 7
    file.flush()
    rows = Rows(Mapped(np.load(tmp_path / "x.npy", mmap_mode="r")))
    y = torch.arange(600) % 4
    images = Images("large", rows, y, rows, y, ("a", "b", "c", "d"), {"x.npy": "0"})
    stream = made(Part("first", images, (0, 1)), Part("second", images, (2, 3)))
    sets = ("train.epochs=1", "train.batch_size=8", "stream.limit=64")
    own = ["strategy.memory_size=10", "strategy.replay=4"] if method == "er" else []
    chosen = resolve(method, "split-digits", seeds=(0,), sets=(*sets, *own), network="pooled")
    trainer = build_trainer(chosen, stream, (0,), tiny.CPU)
    trainer.budget = Budget(2**26)
    tiny.learn(trainer, chosen, tasks=1)
    trainer.score(stream.tasks[0], stream.tasks[0].test)
    assert trainer.kept is None or not trainer.kept[1].whole
    assert rows.most <= max(8, trainer.budget.images_at_once(3 * 224 * 224, 2000))
    assert rows.most * 3 * 224 * 224 * 4 <= trainer.budget.bytes // 8


def test_small_images_pass_as_many_at_a_time_as_they_always_did() -> None:
    budget = Budget()
    assert budget.keeps(60_000 * 28 * 28)
    assert budget.images_at_once(28 * 28, 2000) == 2000
    assert budget.images_at_once(3 * 32 * 32, 500) == 500
    assert budget.at_once(784 * 512 + 512 * 256, 50) == 50
    assert budget.images_at_once(3 * 224 * 224, 2000) == 55
    assert Budget(1).images_at_once(10, 5) == 1


# -- augmented ----------------------------------------------------------------------------------------------------


def test_flip_mirrors_about_half_of_the_images_and_nothing_else() -> None:
    x = torch.arange(400 * 12.0).view(400, 1, 3, 4)
    out = flip(x, torch.Generator().manual_seed(0))
    same, mirrored = (out == x).flatten(1).all(1), (out == x.flip(-1)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert 150 < int(mirrored.sum()) < 250


def test_crop_shows_a_window_of_each_image() -> None:
    x = torch.rand(60, 2, 6, 5) + 1
    out = crop(x, torch.Generator().manual_seed(0))
    wide = nn.functional.pad(x, (PADDING,) * 4)
    for before, after in zip(wide, out, strict=True):
        windows = before.unfold(1, 6, 1).unfold(2, 5, 1).flatten(1, 2).movedim(0, 1)
        assert (windows == after).flatten(1).all(1).any()
    assert len({int((image == 0).sum()) for image in out}) > 5


AUGMENTED = ("stream.augment=flip,crop", "stream.tasks=3")


SHOWING = ("finetuning", "joint", "er", "er-ace", "derpp", "agem", "gdumb", "icarl", "wa", "lwf")
STOPPING = ("train.patience=1", "train.epochs=5", "train.lr=0.1")


@pytest.mark.long
@pytest.mark.parametrize(("sets", "method"), tiny.met([STOPPING, ()], 3, SHOWING))
def test_augmented_seeds_together_equal_seeds_alone(method: str, sets: tuple[str, ...]) -> None:
    together = tiny.train(method, *AUGMENTED, *sets, stream="split-digits", seeds=(0, 3))
    for place, seed in enumerate((0, 3)):
        alone = tiny.train(method, *AUGMENTED, *sets, stream="split-digits", seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone))
    plain = tiny.train(method, "stream.tasks=3", *sets, stream="split-digits", seeds=(0, 3))
    assert not tiny.same(tiny.weights(together), tiny.weights(plain))


@pytest.mark.parametrize("method", ["finetuning", "er"])
def test_an_augmented_run_that_is_resumed_ends_with_the_bits_of_one_that_is_not(
    method: str, tmp_path: Path
) -> None:
    from test_every_method import finished, kill_after

    chosen = tiny.config(method, *AUGMENTED, stream="split-digits")
    _, whole = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    assert tiny.same(finished(chosen, tmp_path / "killed")[1], whole)


@pytest.mark.parametrize("method", ["er", "derpp", "agem", "gdumb"])
def test_memories_keep_images_as_they_are_stored(method: str) -> None:
    trainer = tiny.train(method, *AUGMENTED, stream="split-digits")
    known = torch.cat([every(task.train) for task in trainer.stream.tasks])
    for image in trainer.strategy.stored["x"].flatten(0, 1):
        assert (known == image).flatten(1).all(1).any()


@pytest.mark.parametrize("method", ["er", "derpp", "agem"])
def test_images_of_a_memory_are_augmented_anew_each_time_they_are_drawn(method: str) -> None:
    trainer = tiny.train(method, *AUGMENTED, stream="split-digits")
    stored, draw = trainer.strategy.stored["x"], trainer.strategy.draw
    once, again = draw(trainer.model), draw(trainer.model)
    for drawn in (once, again):
        windows = [torch.stack([w, w.flip(-1)]) for w in nn.functional.pad(stored[0], (PADDING,) * 4)]
        windows = [w.unfold(2, 8, 1).unfold(3, 8, 1).flatten(2, 3).movedim(1, -1).flatten(0, 1) for w in windows]
        for image in drawn["x"][0]:
            assert any((of_one.movedim(-1, 1) == image).flatten(1).all(1).any() for of_one in windows)
    seen = torch.cat([once["x"][0], again["x"][0]]).unsqueeze(1)
    unchanged = (seen == stored[0]).flatten(2).all(2).any(1)
    assert int(unchanged.sum()) < len(seen) / 2


def test_nothing_but_training_batches_is_augmented(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bool] = []
    of_a_model = base.Model.forward

    def spied(self, function, inputs, instead=None):
        x = inputs[0]
        pools = [split.images for split in (self.stream.tasks[0].train, self.stream.tasks[0].test)]
        flat = torch.cat(pools).flatten(1).float() / 255
        known = torch.cdist(x[0].flatten(1), flat, compute_mode="donot_use_mm_for_euclid_dist").amin(1) < 1e-3
        shown.append(self.training or bool(known.all()))
        return of_a_model(self, function, inputs, instead)

    trainer = tiny.started(tiny.config("ewc", *AUGMENTED, stream="split-digits"))
    monkeypatch.setattr(base.Model, "forward", spied)
    tiny.learn(trainer, tiny.config("ewc", *AUGMENTED, stream="split-digits"), tasks=1)
    assert all(shown)
    assert trainer.draws_of.keys() == {"order", "dropout", "augmentation", "fisher labels"}


def test_a_part_may_bring_its_own_function() -> None:
    def dark(x: Tensor, draws: torch.Generator) -> Tensor:
        return x * 0

    found = made(Part("light", digits(), (0, 1)), Part("dark", digits(), (2, 3), augment=dark))
    trainer = build_trainer(tiny.config("finetuning", stream="split-digits", seeds=(0,)), found, (0,), tiny.CPU)
    light, black = (next(trainer.batches(task, task.train, 0.1)) for task in found.tasks)
    assert light.x.any()
    assert not black.x.any()
    assert black.unaugmented.any()
    union = next(trainer.batches(found.union(), found.union().train, 0.1))
    assert not union.x[union.owner == 1].any()
    assert union.x[union.owner == 0].any()


def test_an_unknown_augmentation_is_named() -> None:
    with pytest.raises(UserError, match="nothing called 'flop'; did you mean 'flip'"):
        augmentation_of(("flop",))
