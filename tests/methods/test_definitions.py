"""Regularisers against their papers' formulas: single samples, plain PyTorch, one seed, two tasks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tiny
import torch
from plain import Plain, assert_close, both
from torch import Tensor
from torch.nn import functional as F

from clbench.models.params import Params

LAM = 0.1
IN_GRADIENT = (f"strategy.lam={LAM}", "strategy.consolidation=gradient")


def mean(each: list[Params], f: Callable[[Tensor], Tensor]) -> Params:
    return {name: torch.stack([f(g[name]) for g in each]).mean(0) for name in each[0]}


def log_p(logits: Tensor, label: Tensor) -> Tensor:
    return logits.log_softmax(0)[label]


def fisher(plain: Plain, task: int) -> Params:
    """Kirkpatrick et al.: mean squared gradient of log p(label | x)."""
    return mean(plain.gradients(task, log_p), torch.square)


def exact_fisher(plain: Plain, task: int) -> Params:
    """The same, its expectation over the model's own labels."""
    each: list[Params] = []
    for c in (0, 1):
        each += plain.gradients(task, lambda z, _, c=c: z.log_softmax(0)[c] * z.softmax(0)[c].detach().sqrt())
    return {name: 2 * f for name, f in mean(each, torch.square).items()}


def sensitivity(plain: Plain, task: int) -> Params:
    """Aljundi et al., equation 3: mean absolute gradient of the squared norm of the outputs."""
    return mean(plain.gradients(task, lambda z, _: z.square().sum()), torch.abs)


def entropy_saliency(plain: Plain, task: int) -> Params:
    """Peng et al., equation 7, over one importance batch (all 50 images), entropies summed."""
    gradients = plain.gradients(task, lambda z, _: -(z.softmax(0) * z.log_softmax(0)).sum())
    found = {}
    for name, p in plain.copies().items():
        g = torch.stack([each[name] for each in gradients]).sum(0)
        found[name] = (g * p + 0.5 * g.square() * p.square()).clamp(min=0)
    return found


def ones(plain: Plain, task: int) -> Params:
    return {name: torch.ones_like(p) for name, p in plain.copies().items()}


def pulled(plain: Plain, task: int, importance: Params, anchor: Params, factor: float) -> None:
    """Train with the pull factor · lam · importance · (W - anchor) in the gradient."""

    def edit() -> None:
        for name, p in plain.shared.items():
            p.grad.add_(factor * LAM * importance[name] * (p.detach() - anchor[name]))  # type: ignore[union-attr]

    plain.fit(task, edit=edit)


CASES = {
    "ewc, given labels": ("ewc", ("strategy.fisher=empirical",), fisher, 1),
    "ewc, all labels": ("ewc", ("strategy.fisher=exact",), exact_fisher, 1),
    "mas": ("mas", (), sensitivity, 2),
    "anpyc": ("anpyc", ("strategy.pruning=none",), entropy_saliency, 1),
}


@pytest.mark.parametrize("case", CASES)
def test_importance_and_weights_of_two_tasks(case: str) -> None:
    method, sets, importance, factor = CASES[case]
    plain, trainer, chosen = both(method, *IN_GRADIENT, *sets)
    tiny.learn(trainer, chosen)
    plain.fit(0)
    first, anchor = importance(plain, 0), plain.copies()
    pulled(plain, 1, first, anchor, factor)
    second = importance(plain, 1)
    plain.assert_equal(trainer)
    for name, end in plain.copies().items():
        assert_close(trainer.strategy.omega[name][0], first[name] + second[name], name)
        assert torch.equal(trainer.strategy.anchor[name], trainer.model.params[name])
        assert not torch.allclose(end, anchor[name])


def test_online_ewc_decays_and_separate_ewc_pulls_to_every_anchor() -> None:
    for anchors in ("online", "separate"):
        sets = ("strategy.fisher=empirical", f"strategy.anchors={anchors}", "strategy.gamma=0.5", "stream.tasks=3")
        plain, trainer, chosen = both("ewc", *IN_GRADIENT, *sets)
        tiny.learn(trainer, chosen)
        plain.fit(0)
        fishers, anchor = [fisher(plain, 0)], [plain.copies()]
        pulled(plain, 1, fishers[0], anchor[0], 1)
        fishers.append(fisher(plain, 1))
        anchor.append(plain.copies())
        if anchors == "online":  # Schwarz et al. 2018: the old Fisher counts gamma, the newest weights anchor all
            total = {name: 0.5 * f + fishers[1][name] for name, f in fishers[0].items()}
            pulled(plain, 2, total, anchor[1], 1)
        else:  # Kirkpatrick et al. 2017: a penalty for each task

            def edit() -> None:
                for name, p in plain.shared.items():
                    for k in (0, 1):
                        p.grad.add_(LAM * fishers[k][name] * (p.detach() - anchor[k][name]))  # type: ignore[union-attr]

            plain.fit(2, edit=edit)
        plain.assert_equal(trainer)


