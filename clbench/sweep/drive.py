"""A sweep from start to end: trials as they are asked for, their record, then the winner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from clbench import results
from clbench.config.resolve import Config
from clbench.errors import MachineFault, UserError, of_machine
from clbench.results import AnyResult, Result, Run, SeedRun
from clbench.results import sweep_record as records
from clbench.results.atomic import write_whole
from clbench.results.locks import locked
from clbench.results.sweep_record import Record, Trial
from clbench.results.trial_files import compare
from clbench.results.trial_scores import scores_of, spread_of
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.provenance import other_code
from clbench.run.schedule import Executor, Silent, Watcher, run_experiments, schedule
from clbench.run.store import InTheWay, ResultFile, Store, now
from clbench.run.train import Train, stream_cache
from clbench.scores import Score, score_of
from clbench.sweep.continual import Continual
from clbench.sweep.other_data import require_fit
from clbench.sweep.plan import PROTOCOLS, Plan
from clbench.sweep.search import Search

TRIALS = Path(results.TRIALS)


class Onlooker(Watcher, Protocol):
    """A watcher that also hears of trials."""

    def trials(self, record: Record, trial: Trial) -> None:
        """One of them has begun, come further or ended."""
        ...


class SilentOnlooker(Silent):
    def trials(self, record: Record, trial: Trial) -> None: ...


@dataclass
class Outcome:
    """What a sweep leaves."""

    record: Record
    path: Path  # of the record
    winner: Path  # its result's file
    result: Result  # of the seeds asked for


class Trials:
    """The agenda of a search: which trial is to run next, what came of it; keeps the record."""

    def __init__(
        self, plan: Plan, record: Record, store: Store, keep: Callable[[Record], None], watch: Onlooker
    ) -> None:
        self.plan, self.record, self.store, self.keep, self.watch = plan, record, store, keep, watch
        self.search = Search(plan, record.measure)
        self.known: dict[str, Trial] = {}  # digest of its configuration -> the first trial with it
        self.open: dict[str, Trial] = {}
        self.unfinished: list[Trial] = []
        for trial in record.trials:
            if trial.status == "running":
                trial.scores, trial.reason = [], None
                self.unfinished.append(trial)
            self.search.again(trial)
            self.known.setdefault(plan.trial(trial.values).digest, trial)

    def next(self) -> ResultFile | None:
        while (trial := self.unfinished.pop(0) if self.unfinished else self.new()) is not None:
            config = self.plan.trial(trial.values)
            first = self.known.setdefault(config.digest, trial)
            if first is not trial:
                self.repeated(trial, first)
                continue
            self.open[config.digest] = trial
            trial.file = str(TRIALS / config.path)
            self.keep_and_show(trial)
            try:
                take_over(self.store.out.parent / config.path, self.store.out / config.path)
                file = self.store.open(Train(config))
                if not file.finished:
                    file.begin()
                    return file
            except UserError as error:
                if isinstance(error, InTheWay) or of_machine(error):
                    raise  # the trial stays open, and is not told from those that have not begun
                self.conclude(config.digest, None, [error])
            else:
                file.close()
                self.ended(file, [])
        return None

    def new(self) -> Trial | None:
        number = len(self.record.trials)
        if number >= self.plan.trials:
            return None
        values = self.search.ask(number)
        trial = Trial(number, values, str(TRIALS / self.plan.trial(values).path))
        self.record.trials.append(trial)
        return trial

    def repeated(self, trial: Trial, first: Trial) -> None:
        """Its configuration is another trial's, as where an option is not used: there is nothing to run."""
        trial.status, trial.reason = "repeated", f"the same run as trial {first.number + 1}"
        self.search.tell(trial)
        self.keep_and_show(trial)

    def hopeless(self, file: ResultFile, runs: Sequence[SeedRun]) -> bool:
        trial = self.open[file.experiment.config.digest]
        scores = scores_of(runs, self.record.measure)
        if len(scores) <= len(trial.scores):
            return False
        trial.scores = scores
        self.watch.trials(self.record, trial)
        if len(scores) < tasks_of(runs) and self.search.hopeless(trial):
            trial.status, trial.reason = (
                "stopped",
                f"worse than the median of the other trials after task {len(scores)}",
            )
        return trial.status == "stopped"

    def ended(self, file: ResultFile, problems: list[UserError]) -> None:
        """MachineFault, with the trial left open, where it ended by that."""
        for problem in problems:
            if of_machine(problem):
                raise MachineFault(f"{problem}; the sweep stopped, and the same command goes on") from problem
        self.conclude(file.experiment.config.digest, file.asked, problems)

    def conclude(self, digest: str, result: AnyResult | None, problems: list[UserError]) -> None:
        """Without a result it could not begin."""
        trial = self.open.pop(digest)
        if result is None or problems:
            trial.status, trial.reason = "failed", str(problems[0])
        elif trial.status != "stopped" or result.status == "done":
            diverged = any(run.status == "diverged" for run in result.runs)
            trial.status, trial.reason = ("diverged" if diverged else "done"), result.reason
        if result is not None:
            measure = self.record.measure
            trial.scores = scores_of(result.runs, measure)
            trial.spread = spread_of(result.runs, measure)
            trial.seconds = round(sum(result.runs[0].seconds), 3)
        self.search.tell(trial)
        self.keep_and_show(trial)

    def keep_and_show(self, trial: Trial) -> None:
        self.keep(self.record)
        self.watch.trials(self.record, trial)


