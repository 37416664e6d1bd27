"""Replay methods against their papers' formulas, written without the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor, nn

from clbench.config.resolve import Config
from clbench.learn.trainer import Trainer
from clbench.models.params import Params, copies
from clbench.run.machine import Machine
from clbench.run.train import Train
from clbench.strategies.agem import project
from clbench.streams.draws import generator
from clbench.streams.task import Batch, Stream

WHERE = [("split-digits", "task"), ("split-digits", "class"), ("permuted-digits", "domain")]


def network_of(start: Params) -> nn.Sequential:
    """The tiny MLP as a plain module with one seed's weights, heads in one layer."""
    names = ["network.blocks.0", "network.blocks.1", "head"]
    layers = [nn.Linear(*start[f"{name}.weight"].T.shape) for name in names]
    with torch.no_grad():
        for layer, name in zip(layers, names, strict=True):
            layer.weight.copy_(start[f"{name}.weight"])
            layer.bias.copy_(start[f"{name}.bias"])
    return nn.Sequential(nn.Flatten(0), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


def weights_of(network: nn.Sequential) -> Params:
    named = zip(
        ("network.blocks.0", "network.blocks.1", "head"), (network[1], network[3], network[5]), strict=True
    )
    return {
        f"{name}.{kind}": getattr(layer, kind).detach() for name, layer in named for kind in ("weight", "bias")
    }


@dataclass
class Remembered:
    x: Tensor
    y: int
    owner: int
    logits: Tensor  # of the columns it had when it was met


class Plain:
    """One seed, one image at a time."""

    def __init__(self, trainer: Trainer, start: Params, seed: int, size: int, replay: int) -> None:
        self.stream: Stream = trainer.stream
        self.network = network_of(start)
        self.memory: list[Remembered] = []
        self.size, self.replay, self.met = size, replay, 0
        self.order, self.places, self.batches = (generator(seed, p) for p in ("order", "memory", "replay"))

    def train(self, step: Callable[[list[Remembered], int, int], None], task: int) -> None:
        """Every batch of two epochs to `step`, with the number of the epoch and of the task."""
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05, momentum=0.9)
        images = self.images(task)
        for epoch in range(2):
            for rows in torch.randperm(len(images), generator=self.order).split(16):
                step([images[row] for row in rows.tolist()], epoch, task)

    def images(self, task: int) -> list[Remembered]:
        train = self.stream.tasks[task].train
        every = zip(train.take(torch.arange(len(train))), train.labels.tolist(), strict=True)
        return [Remembered(x, y, task, torch.zeros(0)) for x, y in every]

    def columns(self, owner: int, task: int) -> tuple[int, int]:
        """Among which an image of task `owner` is to be recognised while `task` is learned."""
        if self.stream.scenario == "class":
            return 0, self.stream.tasks[task].columns[1]
        return self.stream.tasks[owner].columns

    def cross_entropy(self, images: list[Remembered], task: int) -> list[Tensor]:
        found = []
        for image in images:
            first, stop = self.columns(image.owner, task)
            found.append(-self.network(image.x)[first:stop].log_softmax(0)[image.y - first])
        return found

    def add(self, images: list[Remembered]) -> None:
        """Algorithm R, as test_memory.py has it."""
        for image, u in zip(
            images, torch.rand(len(images), dtype=torch.float64, generator=self.places).tolist(), strict=True
        ):
            place = int(u * (self.met + 1))
            if self.met < self.size:
                self.memory.append(image)
            elif place < self.size:
                self.memory[place] = image
            self.met += 1

    def drawn(self) -> list[Remembered]:
        rows = torch.randperm(len(self.memory), generator=self.batches)[: self.replay] if self.memory else []
        return [self.memory[int(row)] for row in rows]

    def descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()


def plain_er(plain: Plain) -> None:
    def step(batch: list[Remembered], epoch: int, task: int) -> None:
        plain.descend(mean(plain.cross_entropy(batch + plain.drawn(), task)))
        if epoch == 0:
            plain.add(batch)

    for task in (0, 1):
        plain.train(step, task)


def plain_er_ace(plain: Plain) -> None:
    """Caccia et al.: a loss among the classes of the batch, another among all of the memory batch."""

    def among(images: list[Remembered], task: int) -> list[Tensor]:
        classes = sorted({image.y for image in images})
        return [-plain.network(i.x)[classes].log_softmax(0)[classes.index(i.y)] for i in images]

    def step(batch: list[Remembered], epoch: int, task: int) -> None:
        loss = mean(among(batch, task) if task else plain.cross_entropy(batch, task))
        if drawn := plain.drawn():
            loss = loss + mean(plain.cross_entropy(drawn, task))
        plain.descend(loss)
        if epoch == 0:
            plain.add(batch)

    for task in (0, 1):
        plain.train(step, task)


