"""A network with one linear head over all classes, of which a task sees a slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.learn.params import Params, generator
from clbench.learn.task import Batch, Stream, Task
from clbench.models.lift import lift, unrolled


class Classifier:
    """Parameters [S, ...] of all seeds, and what classification means: loss, score, likelihood, uncertainty."""

    def __init__(
        self, build: Callable[[], nn.Module], stream: Stream, seeds: Sequence[int], device: torch.device
    ) -> None:
        modules = [initialised(build, stream.outputs, seed) for seed in seeds]
        self.network = modules[0][0].to(device)
        self.stream, self.seeds, self.device = stream, tuple(seeds), device
        self.params: Params = stacked([dict(named(*m, "parameters")) for m in modules], device)
        self.buffers: Params = stacked([dict(named(*m, "buffers")) for m in modules], device)
        self.aliases = aliases(self.network)
        self.run = lift(device)
        self.training = False
        self.only: int | None = None  # the one seed in place, within as_seed
        self.seen = 0  # tasks shown so far
        self.active = torch.ones(len(seeds), dtype=torch.bool, device=device)
        self.noise = [generator(seed, "dropout", device) for seed in seeds]
        for p in self.params.values():
            p.requires_grad_(True)

    @property
    def shared(self) -> Params:
        """Every parameter but the heads: what regularisers look at."""
        return {name: p for name, p in self.params.items() if not name.startswith("head.")}

    @property
    def gateable(self) -> bool:
        """Whether the network takes gates: one factor a unit of each of its `blocks`, `widths` many."""
        return hasattr(self.network, "widths") and hasattr(self.network, "blocks")

    @property
    def units(self) -> tuple[int, ...]:
        """Gateable units of each block, in their order."""
        return tuple(getattr(self.network, "widths", ()))

    def columns(self, task: Task) -> slice:
        """The head's outputs that may answer for `task`: its own, or (class scenario) all seen so far."""
        if self.stream.scenario != "class":
            return slice(*task.columns)
        last = self.stream.tasks[self.seen - 1]  # seen = 0, untrained: all classes
        return slice(0, max(last.columns[1], task.columns[1]) if self.training else last.columns[1])

    def __call__(
        self,
        x: Tensor,
        task: Task,
        gates: Sequence[Tensor | None] | None = None,
        instead: Params | None = None,
    ) -> Tensor:
        """x [S, B, ...] -> logits [S, B, columns of the task].

        gates: [S or 1, B or 1, width] a block. instead: tensors [S, ...] to use in the place of shared parameters.
        """
        columns, params = self.columns(task), self.params
        if instead is not None:
            params = {**params, **{name: self.here(p) for name, p in instead.items()}}
        state = {**params, **self.buffers, **{a: params[name] for a, name in self.aliases.items()}}
        state["head.weight"] = params["head.weight"][:, columns]
        state["head.bias"] = params["head.bias"][:, columns]
        return self.run(self.network, state, x, self.gates(x, gates))

    def here(self, stacked: Tensor) -> Tensor:
        """The part [s, ...] of a tensor [S, ...] (or [1, ...]) that belongs to the seeds now in place."""
        return stacked if self.only is None or len(stacked) == 1 else stacked[self.only : self.only + 1]

    def gates(self, x: Tensor, gates: Sequence[Tensor | None] | None) -> list[Tensor | None]:
        """What multiplies each block's outputs: the method's gates, and in training the dropout noise."""
        wanted = (
            [None] * len(self.units) if gates is None else [None if g is None else self.here(g) for g in gates]
        )
        share = getattr(self.network, "dropout", 0.0)
        if not (self.training and share):
            return [None if g is None else g.expand(*x.shape[:1], -1, -1) for g in wanted]
        kept = [self.dropout_noise(x, width, share) for width in self.units]
        return [k if g is None else k * g for k, g in zip(kept, wanted, strict=True)]

    def dropout_noise(self, x: Tensor, width: int, share: float) -> Tensor:
        """[S, B, width]: 0 with probability `share`, else 1 / (1 - share); a stopped seed draws nothing."""
        kept = torch.ones(*x.shape[:2], width, device=self.device)
        for seed in self.active.nonzero().flatten().tolist():
            kept[seed].bernoulli_(1 - share, generator=self.noise[seed])
        return kept.div_(1 - share)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy of the batch, [S]. In joint training a row competes within its own task."""
        return self.cross_entropy(self.masked(outputs, batch), batch.y, batch.task).mean(1)

    def masked(self, outputs: Tensor, batch: Batch) -> Tensor:
        if batch.owner is None or self.stream.scenario != "task":
            return outputs
        spans = torch.tensor([t.columns for t in self.stream.tasks], device=self.device)[batch.owner]
        column = torch.arange(outputs.shape[-1], device=self.device)
        own = (column >= spans[..., :1]) & (column < spans[..., 1:])
        return outputs.masked_fill(~own, -torch.inf)

    def log_likelihood(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """log p(y | x), [S, B]; y holds columns of the head."""
        return -self.cross_entropy(outputs, y, task)

    def cross_entropy(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """-log p(y | x), [S, B]; y holds columns of the head."""
        target = y - self.columns(task).start
        return F.cross_entropy(outputs.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)

    def uncertainty(self, outputs: Tensor) -> Tensor:
        """Entropy of the predicted distribution, nats, [S, B] (paper, equation 7)."""
        log_q = outputs.log_softmax(-1)
        return -(log_q.exp() * log_q).sum(-1)

    def correct(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """Whether the highest output is the label, bool [S, B]."""
        return outputs.argmax(-1) + self.columns(task).start == y

    def parameters_at(self, seen: int) -> int:
        """Numbers of one seed's network with the heads of the first `seen` tasks (domain: the one head)."""
        last = max((t.columns[1] for t in self.stream.tasks[:seen]), default=0)
        per_output = sum(p[0, 0].numel() for name, p in self.params.items() if name.startswith("head."))
        return sum(p[0].numel() for p in self.shared.values()) + last * per_output

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """No dropout, no updates of running statistics, gradients of every parameter; puts back what was."""
        before, frozen = self.training, [p for p in self.params.values() if not p.requires_grad]
        self.train(False)
        for p in frozen:
            p.requires_grad_(True)
        try:
            yield
        finally:
            self.train(before)
            for p in frozen:
                p.requires_grad_(False)

    def train(self, training: bool) -> None:
        self.training = training
        self.network.train(training)

    @contextmanager
    def one_seed_at_a_time(self) -> Iterator[None]:
        """Unrolled on any device, so that hooks on the network's layers see plain tensors."""
        run, self.run = self.run, unrolled
        try:
            yield
        finally:
            self.run = run

    @contextmanager
    def as_seed(self, seed: int, shared: Params) -> Iterator[None]:
        """The model of one seed alone, with `shared` [...] in the place of its shared parameters."""
        params, buffers, run = self.params, self.buffers, self.run
        self.params = {name: p[seed : seed + 1].detach() for name, p in params.items()}
        self.params |= {name: p.unsqueeze(0) for name, p in shared.items()}
        self.buffers = {name: b[seed : seed + 1] for name, b in buffers.items()}
        self.run, self.only = unrolled, seed
        try:
            yield
        finally:
            self.params, self.buffers, self.run, self.only = params, buffers, run, None


def initialised(build: Callable[[], nn.Module], outputs: int, seed: int) -> tuple[nn.Module, nn.Module]:
    """Network and head of one seed. Layers of torch draw from the global generator: it is set and put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(seed, "weights").initial_seed())
        network = build()
        return network, nn.Linear(int(network.features), outputs)  # type: ignore[arg-type]


def named(network: nn.Module, head: nn.Module, what: str) -> Iterator[tuple[str, Tensor]]:
    for prefix, module in (("network.", network), ("head.", head)):
        for name, tensor in getattr(module, f"named_{what}")():
            yield prefix + name, tensor.detach()


def aliases(network: nn.Module) -> dict[str, str]:
    """Further names of parameters that several layers share: 'network.b.weight' -> 'network.a.weight'."""
    names = {id(p): name for name, p in network.named_parameters(prefix="network")}
    every = network.named_parameters(prefix="network", remove_duplicate=False)
    return {name: names[id(p)] for name, p in every if names[id(p)] != name}


def stacked(each: list[dict[str, Tensor]], device: torch.device) -> Params:
    return {name: torch.stack([e[name] for e in each]).to(device) for name in each[0]}