def take_over(before: Path, path: Path) -> None:
    """Copy a finished trial to where trials lie, from among the results, where older versions put them."""
    if before.exists() and not path.exists():
        write_whole(path, before.read_bytes())


def tasks_of(runs: Sequence[SeedRun]) -> int:
    return max(len(run.matrix[0]) if isinstance(run, Run) and run.matrix else 0 for run in runs)


# -- the whole ------------------------------------------------------------------------------------------------


def sweep(
    plan: Plan,
    out: Path,
    machine: Machine,
    executor: Executor | None = None,
    force: bool = False,
    watch: Onlooker | None = None,
    pushed: Callable[[Path], None] = lambda path: None,
) -> Outcome:
    """Run what is missing of a sweep and train its winner; `pushed` hears of the record when it was written."""
    watch, executor = watch or SilentOnlooker(), executor or Local(1)
    path = out / plan.path
    with locked(path), stream_cache.kept():
        record = None if force else records.found(path)
        if record is not None:
            require_same_trials(plan, record, path, out, machine.accept_modified)
            reopen(record)
        record = record or Record(plan.digest, plan.as_dict(), started=now(), origins=plan.base.origins)

        def keep(record: Record) -> None:
            records.save(record, path)
            pushed(path)

        record.score = asdict(checked(plan, machine))
        require_same_code(plan, record, out)
        if plan.protocol == "continual":
            final: Train = Continual(plan.continual(), searched(plan, record, None, path))
        else:
            run_trials(plan, record, out, replace(machine, keep="none"), executor, force, keep, watch)
            best = record.best
            if best is None:
                keep(record)
                raise UserError(f"no trial has finished: {reasons(record)}; {path} has every trial's reason")
            final = Train(plan.winner(best.values), searched(plan, record, best, path))
        [(winner, result)] = run_experiments([final], out, machine, executor, force, watch)
        if not tells_of(result.search, final.search):
            with locked(winner):
                whole = results.load(winner, machine.accept_modified)
                results.save(replace(whole, search=final.search), winner)
        record.winner = {"file": str(winner.relative_to(out)), **describe_winner(record.best, record)}
        record.status, record.finished = "done", record.finished or now()
        keep(record)
    return Outcome(record, path, winner, result)


def reopen(record: Record) -> None:
    """Trials that failed have a second chance; until all have ended there is no winner."""
    for trial in record.trials:
        trial.status = "running" if trial.status == "failed" else trial.status
    if record.count("running"):
        record.status, record.finished, record.winner = "running", None, {}


def tells_of(stored: dict[str, Any] | None, search: dict[str, Any] | None) -> bool:
    """Whether the winner's file says what is true of this search; or of another, that found it before."""
    return stored == search or (stored is not None and stored.get("record") != (search or {}).get("record"))


