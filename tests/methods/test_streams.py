"""Streams: what is permuted, split, held out and scaled, and what it depends on."""

from __future__ import annotations

import pytest
import tiny
import torch
from tiny import digits

from clbench.errors import UserError
from clbench.run.machine import Machine
from clbench.run.train import build_stream
from clbench.streams.budget import Budget
from clbench.streams.task import Stream


def stream(name: str, *sets: str, scenario: str = "task", method: str = "finetuning") -> Stream:
    return build_stream(tiny.config(method, *sets, stream=name, scenario=scenario), Machine(), tiny.CPU)


def every(split) -> torch.Tensor:
    return split.take(torch.arange(len(split)))


def test_each_task_has_its_own_true_permutation_that_the_stream_seed_alone_decides() -> None:
    one = stream("permuted-digits", "stream.tasks=3")
    orders = [tuple(task.train.permutations[0].tolist()) for task in one.tasks]
    assert all(sorted(order) == list(range(64)) for order in orders)
    assert len(set(orders)) == 3
    other = stream("permuted-digits", "stream.tasks=3", "stream.seed=1")
    assert not {tuple(task.train.permutations[0].tolist()) for task in other.tasks} & set(orders)
    runs = [tiny.started(tiny.config("sgd", "stream.tasks=3", seeds=seeds)) for seeds in ((0,), (7,))]
    for trainer in runs:
        assert [tuple(t.train.permutations[0].tolist()) for t in trainer.stream.tasks] == orders


def test_permuted_images_are_the_images_with_their_pixels_in_that_order() -> None:
    for task in stream("permuted-digits", "stream.limit=1000").tasks:
        for split, images in ((task.train, digits().x_train), (task.test, digits().x_test)):
            plain = images.flatten(1)[split.rows].float() / 255
            assert torch.allclose(every(split), plain[:, task.test.permutations[0]])
            assert torch.equal(every(split), split.dense(Budget()).take(torch.arange(len(split))))
        assert torch.equal(task.train.labels - task.columns[0], digits().y_train[task.train.rows])


