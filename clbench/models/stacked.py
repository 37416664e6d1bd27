"""The seed axis: modules written for one seed, and the tensors [S, ...] of all seeds that take their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from clbench.errors import UserError
from clbench.models.lift import Forward, lift, unrolled
from clbench.models.noise import Noise, seed_dropout
from clbench.models.params import Params, copies
from clbench.models.passes import Passes
from clbench.models.slots import normalises_over_the_batch, slots_of
from clbench.streams.budget import Budget
from clbench.streams.draws import generator

Modules = dict[str, nn.Module]  # of one seed, by the first part of its parameters' names
STATISTICS = "statistics"  # in the names of those that tasks keep


class Stacked:
    """Everything that a model has of each seed, and how one program runs all of them.

    params: what may be trained. fixed: parameters that never are, since the network says requires_grad_(False) of
    them or no gradient reaches them. buffers: running statistics and the like. statistics: the buffers that
    earlier tasks keep, by the task's index. active: bool [S], which seeds still learn.
    """

    heads: tuple[str, ...] = ()  # modules, parts of which belong to one task

    def __init__(self, build: Callable[[], Modules], seeds: Sequence[int], device: torch.device) -> None:
        each = [initialised(build, seed) for seed in seeds]
        self.seeds, self.device = tuple(seeds), device
        self.active = torch.ones(len(seeds), dtype=torch.bool, device=device)
        self.noise = Noise([generator(seed, "dropout", device) for seed in seeds], lambda: self.active)
        self.modules: Modules = {name: module.to(device) for name, module in each[0].items()}
        for module in self.modules.values():
            seed_dropout(module, self.noise)
        trained = {name for name, p in parameters_named(each[0], "parameters") if p.requires_grad}
        every = stacked([dict(parameters_named(one, "parameters")) for one in each], device)
        self.params: Params = {name: p for name, p in every.items() if name in trained}
        self.fixed: Params = {name: p for name, p in every.items() if name not in trained}
        self.buffers: Params = stacked([dict(parameters_named(one, "buffers")) for one in each], device)
        for name, own in (*parameters_named(each[0], "parameters"), *parameters_named(each[0], "buffers")):
            own.data = {**every, **self.buffers}[name][0]  # where they lie for all seeds: no second copy
        self.statistics: dict[int, Params] = {}
        self.aliases = aliases(self.modules)
        self.slots = slots_of(self.modules, self.heads)
        self.normalises = normalises_over_the_batch(self.modules)
        self.run = lift(device)
        self.training, self.moving = False, True
        self.precision, self.channels_last, self.budget = "float32", False, Budget()  # the trainer's to say
        self.only: int | None = None  # the one seed in place, within as_seed
        self.narrow: Params = {}  # what a task uses of its head, within own_head
        self.passes = Passes()
        for p in self.params.values():
            p.requires_grad_(True)

    def fix(self, names: set[str]) -> None:
        """Never train these from here on."""
        self.fixed |= {name: p.detach().requires_grad_(False) for name, p in self.params.items() if name in names}
        self.params = {name: p for name, p in self.params.items() if name not in names}

    def forward(self, function: Forward, inputs: Sequence[Tensor | None], instead: Params | None = None):
        """function(seed, *inputs [B, ...]) of every seed: inputs [S, B, ...] -> outputs [S, ...].

        instead: tensors [S, ...] to use in the place of those of the same names.
        """
        state = {**self.fixed, **self.params, **self.buffers}
        state |= {name: self.here(t) for name, t in (instead or {}).items()}
        state |= {alias: state[name] for alias, name in self.aliases.items()}
        first = next(t for t in inputs if t is not None)
        if self.training and self.normalises and first.shape[1] == 1:
            raise UserError(
                "the network normalises over the batch, and one image leaves nothing to normalise with; "
                "use a train.batch_size (or, with replay, a memory batch) of at least 2"
            )
        if self.channels_last:
            inputs = [channels_last(t) if t is not None and t.dim() == 5 else t for t in inputs]
        if self.precision == "float32":
            outputs = self.run(function, self.modules, state, inputs, self.noise, self.only or 0)
        else:
            with torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False):
                outputs = self.run(function, self.modules, state, inputs, self.noise, self.only or 0)
            outputs = outputs.float() if isinstance(outputs, Tensor) else tuple(t.float() for t in outputs)
        self.passes.count(first.shape[0] * first.shape[1], outputs)
        return outputs

    def here(self, t: Tensor) -> Tensor:
        """The part [s, ...] of a tensor [S, ...] (or [1, ...]) that belongs to the seeds now in place."""
        return t if self.only is None or len(t) == 1 else t[self.only : self.only + 1]

    def drawing(self, generators: Sequence[torch.Generator]) -> list[torch.Generator | None]:
        """Those of the seeds that still learn; None for one that has stopped, which draws nothing."""
        return [g if a else None for g, a in zip(generators, self.active.tolist(), strict=True)]

    # -- training and measuring -----------------------------------------------------------------------------------

    def train(self, training: bool) -> None:
        """Training or evaluation mode; where statistics do not move, layers that have any stay in evaluation."""
        self.training = training
        for module in self.modules.values():
            module.train(training)
            if training and not self.moving:
                for layer in module.modules():
                    if any(True for _ in layer.buffers(recurse=False)):
                        layer.training = False

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

    @contextmanager
    def statistics_held(self) -> Iterator[None]:
        """For passes in training mode that only measure: running statistics are put back as they were."""
        kept = copies(self.buffers)
        try:
            yield
        finally:
            for name, b in self.buffers.items():
                b.copy_(kept[name])

    def keep_statistics(self, task: int) -> None:
        """From here on `task` is answered with the running statistics as they are now."""
        self.statistics[task] = copies(self.buffers)

    def numbers_kept(self) -> int:
        """Of one seed, in the running statistics that earlier tasks keep."""
        return sum(b[0].numel() for each in self.statistics.values() for b in each.values())

    def bytes_kept(self) -> int:
        """Of the same, what they take."""
        return sum(b[0].numel() * b.element_size() for each in self.statistics.values() for b in each.values())

    @contextmanager
    def statistics_of(self, task: int) -> Iterator[None]:
        """Within, the running statistics that `task` keeps, if it keeps any."""
        before, self.buffers = self.buffers, self.statistics.get(task, self.buffers)
        try:
            yield
        finally:
            self.buffers = before

    @contextmanager
    def one_seed_at_a_time(self) -> Iterator[None]:
        """Unrolled on any device, so that hooks on the network's layers see plain tensors."""
        run, self.run = self.run, unrolled
        try:
            yield
        finally:
            self.run = run

    @contextmanager
    def standing_in(self, state: Params) -> Iterator[None]:
        """Within, these tensors [S, ...] in the place of parameters and buffers of the same names."""
        kept, narrow = (self.params, self.buffers), self.narrow
        self.params, self.buffers = ({name: state.get(name, t) for name, t in each.items()} for each in kept)
        self.narrow = {name: t for name, t in narrow.items() if name not in state}
        try:
            yield
        finally:
            self.params, self.buffers = kept
            self.narrow = narrow

    @contextmanager
    def as_seed(self, seed: int, shared: Params) -> Iterator[None]:
        """The model of one seed alone, with `shared` [...] in the place of its shared parameters."""
        kept = self.params, self.fixed, self.buffers, self.run
        self.params, self.fixed, self.buffers = (
            {name: t[seed : seed + 1].detach() for name, t in tensors.items()} for tensors in kept[:3]
        )
        self.params |= {name: p.unsqueeze(0) for name, p in shared.items()}
        self.run, self.only = unrolled, seed
        try:
            yield
        finally:
            self.params, self.fixed, self.buffers, self.run = kept
            self.only = None

    # -- checkpoints ----------------------------------------------------------------------------------------------

    def state(self) -> Params:
        """Everything that the model is, by name, [S, ...]."""
        kept = {f"{STATISTICS}/{t}/{n}": b for t, each in self.statistics.items() for n, b in each.items()}
        return {**self.params, **self.fixed, **self.buffers, **kept}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave; UserError where it is of another network."""
        kept = {name: t for name, t in state.items() if name.startswith(f"{STATISTICS}/")}
        self.statistics = {}
        for name in kept:
            _, task, _ = name.split("/", 2)
            self.statistics.setdefault(int(task), copies(self.buffers))
        mine = self.state()
        if mine.keys() != state.keys():
            raise UserError("another network's parameters")
        for name, t in mine.items():
            if t.shape != state[name].shape or t.dtype != state[name].dtype:
                raise UserError(f"{name} has shape {list(state[name].shape)}, expected {list(t.shape)}")
            t.copy_(state[name])


def channels_last(x: Tensor) -> Tensor:
    """The same images [S, B, C, H, W], the channels of a pixel side by side in memory.

    Always a copy: what lies so already may have other strides where a size is 1, and kernels choose by strides.
    """
    return x.movedim(2, -1).clone(memory_format=torch.contiguous_format).movedim(-1, 2)


def initialised(build: Callable[[], Modules], seed: int) -> Modules:
    """The modules of one seed. Layers of torch draw from the global generator: it is set and put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(seed, "weights").initial_seed())
        return build()


def parameters_named(modules: Modules, what: str) -> Iterator[tuple[str, Tensor]]:
    """Parameters or buffers by their full names, each once."""
    seen: set[int] = set()
    for prefix, module in modules.items():
        for name, tensor in getattr(module, f"named_{what}")(prefix=prefix):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor


def aliases(modules: Modules) -> dict[str, str]:
    """Further names of parameters that several layers share: 'network.b.weight' -> 'network.a.weight'."""
    names = {id(p): name for name, p in parameters_named(modules, "parameters")}
    every = [
        pair
        for prefix, module in modules.items()
        for pair in module.named_parameters(prefix=prefix, remove_duplicate=False)
    ]
    return {name: names[id(p)] for name, p in every if names[id(p)] != name}


def stacked(each: list[dict[str, Tensor]], device: torch.device) -> Params:
    return {name: torch.stack([e[name].detach() for e in each]).to(device) for name in each[0]}