def run_trials(
    plan: Plan,
    record: Record,
    out: Path,
    machine: Machine,
    executor: Executor,
    force: bool,
    keep: Callable[[Record], None],
    watch: Onlooker,
) -> None:
    """All trials of a search that have not ended, as many at a time as the executor takes.

    One at a time where they depend on each other and nobody asked for more: then the same command tries the same.
    """
    left = plan.trials - record.count(*records.ENDED)
    device, words = machine.prepare(), None
    if plan.ordered and executor == Local(None):
        most, words = 1, "one trial at a time, as each depends on those before; --workers runs several"
    else:
        most = executor.processes(left, machine, device)
        words = executor.explain(left, most, machine, device)
    if left > 1 and words:
        watch.say(words)
    watch.expect(left)
    with Store(out / TRIALS, machine, processes=most, force=force) as store:
        schedule(Trials(plan, record, store, keep, watch), executor, store, watch)


def require_same_trials(plan: Plan, record: Record, path: Path, out: Path, accept_modified: bool) -> None:
    """UserError where the record is of another plan, or a trial not that of the plan or of its own file."""
    if record.digest != plan.digest:
        raise UserError(f"{path}: holds another sweep ({record.digest}); {records.AFRESH}")
    for trial in record.trials:
        lies = plan.trial(trial.values).path
        if Path(trial.file) not in (TRIALS / lies, lies):
            raise UserError(f"{path}: trials[{trial.number}].file: {trial.file} is not its own; {records.AFRESH}")
    compare(record, path, out, accept_modified)


def require_same_code(plan: Plan, record: Record, out: Path) -> None:
    """UserError where a trial so far was made by other code of a plugin than there is now."""
    plugins = Train(plan.base).plugins
    for trial in record.trials if plugins else ():
        path = out / trial.file
        if path.exists() and (words := other_code(results.load(path, True), plugins)):
            raise UserError(f"{path}: {words}; --force runs the sweep afresh")


def checked(plan: Plan, machine: Machine) -> Score:
    """The data is there and the method can be made: what is wrong with all trials is said once, before any.

    Returns what they will be scored by.
    """
    if plan.protocol == "other-data":
        require_fit(plan, first_values(plan), machine)
    config: Config = plan.continual() if plan.protocol == "continual" else plan.trial(first_values(plan))
    return score_of(Train(config).result(machine, machine.prepare()))


def first_values(plan: Plan) -> dict[str, Any]:
    return {axis.name: axis.ends[0] for axis in plan.axes}


def searched(plan: Plan, record: Record, best: Trial | None, path: Path) -> dict[str, Any]:
    """What the winner's result file says of how its values were found."""
    asked = plan.as_dict()
    judged_by = PROTOCOLS[plan.protocol].format(mean=record.measure.mean_name, tune_on=plan.tune_on)
    if plan.tune_on and plan.tasks:
        judged_by += f", the first {plan.tasks} tasks alone"
    return {
        "record": path.name,
        "space": asked["space"],
        "search": plan.search,
        "trials": {state: n for state in records.ENDED if (n := record.count(state))},
        "protocol": plan.protocol,
        **({"tuned_on": asked["tune_on"]} if plan.tune_on else {}),
        "data": f"{judged_by}; {100 * plan.validation:g} percent of each task's training images",
        "search_seeds": list(plan.search_seeds),
        **describe_winner(best, record),
    }


def describe_winner(best: Trial | None, record: Record) -> dict[str, Any]:
    if best is None:
        return {}
    return {"trial": best.number, "values": best.values, f"validation_{record.measure.mean_name}": best.score}


def reasons(record: Record) -> str:
    """The reason of the first trial that has one."""
    return next(iter(unfinished_reasons(record)), "there was none")


def unfinished_reasons(record: Record) -> Iterator[str]:
    return (f"trial {trial.number + 1} {trial.status}: {trial.reason}" for trial in record.trials if trial.reason)


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {"record": str(outcome.path), "winner_file": str(outcome.winner), **asdict(outcome.record)}