def test_images_stay_bytes_until_they_are_shown() -> None:
    permuted, split = (
        stream(name, "stream.tasks=2").tasks[1].train for name in ("permuted-digits", "split-digits")
    )
    dense = permuted.dense(Budget())
    assert dense.images.dtype == torch.uint8
    assert dense.permutations is None
    assert len(dense.images) == len(permuted)
    assert dense.dense(Budget()) is dense
    assert split.dense(Budget()) is split
    assert permuted.dense(Budget(8 * permuted.numbers_dense - 1)) is permuted  # a half of it is for images
    assert permuted.numbers_dense == -(-len(permuted) * 64 // 4)


@pytest.mark.parametrize("name", ["permuted-digits", "split-digits"])
def test_the_union_has_every_task_s_own_images_labels_and_owner(name: str) -> None:
    whole = stream(name, "stream.tasks=3", "stream.validation=0.2")
    union = whole.union()
    for of in ("train", "test", "validation"):
        split = getattr(union, of)
        start = 0
        for index, task in enumerate(whole.tasks):
            part = getattr(task, of)
            rows = torch.arange(start, start + len(part))
            start += len(part)
            assert torch.equal(split.take(rows), every(part))
            assert torch.equal(split.dense(Budget()).take(rows.view(1, -1))[0], every(part))
            assert torch.equal(split.labels[rows], part.labels)
            assert split.owner[rows].eq(index).all()
        assert start == len(split)


def test_in_joint_training_an_image_competes_within_its_own_task() -> None:
    trainer = tiny.started(tiny.config("joint", "stream.tasks=3", stream="split-digits"))
    union = trainer.strategy.union
    batch = next(iter(trainer.batches(union, union.train, 0.1)))
    outputs = torch.randn(2, batch.y.shape[1], 6)
    shown = trainer.model.masked(outputs, batch)
    assert batch.owner.unique().tolist() == [0, 1, 2]
    for column in range(6):
        own = batch.owner == column // 2
        assert torch.equal(shown[..., column][own], outputs[..., column][own])
        assert shown[..., column][~own].eq(-torch.inf).all()


def test_held_out_images_are_no_training_images_and_depend_on_the_stream_seed_alone() -> None:
    sets = ("stream.validation=0.25", "stream.limit=1000")
    one, again, other = (stream("split-digits", *sets, *more) for more in ((), (), ("stream.seed=1",)))
    for a, b, c in zip(one.tasks, again.tasks, other.tasks, strict=True):
        held, learned = set(a.validation.rows.tolist()), set(a.train.rows.tolist())
        assert not held & learned
        assert len(held | learned) == int(torch.isin(digits().y_train, a.train.labels.unique()).sum())
        assert len(held) == round(0.25 * (len(held) + len(learned)))
        assert torch.equal(a.validation.rows, b.validation.rows)
        assert not torch.equal(a.validation.rows, c.validation.rows)
    limited = stream("split-digits", "stream.validation=0.25", "stream.limit=20")
    for a, b in zip(one.tasks, limited.tasks, strict=True):
        assert torch.equal(a.validation.rows, b.validation.rows)
        assert len(b.train) == 20
        assert set(b.train.rows.tolist()) <= set(a.train.rows.tolist())


@pytest.mark.parametrize(
    ("scenario", "columns", "outputs"),
    [("task", [(0, 2), (2, 4), (4, 6)], 6), ("domain", [(0, 2)] * 3, 2), ("class", [(0, 2), (2, 4), (4, 6)], 6)],
)
def test_columns_and_labels(scenario: str, columns: list[tuple[int, int]], outputs: int) -> None:
    found = stream("split-digits", "stream.tasks=3", scenario=scenario)
    assert found.outputs == outputs
    assert [task.columns for task in found.tasks] == columns
    for index, task in enumerate(found.tasks):
        digit = digits().y_train[task.train.rows]
        assert torch.equal(task.train.labels, digit - 2 * index + task.columns[0])


def test_sgd_has_one_head_for_all_tasks() -> None:
    assert [task.columns for task in stream("split-digits", method="sgd").tasks] == [(0, 2), (0, 2)]


def test_shuffled_classes_keep_their_place_in_the_drawn_order() -> None:
    found = stream("split-digits", "stream.tasks=5", "stream.shuffle=true", "stream.seed=3")
    order = [c for task in found.tasks for c in task.name.split("/")]
    assert sorted(order) == list("0123456789") != order
    for task in found.tasks:
        for split, y in ((task.train, digits().y_train), (task.test, digits().y_test)):
            assert [str(int(d)) for d in y[split.rows]] == [order[column] for column in split.labels]


def test_standard_images_have_mean_zero_and_deviation_one() -> None:
    found = stream("split-digits", "stream.tasks=5", "stream.limit=2000", "stream.normalize=standard")
    x = torch.cat([every(task.train) for task in found.tasks])
    assert len(x) == len(digits().x_train)
    assert abs(float(x.mean())) < 1e-4
    assert abs(float(x.std()) - 1) < 1e-4
    unit = torch.cat([every(task.train) for task in stream("split-digits", "stream.tasks=5").tasks])
    assert (float(unit.min()), float(unit.max())) == (0, 1)


def test_padded_images_have_zeros_around_them() -> None:
    bare, wide = (stream("split-digits", f"stream.pad={pad}") for pad in (0, 2))
    assert (bare.input_shape, wide.input_shape) == ((1, 8, 8), (1, 12, 12))
    for a, b in zip(bare.tasks, wide.tasks, strict=True):
        for of in ("train", "test"):
            inner, outer = every(getattr(a, of)), every(getattr(b, of))
            assert torch.equal(outer[..., 2:-2, 2:-2], inner)
            assert outer.count_nonzero() == inner.count_nonzero()


def test_padding_comes_before_the_normalisation() -> None:
    sets = ("stream.pad=2", "stream.normalize=standard", "stream.tasks=5", "stream.limit=2000")
    x = torch.cat([every(task.train) for task in stream("split-digits", *sets).tasks])
    assert abs(float(x.mean())) < 1e-4
    assert abs(float(x.std()) - 1) < 1e-4


def test_permuted_streams_are_not_padded() -> None:
    with pytest.raises(UserError, match=r"leave stream\.pad at 0"):
        stream("permuted-digits", "stream.pad=2")