def plain_derpp(plain: Plain, alpha: float = 0.3, beta: float = 0.7) -> None:
    def step(batch: list[Remembered], epoch: int, task: int) -> None:
        for image in batch:
            first, stop = plain.columns(image.owner, task)
            if epoch == 0:
                image.logits = plain.network(image.x)[first:stop].detach()
        loss = mean(plain.cross_entropy(batch, task))
        if plain.memory:
            dark = []
            for image in plain.drawn():
                first, stop = plain.columns(image.owner, image.owner)
                dark.append(nn.functional.mse_loss(plain.network(image.x)[first:stop], image.logits))
            loss = loss + alpha * mean(dark) + beta * mean(plain.cross_entropy(plain.drawn(), task))
        plain.descend(loss)
        if epoch == 0:
            plain.add(batch)

    for task in (0, 1):
        plain.train(step, task)


def plain_agem(plain: Plain) -> None:
    parameters = list(plain.network.parameters())

    def gradient(images: list[Remembered], task: int) -> Tensor:
        loss = mean(plain.cross_entropy(images, task))
        return nn.utils.parameters_to_vector(torch.autograd.grad(loss, parameters))

    def step(batch: list[Remembered], epoch: int, task: int) -> None:
        g = gradient(batch, task)
        if plain.memory:
            ref = gradient(plain.drawn(), task)
            if g @ ref < 0:
                g = g - (g @ ref) / (ref @ ref) * ref
        for p, part in zip(parameters, g.split([p.numel() for p in parameters]), strict=True):
            p.grad = part.view_as(p)
        plain.optimizer.step()

    for task in (0, 1):
        plain.train(step, task)
        plain.add(plain.images(task))


PLAIN = {"er": plain_er, "er-ace": plain_er_ace, "agem": plain_agem, "derpp": plain_derpp}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("method", PLAIN)
def test_two_tasks_end_where_the_paper_s_formula_does(method: str, where: tuple[str, str]) -> None:
    sets = ("strategy.memory_size=30", "strategy.replay=12", "strategy.derpp.alpha=0.3", "strategy.derpp.beta=0.7")
    chosen = tiny.config(method, *sets, stream=where[0], scenario=where[1], seeds=(4,))
    trainer = tiny.started(chosen)
    plain = Plain(trainer, tiny.weights(trainer), 4, size=30, replay=12)
    PLAIN[method](plain)
    tiny.learn(trainer, chosen)
    assert tiny.close(tiny.weights(trainer), weights_of(plain.network), 1e-5, 1e-6)
    stored = {name: t[0] for name, t in trainer.strategy.stored.items()}
    assert stored["y"].tolist() == [image.y for image in plain.memory]
    assert stored["owner"].tolist() == [image.owner for image in plain.memory]
    assert torch.equal(stored["x"], torch.stack([image.x for image in plain.memory]))
    finetuned = tiny.weights(tiny.train("finetuning", stream=where[0], scenario=where[1], seeds=(4,)))
    assert not tiny.close(tiny.weights(trainer), finetuned, 1e-2, 1e-3)


@pytest.mark.parametrize("where", WHERE)
def test_stored_logits_stand_in_the_columns_that_the_image_had(where: tuple[str, str]) -> None:
    trainer = tiny.train("derpp", "stream.tasks=3", stream=where[0], scenario=where[1])
    stored, stream = trainer.strategy.stored, trainer.stream
    for task in stream.tasks:
        mine = stored["logits"][stored["owner"] == task.index]
        first, stop = (0 if where[1] == "class" else task.columns[0], task.columns[1])
        assert len(mine)
        assert mine[:, first:stop].all()
        assert not mine[:, :first].any()
        assert not mine[:, stop:].any()


# -- A-GEM ------------------------------------------------------------------------------------------------------


def vectors(gradients: list[Tensor]) -> Tensor:
    return torch.cat([g.detach().flatten(1) for g in gradients], 1).double()


