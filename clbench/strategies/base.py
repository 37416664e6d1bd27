"""The hooks of a method, and what plain SGD does in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from torch import Tensor

from clbench.config.scenario import Scenario
from clbench.errors import UserError
from clbench.models.base import CAPABILITIES, Model
from clbench.models.params import Params
from clbench.strategies.costs import Cost
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.config.training import Training
    from clbench.learn.trainer import Trainer


@dataclass
class Strategy:
    """Trains everything on the task at hand. Fields are hyper-parameters; state is set in `start`.

    State that must survive a kill is named in `remembers`: attributes that are tensors [S, ...] or dicts of them.
    """

    paper: ClassVar[str] = ""  # authors, year, title
    stores: ClassVar[tuple[Cost, ...]] = ()  # bytes of what it remembers
    scenarios: ClassVar[tuple[Scenario, ...]] = ("task", "domain", "class")  # that it can work in
    # What running statistics do after the first task: move on with every task; stay, as the weights do; or move,
    # and each task keeps its own, as it keeps its mask.
    statistics: ClassVar[Literal["running", "frozen", "per-task"]] = "running"
    remembers: ClassVar[tuple[str, ...]] = ()
    protocol: ClassVar[str] = "sequential"  # joint: all tasks at once in stage 1
    own_head: ClassVar[bool] = False  # in the task scenario: training reads and moves the task's own head alone
    single_head: ClassVar[bool] = False  # in the task scenario: one head for all tasks

    def unfit(self, scenario: Scenario, model: Model) -> str | None:
        """Why the method cannot work here, as the end of a sentence that begins with its name; else None."""
        if scenario not in self.scenarios:
            what = (
                "to know the task of a test image"
                if self.scenarios == ("task",)
                else "classes that come with tasks"
            )
            return f"needs {what}: --scenario {self.scenarios[0]}, not {scenario}"
        offers = model.offers | ({"images"} if model.reads_images else set())
        return next((CAPABILITIES[need] for need in self.needs() if need not in offers), None)

    def needs(self) -> tuple[str, ...]:
        """What it asks of a model, names of CAPABILITIES; with its options as they are."""
        return ()

    def statistics_move(self, task: Task) -> bool:
        """Whether running statistics move in a fit to `task` that begins now."""
        return self.statistics != "frozen" or task.index == 0

    def untrainable(self, stream: Stream, train: Training) -> str | None:
        """Why training of this length cannot teach it, as the end of a sentence that begins with its name."""
        return None

    def start(self, model: Model, stream: Stream) -> None:
        """Once a stream, before the first task."""

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        """Before each task."""

    def learn(self, trainer: Trainer, task: Task) -> None:
        """The training of one task."""
        trainer.fit(task)

    def end_task(self, trainer: Trainer, task: Task) -> None:
        """After each task, before it is scored."""

    def trainable(self, model: Model, task: Task) -> Params:
        """The parameters that `task` may change."""
        return model.params

    def shown(self, model: Model, batch: Batch) -> Batch:
        """What every player is trained on in the place of a batch: it, and what a method adds to it."""
        return batch

    def outputs(self, model: Model, x: Tensor, task: Task) -> Any:
        """The only way a model is used, in training and in evaluation: x [S, B, ...] -> [S, B, ...]."""
        return model(x, task)

    def loss(self, model: Model, batch: Batch) -> Tensor:
        """What is minimised, [S]."""
        return self.loss_on(model, batch)

    def loss_on(self, model: Model, batch: Batch) -> Tensor:
        """The task's own loss on a batch, [S]."""
        return model.loss(self.outputs(model, model.inputs(batch), batch.task), batch)

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        """After backward, before the optimiser's step: of each consolidated player, others without gradients."""

    def after_step(self, model: Model, batch: Batch) -> None:
        """After the optimiser's step; where several players are consolidated, once, when all have stepped."""

    def fitted(self, task: Task, stream: Stream) -> tuple[int, int]:
        """How many images a fit of `learn` is to, and of how many tasks they are."""
        return len(task.train), 1

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        """How many samples `learn` will train on, `epochs` passes a fit: for the progress estimate alone."""
        return epochs * len(task.train)

    def untouched(self, model: Model, task: Task) -> set[int]:
        """Places of the tasks that `task` leaves answered as they were, to the bit: they are not scored again."""
        return set()

    def pruned_share(self) -> Tensor | None:
        """Share of the weights that it may prune set to zero in the last task, [S]; None: it prunes nothing."""
        return None

    def kept_after(self, seen: int) -> Params:
        """What of its state it keeps beside the network after `seen` tasks, [S, ...]."""
        return self.state()

    def numbers(self, seen: int) -> int:
        """How many numbers of one seed it keeps beside the network after `seen` tasks."""
        return sum(t[0].numel() for t in self.kept_after(seen).values())

    def bytes(self, seen: int) -> int:
        """What these take, as they are kept."""
        return sum(t[0].numel() * t.element_size() for t in self.kept_after(seen).values())

    def own_weights(self, shape: tuple[int, ...]) -> int:
        """Numbers of a generator that it has beside a classifier of images [C, H, W]."""
        return 0

    def state(self) -> Params:
        """Everything remembered, flat: 'importance/network.blocks.0.weight' -> tensor [S, ...]."""
        flat: Params = {}
        for name in self.remembers:
            value = getattr(self, name)
            items = value.items() if isinstance(value, dict) else [("", value)]
            flat.update({f"{name}/{key}".rstrip("/"): tensor for key, tensor in items})
        return flat

    def restore(self, state: Params) -> None:
        """Put back what `state` gave; called after `start`, which settles names and shapes."""
        mine = self.state()
        if mine.keys() != state.keys():
            raise UserError(f"the method's state differs: {sorted(mine.keys() ^ state.keys())[:3]}")
        for name, tensor in mine.items():
            if tensor.shape != state[name].shape or tensor.dtype != state[name].dtype:
                raise UserError(f"the method's state {name!r} has another shape or type")
            tensor.copy_(state[name])