class Path:
    """-Σ g · ΔW of a plain training whose pull comes after `note` has seen the gradient."""

    def __init__(self, plain: Plain) -> None:
        self.plain, self.before = plain, plain.copies()
        self.sum = {name: torch.zeros_like(p) for name, p in self.before.items()}

    def note(self) -> None:
        self.gradient = {name: p.grad.clone() for name, p in self.plain.shared.items()}  # type: ignore[union-attr]

    def add(self) -> None:
        for name, p in self.plain.copies().items():
            self.sum[name] -= self.gradient[name] * (p - self.before[name])
            self.before[name] = p


def test_si_is_the_path_integral_over_the_squared_displacement() -> None:
    plain, trainer, chosen = both("si", *IN_GRADIENT)
    tiny.learn(trainer, chosen)
    omega = {name: torch.zeros_like(p) for name, p in plain.copies().items()}
    anchor = plain.copies()
    for task in (0, 1):
        path = Path(plain)

        def edit() -> None:
            path.note()
            for name, p in plain.shared.items():
                if task:
                    p.grad.add_(2 * LAM * omega[name] * (p.detach() - anchor[name]))  # type: ignore[union-attr]

        plain.fit(task, edit=edit, after=path.add)
        for name, p in plain.copies().items():
            omega[name] = (omega[name] + path.sum[name] / ((p - anchor[name]).square() + 0.1)).clamp(min=0)
            anchor[name] = p
    plain.assert_equal(trainer)
    for name, expected in omega.items():
        assert_close(trainer.strategy.omega[name][0], expected, name)


def test_rwalk_is_a_running_fisher_and_the_gain_for_the_distance() -> None:
    """Chaudhry et al. 2018, with alpha 0.9, updates every 3 of the 8 steps, damping 0.001."""
    plain, trainer, chosen = both("rwalk", *IN_GRADIENT, "strategy.interval=3")
    tiny.learn(trainer, chosen)
    running = {name: torch.zeros_like(p) for name, p in plain.copies().items()}
    score, omega, anchor = dict(running), dict(running), plain.copies()
    for task in (0, 1):
        path, since, steps = Path(plain), plain.copies(), 0
        gained = {name: torch.zeros_like(p) for name, p in since.items()}
        shown: list[tuple[Tensor, Tensor]] = []

        def loss(x: Tensor, y: Tensor, rows: Tensor, progress: float) -> Tensor:
            shown.append((x, y))
            return F.cross_entropy(plain(x, task), y)

        def edit() -> None:
            path.note()
            for name, p in plain.shared.items():
                if task:
                    p.grad.add_(2 * LAM * omega[name] * (p.detach() - anchor[name]))  # type: ignore[union-attr]

        def add_score() -> None:
            for name, p in plain.copies().items():
                distance = 0.5 * running[name] * (p - since[name]).square()
                gained[name] += path.sum[name] / (distance + 1e-3)
                since[name] = p
                path.sum[name].zero_()

        def after() -> None:
            nonlocal steps
            path.add()
            steps += 1
            if steps % 3 == 0:
                x, y = shown[-1]
                with torch.enable_grad():
                    each = [
                        torch.autograd.grad(log_p(plain(x[n : n + 1], task)[0], y[n]), list(plain.shared.values()))
                        for n in range(len(x))
                    ]
                for k, name in enumerate(plain.shared):
                    squares = torch.stack([g[k].square() for g in each]).mean(0)
                    running[name] = 0.9 * squares + 0.1 * running[name]
                add_score()

        plain.fit(task, loss=loss, edit=edit, after=after)
        assert steps == 8
        add_score()
        for name, gain in gained.items():
            score[name] = gain.clamp(min=0) if task == 0 else (score[name] + gain.clamp(min=0)) / 2
        largest = [max(float(v.max()) for v in values.values()) for values in (running, score)]
        omega = {name: running[name] / largest[0] + score[name] / largest[1] for name in running}
        anchor = plain.copies()
    plain.assert_equal(trainer)
    for name, expected in omega.items():
        assert_close(trainer.strategy.fisher[name][0], running[name], name)
        assert_close(trainer.strategy.score[name][0], score[name], name)
        assert_close(trainer.strategy.omega[name][0], expected, name)


def test_l2_pulls_every_weight_alike_however_many_tasks_there_were() -> None:
    plain, trainer, chosen = both("l2", *IN_GRADIENT, "stream.tasks=3")
    tiny.learn(trainer, chosen)
    plain.fit(0)
    for task in (1, 2):
        pulled(plain, task, ones(plain, 0), plain.copies(), 1.0)
    plain.assert_equal(trainer)
