"""Which values come next and which trials are hopeless: Optuna's samplers and its median rule."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from clbench.results.sweep_record import Trial
from clbench.scores import ACCURACY, Score
from clbench.sweep.plan import Plan
from clbench.sweep.space import Axis

AT_FIRST = 5  # trials that are finished before any is stopped, and before TPE models them
STATES = {  # TPE takes what is pruned for worse than all that is complete, and learns nothing of a failure
    "done": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.PRUNED,
    "repeated": TrialState.FAIL,
}


class Search:
    """An Optuna study that is made anew from the record at every start, so that a killed sweep goes on."""

    def __init__(self, plan: Plan, measure: Score = ACCURACY) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.plan = plan
        self.axes = plan.axes
        pruner = optuna.pruners.MedianPruner(n_startup_trials=AT_FIRST) if plan.stop_early else None
        direction = StudyDirection.MAXIMIZE if measure.better == "higher" else StudyDirection.MINIMIZE
        self.study = optuna.create_study(direction=direction, pruner=pruner or optuna.pruners.NopPruner())
        self.open: dict[int, optuna.trial.Trial] = {}
        self.grid = (
            itertools.product(*(range(len(a.values)) for a in self.axes)) if plan.search == "grid" else None
        )

    def ask(self, number: int) -> dict[str, Any]:
        """The values of trial `number`; trials are asked for in order."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = self.sampler(number)
        if self.grid is not None:
            self.study.enqueue_trial(dict(zip((a.name for a in self.axes), next(self.grid), strict=True)))
        trial = self.study.ask({axis.name: distribution(axis) for axis in self.axes})
        self.open[number] = trial
        return {axis.name: value(axis, trial.params[axis.name]) for axis in self.axes}

    def sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Seeded by the trial, so that a search that was interrupted draws what it would have drawn."""
        seed = (int(self.plan.digest[:6], 16) + number) % 2**31
        if self.plan.search == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=AT_FIRST, constant_liar=True)
        return optuna.samplers.RandomSampler(seed=seed)

    def again(self, trial: Trial) -> None:
        """A trial of the record, finished or to be gone on with, as if it had been asked for now."""
        if self.grid is not None:
            next(self.grid)
        params = {axis.name: place(axis, trial.values[axis.name]) for axis in self.axes}
        self.study.enqueue_trial(params)
        self.open[trial.number] = self.study.ask({axis.name: distribution(axis) for axis in self.axes})
        if trial.status != "running":
            for stage in range(len(trial.scores)):
                self.open[trial.number].report(trial.scores[stage], stage)
            self.tell(trial)

    def hopeless(self, trial: Trial) -> bool:
        """Whether its mean after the last task is worse than the median of the trials that have come as far."""
        if not trial.scores:
            return False
        open_ = self.open[trial.number]
        open_.report(trial.scores[-1], len(trial.scores) - 1)
        return self.plan.stop_early and open_.should_prune()

    def tell(self, trial: Trial) -> None:
        state = STATES[trial.status]
        score = trial.score if state == TrialState.COMPLETE else None
        self.study.tell(self.open.pop(trial.number), score, state=state)


def distribution(axis: Axis) -> BaseDistribution:
    """Listed values are searched by their place in the list, so that lists of anything keep their order."""
    if axis.values:
        return IntDistribution(0, len(axis.values) - 1)
    if axis.integer:
        return IntDistribution(round(axis.low), round(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def value(axis: Axis, found: Any) -> Any:
    return axis.values[found] if axis.values else found


def place(axis: Axis, found: Any) -> Any:
    return axis.values.index(found) if axis.values else found