def projections(trainer: Trainer, chosen: Config) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Of every step with a memory and every seed: gradient before and after, and the reference."""
    strategy, found = trainer.strategy, []
    edit, measure = strategy.edit_gradients, strategy.reference
    references: list[Tensor] = []

    def reference(*arguments):
        gradients = measure(*arguments)
        references.append(vectors(gradients))
        return gradients

    def edit_gradients(model, batch) -> None:
        before = vectors([p.grad for p in model.params.values()])
        edit(model, batch)
        if references:
            found.append((before, vectors([p.grad for p in model.params.values()]), references.pop()))

    strategy.reference, strategy.edit_gradients = reference, edit_gradients
    tiny.learn(trainer, chosen)
    for step in found:
        yield from zip(*step, strict=True)


@pytest.mark.parametrize("where", WHERE)
def test_no_step_raises_the_loss_on_the_memory_and_one_that_does_not_is_left_alone(where: tuple[str, str]) -> None:
    chosen = tiny.config("agem", "stream.tasks=3", stream=where[0], scenario=where[1])
    conflicts = peaceful = 0
    for before, after, reference in projections(tiny.started(chosen), chosen):
        rounding = 1e-5 * before.norm() * reference.norm()
        assert after @ reference >= -rounding
        if before @ reference < -rounding:
            conflicts += 1
            assert abs(after @ reference) <= rounding
            assert not torch.equal(before, after)
        elif before @ reference > rounding:
            peaceful += 1
            assert torch.equal(before, after)
    assert conflicts > 3
    assert peaceful > 3 or where[1] == "class"  # there every step would push the old classes down


def test_each_seed_is_projected_for_itself_and_a_zero_reference_changes_nothing() -> None:
    g = [torch.tensor([[1.0, 2.0]] * 3), torch.tensor([[3.0]] * 3)]
    reference = [torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0], [-1.0], [0.0]])]
    project(g, reference)
    # second seed: g · r = -4, r · r = 2, so g + 2 r
    assert g[0].tolist() == [[1, 2], [-1, 2], [1, 2]]
    assert g[1].tolist() == [[3], [1], [3]]
    tiny_reference = [torch.full((3, 2), -1e-30), torch.full((3, 1), 0.0)]
    project(g, tiny_reference)
    assert all(bool(t.isfinite().all()) for t in g)


# -- ER-ACE -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", WHERE)
def test_new_images_leave_the_outputs_of_classes_that_are_not_in_their_batch(where: tuple[str, str]) -> None:
    trainer = tiny.train("er-ace", "strategy.replay=0", tasks=1, stream=where[0], scenario=where[1])
    model, task = trainer.model, trainer.stream.tasks[1]
    model.seen = 2
    trainer.strategy.begin_task(trainer, task)
    trainer.release(task)
    label = task.columns[1] - 1
    index = (task.train.labels == label).nonzero().flatten()[:5].expand(2, -1)
    x, y, _ = task.train[index]
    model.train(True)
    trainer.strategy.loss(model, Batch(x, y, task)).sum().backward()
    for part in ("weight", "bias"):
        assert not model.params[f"head.{part}"].grad.any()  # one class in the batch: nothing to tell apart
    index = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(1))[:4].expand(2, -1)
    x, y, _ = task.train[index]
    trainer.strategy.loss(model, Batch(x, y, task)).sum().backward()
    moved = model.params["head.bias"].grad[0].nonzero().flatten().tolist()
    assert moved == sorted(set(y[0].tolist()))
    assert len(moved) < trainer.stream.outputs


# -- without replay ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("sets", [("er", "replay=0"), ("agem", "replay=0"), ("derpp", "alpha=0", "beta=0")])
def test_without_replay_it_is_fine_tuning(sets: tuple[str, ...], where: tuple[str, str]) -> None:
    method, *options = sets
    options = ["network.dropout=0.3", *(f"strategy.{option}" for option in options)]
    place = {"stream": where[0], "scenario": where[1]}
    found = tiny.train(method, *options, **place)
    plain = tiny.train("finetuning", "network.dropout=0.3", **place)
    for seed in (0, 1):
        assert tiny.same(tiny.weights(found, seed), tiny.weights(plain, seed))
    asked = [generator(seed, "replay").get_state() for seed in (0, 1)]
    assert all(g.get_state().equal(a) for g, a in zip(found.generators("replay"), asked, strict=True))


@pytest.mark.parametrize("weights", [("1e-8", "1e-8"), ("1e-8", "0"), ("0", "1e-8")])
def test_replay_of_next_to_no_weight_is_fine_tuning_to_rounding(weights: tuple[str, str]) -> None:
    alpha, beta = weights
    trainer = tiny.train("derpp", f"strategy.alpha={alpha}", f"strategy.beta={beta}")
    assert tiny.close(tiny.weights(trainer), tiny.weights(tiny.train("finetuning")), 1e-5, 1e-6)
    untouched = generator(0, "replay").get_state()
    assert not trainer.generators("replay")[0].get_state().equal(untouched)


@pytest.mark.parametrize("option", ["alpha", "beta"])
def test_each_part_of_derpp_does_something(option: str) -> None:
    other = {"alpha": "beta", "beta": "alpha"}[option]
    trainer = tiny.train("derpp", f"strategy.{option}=1", f"strategy.{other}=0")
    assert not tiny.close(tiny.weights(trainer), tiny.weights(tiny.train("finetuning")), 1e-2, 1e-3)


@pytest.mark.parametrize("method", [*PLAIN, "gdumb"])
def test_a_seed_that_has_diverged_keeps_its_weights_and_its_memory(method: str) -> None:
    chosen = tiny.config(method)
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    weights, state = tiny.weights(trainer), copies(trainer.strategy.state())
    trainer.first_bad[0] = 3
    trainer.model.active = trainer.first_bad < 0
    tiny.learn_task(chosen, trainer, trainer.stream.tasks[1])
    assert tiny.same(tiny.weights(trainer), weights)
    assert all(t[0].equal(state[name][0]) for name, t in trainer.strategy.state().items())
    assert not any(
        t[1].equal(state[name][1]) for name, t in trainer.strategy.state().items() if name != "stored/filled"
    )


# -- GDumb ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", WHERE)
def test_gdumb_is_plain_training_from_the_initial_weights_on_the_memory(where: tuple[str, str]) -> None:
    sets = ("train.lr_step=1", "train.lr_gamma=0.5", "strategy.epochs=6", "strategy.memory_size=30")
    chosen = tiny.config("gdumb", *sets, stream=where[0], scenario=where[1], seeds=(4,))
    trainer = tiny.started(chosen)
    start, order = tiny.weights(trainer), generator(4, "order")
    group = Train(chosen).group((4,), Path("unused"))
    for task in trainer.stream.tasks:
        group.experiment.learn_task(group, trainer, task, [])
        memory = {name: t[0] for name, t in trainer.strategy.stored.items()}
        kept = int(memory["filled"])
        plain = Plain(trainer, start, 4, size=30, replay=0)
        images = [
            Remembered(memory["x"][m], int(memory["y"][m]), int(memory["owner"][m]), torch.zeros(0))
            for m in range(kept)
        ]
        plain.optimizer = torch.optim.SGD(plain.network.parameters(), lr=0.05, momentum=0.9)
        for epoch in range(6):
            # of two epochs the rate falls after each: of six after every third
            plain.optimizer.param_groups[0]["lr"] = 0.05 * 0.5 ** (epoch // 3)
            for rows in torch.randperm(kept, generator=order).split(16):
                plain.descend(mean(plain.cross_entropy([images[row] for row in rows.tolist()], task.index)))
        assert tiny.close(tiny.weights(trainer), weights_of(plain.network), 1e-5, 1e-6)
        assert not tiny.close(tiny.weights(trainer), start, 1e-3, 1e-3)
    assert kept == 30


@pytest.mark.parametrize("size", [7, 30, 80, 500])
def test_gdumb_knows_how_many_samples_it_will_train_on(size: int) -> None:
    for epochs in (0, 3):
        chosen = tiny.config(
            "gdumb", f"strategy.memory_size={size}", f"strategy.epochs={epochs}", "stream.tasks=3"
        )
        trainer = tiny.started(chosen)
        plan = [trainer.strategy.samples(task, trainer.stream, 2) for task in trainer.stream.tasks]
        done = []
        for task in trainer.stream.tasks:
            before = trainer.trained
            tiny.learn_task(chosen, trainer, task)
            done.append(trainer.trained - before)
        assert done == plan
        assert done[-1] == (epochs or 2) * int(trainer.strategy.stored["filled"][0])


def test_gdumb_validates_on_its_last_task_within_that_task_s_columns() -> None:
    trainer = tiny.train("gdumb", "stream.validation=0.3", "train.stop_on=validation")
    model, task = trainer.model, trainer.stream.tasks[1]
    loss = trainer.watched_loss(trainer.strategy.on_memory(task), torch.zeros(2))
    for x, y in trainer.sweep(task, task.validation, 2000):
        assert torch.allclose(loss, -model.log_likelihood(model(x, task), y, task).mean(1), 1e-5)


# -- order ------------------------------------------------------------------------------------------------------


def accuracy(method: str, folder: Path, *sets: str) -> float:
    """ACC in percent on split digits in the class scenario, mean of two seeds."""
    common = ("stream.tasks=5", "stream.limit=300", "network.hidden=64", "train.epochs=6")
    chosen = tiny.config(method, *common, *sets, stream="split-digits", scenario="class")
    runs = Train(chosen).group(chosen.seeds, folder / method).learn(Machine("cpu"), lambda news: None)
    return sum(sum(run.matrix[-1]) / len(run.matrix[-1]) for run in runs) / len(runs) * 100


@pytest.mark.long
def test_sgd_below_replay_below_joint_in_the_class_scenario(tmp_path: Path) -> None:
    memory = ("strategy.memory_size=60", "strategy.replay=16")
    plain = max(accuracy("sgd", tmp_path), accuracy("finetuning", tmp_path))
    agem = accuracy("agem", tmp_path, *memory)
    joint = accuracy("joint", tmp_path)
    for method in ("er", "er-ace", "derpp"):
        assert max(plain, agem) + 20 < accuracy(method, tmp_path, *memory) < joint - 3
    for method in ("gdumb", "icarl", "wa"):
        assert plain + 20 < accuracy(method, tmp_path, "strategy.memory_size=60") < joint - 3
