"""The optimiser of one fit: new, or with the state that it had at the end of the fit before."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clbench.config.options import did_you_mean
from clbench.config.training import Training
from clbench.errors import UserError
from clbench.models.params import Params

NOT_ELEMENTWISE = ("optimizer", "lbfgs", "sparseadam", "muon", "adafactor")  # they would mix the seeds
WIDEST = 16  # floats of a processor's vector, at most
Make = Callable[[list[Tensor]], torch.optim.Optimizer]


def new_optimizer(options: Training, params: list[Tensor], rate: float = 1.0) -> torch.optim.Optimizer:
    """A new optimiser; `rate` is a factor of the learning rate."""
    known: dict[str, Any] = {n.lower(): c for n, c in vars(torch.optim).items() if inspect.isclass(c)}
    known = {n: c for n, c in known.items() if n not in NOT_ELEMENTWISE}
    if options.optimizer.lower() not in known:
        raise UserError(f"no optimizer called {options.optimizer!r}; {did_you_mean(options.optimizer, known)}")
    chosen = known[options.optimizer.lower()]
    # a decay of the optimiser's own (AdamW, ASGD) would shrink the heads of other tasks
    wanted: dict[str, Any] = {"momentum": options.momentum, "weight_decay": 0.0, "lambd": 0.0}
    taken = inspect.signature(chosen).parameters
    if options.betas is not None:
        if "betas" not in taken:
            raise UserError(f"train.betas are of Adam and its kin, and {chosen.__name__} takes none")
        wanted["betas"] = options.betas
    given = {name: value for name, value in wanted.items() if name in taken}
    groups = fused(params) if chosen is torch.optim.SGD and params[0].device.type == "cpu" else params
    made: torch.optim.Optimizer = uncompiled(chosen)(groups, lr=options.lr * rate, **given)
    for group in made.param_groups:
        if group.get("fused") and group["momentum"]:  # one pass takes all parameters with a momentum, or none
            made.state |= {p: {"momentum_buffer": torch.zeros_like(p.detach())} for p in group["params"]}
    return made


def fused(params: list[Tensor]) -> list[dict[str, Any]]:
    """The same in two groups: those that SGD can take in one pass over memory for three, the same to the bit.

    Of a tensor whose size is no multiple of a vector of the processor the rest would be rounded otherwise.
    """
    even = [p.numel() % WIDEST == 0 for p in params]
    parts = {kind: [p for p, fits in zip(params, even, strict=True) if fits is kind] for kind in (True, False)}
    return [{"params": part, "fused": kind} for kind, part in parts.items() if part]


@functools.cache
def uncompiled(kind: Any) -> Any:
    """The same optimiser for who never calls torch.compile: it computes what `kind` does, to the bit.

    The decorators of `add_param_group` and `step` import torch's compiler, torch._dynamo, at the first call (2.7 s
    of CPU time, in every process), only to tell it to keep away. Here both are called as they were written; what
    is left of the decorators' work, to switch gradients off, `step` does itself.
    """
    step = torch.no_grad()(inspect.unwrap(kind.step))
    step.hooked = True  # else torch wraps it once more, to tell its profiler of every step
    own = {"add_param_group": inspect.unwrap(kind.add_param_group), "step": step}
    return type(kind.__name__, (kind,), own)


class NewOptimizer:
    """One of torch's over all seeds at once, forgotten after the fit."""

    def __init__(self, params: Params, make: Make) -> None:
        self.params, self.torch = params, make(list(params.values()))

    @property
    def rate(self) -> float:
        """How far a constant unit gradient moves a weight per step in the long run: lr / (1 - momentum)."""
        group = self.torch.param_groups[0]
        return float(group["lr"]) / (1 - group.get("momentum", 0.0))

    def clear(self) -> None:
        for p in self.params.values():
            p.grad = None

    def step(self, active: Tensor) -> None:
        """One step; seeds that are not active [S] are put back by the caller."""
        self.torch.step()


class KeptOptimizer(NewOptimizer):
    """Goes on with `state`: 'exp_avg/network.blocks.0.weight' -> [S, ...], and [S] for such as a count of steps.

    Each seed's slice of a parameter is a parameter of torch's optimiser, which passes over those without a
    gradient: a seed that has stopped keeps its state, its count of steps included.
    """

    def __init__(self, params: Params, make: Make, state: Params) -> None:
        self.params = params
        self.slices = {name: [p.detach()[s] for s in range(len(p))] for name, p in params.items()}
        self.torch = make([part for parts in self.slices.values() for part in parts])
        for key, stored in state.items():
            what, _, name = key.partition("/")
            for part, values in zip(self.slices.get(name, ()), stored, strict=False):
                self.torch.state[part][what] = values.clone()

    def step(self, active: Tensor) -> None:
        steps = active.tolist()
        for name, parts in self.slices.items():
            gradient = self.params[name].grad
            for seed, part in enumerate(parts):
                part.grad = gradient[seed] if steps[seed] and gradient is not None else None
        self.torch.step()

    def state(self) -> Params:
        """What the next fit goes on with; zeros for a seed that never took a step."""
        found: Params = {}
        for name, parts in self.slices.items():
            each = [self.torch.state.get(part, {}) for part in parts]
            known = {what: t for state in each for what, t in state.items() if isinstance(t, Tensor)}
            for what, like in known.items():
                found[f"{what}/{name}"] = torch.stack([state.get(what, torch.zeros_like(like)) for state in each])
        return found
