"""The executor of a cluster: groups of seeds as Ray tasks, the same work as in processes here."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from clbench.errors import MachineFault, UserError
from clbench.registry import PluginWarning
from clbench.run.experiment import News, SeedGroup, Stopped
from clbench.run.local import STOP, Failure, Grouped, Local, Outcome, Teller, learn, outcome_of, reason
from clbench.run.machine import Machine
from clbench.run.schedule import Executor
from clbench.run.train import stream_cache

TIMES = 4  # a group is begun, before one that loses its node again and again is given up
POLL = 0.2  # seconds between two looks at the news
J = TypeVar("J", bound=Grouped)


def load_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise UserError(
            "--ray needs Ray, which is not installed: pip install '.[ray]' where clbench was cloned"
        ) from None
    return ray


@contextmanager
def connected(address: str, cpus: float, gpus: float) -> Iterator[Cluster]:
    """A cluster by its address (HOST:PORT, ray://HOST:PORT or auto), or `local`: one of this machine's cores."""
    ray = load_ray()
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "include_dashboard": False}
    if address != "local":
        options = {"address": address, "logging_level": logging.ERROR, "log_to_driver": False}
    require_answer(address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray announces changes of its own
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            words = " ".join(str(error).split())[:200]
            raise UserError(
                f"--ray {address}: no cluster answers there ({words}); ray start --head begins one"
            ) from None
        try:
            yield Cluster(ray, cpus, gpus)
        finally:
            ray.shutdown()


@contextmanager
def executor(address: str | None, cpus: float, gpus: float, workers: int | None) -> Iterator[Executor]:
    """The cluster there; without an address processes here."""
    if address is None:
        yield Local(workers)
    else:
        with connected(address, cpus, gpus) as found:
            yield found


def require_answer(address: str) -> None:
    """UserError where nothing listens: Ray itself tries for minutes and then ends the process."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise UserError(
            f"--ray {address}: no cluster answers there ({error}); ray start --head begins one"
        ) from None


@dataclass
class Going:
    """A job on the cluster."""

    job: Any
    key: int
    times: int = 1


@dataclass
class Cluster:
    """Where groups run: each takes `cpus` cores and `gpus` (shares of) GPUs of some node."""

    ray: Any
    cpus: float = 1.0
    gpus: float = 0.0
    going: dict[Any, Going] = field(default_factory=dict)

    def slots(self) -> int:
        """How many groups the cluster's nodes take at once, now."""
        have = self.ray.cluster_resources()
        rooms = [have.get(name, 0.0) // each for name, each in (("CPU", self.cpus), ("GPU", self.gpus)) if each]
        return max(1, int(min(rooms, default=1)))

    def parts(self, experiments: int, machine: Machine, device: torch.device) -> int:
        """All seeds of an experiment are one program, for one node."""
        return 1

    def processes(self, groups: int, machine: Machine, device: torch.device) -> int:
        return min(groups, self.slots())

    def explain(self, groups: int, at_a_time: int, machine: Machine, device: torch.device) -> str | None:
        return f"{groups} groups of seeds, {at_a_time} at a time on the cluster"

    def run(
        self, jobs: Iterable[J], machine: Machine, on_news: Callable[[J, News], bool], at_a_time: int
    ) -> Generator[tuple[J, Outcome], None, None]:
        """Every job with its outcome, as they end; one whose node is lost begins again on another.

        As many at a time as the nodes take, which may come and go. UserError where no node is large enough.
        """
        self.require_room()
        mail = self.mailbox()
        queue, last = iter(jobs), 0
        while True:
            while len(self.going) < self.slots() and (job := next(queue, None)) is not None:
                last += 1
                self.begin(Going(job, last), machine, mail)
            if not self.going:
                return
            done, _ = self.ray.wait(list(self.going), timeout=POLL)
            self.read(mail, on_news)
            for ref in done:
                going = self.going.pop(ref)
                found = self.found(ref, going, machine, mail)
                if found is not None:
                    yield going.job, found

    def require_room(self) -> None:
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0.0) >= each for name, each in wanted.items()) for node in nodes):
            raise UserError(f"--cpus {self.cpus:g} --gpus {self.gpus:g}: no node of the cluster has as many")

    def mailbox(self) -> Any:
        """On the driver's own node, so that it lives as long as the driver."""
        here = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            self.ray.get_runtime_context().get_node_id(), soft=False
        )
        return self.ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()

    def begin(self, going: Going, machine: Machine, mail: Any) -> None:
        task = self.ray.remote(learn_remotely).options(num_cpus=self.cpus, num_gpus=self.gpus, max_retries=0)
        self.going[task.remote(going.job.group, machine, mail, going.key, os.getcwd())] = going

    def read(self, mail: Any, on_news: Callable[[Any, News], bool]) -> None:
        by_key = {going.key: going for going in self.going.values()}
        for key, news in self.ray.get(mail.take.remote()):
            if key in by_key and on_news(by_key[key].job, news):
                mail.stop.remote(key)

    def found(self, ref: Any, going: Going, machine: Machine, mail: Any) -> Outcome | None:
        """None where it was lost with its node and has begun anew."""
        try:
            return outcome_of(self.ray.get(ref), going.job.group)
        except self.ray.exceptions.RayTaskError as error:
            return MachineFault(reason(error))  # what a group raises is a Failure
        except self.ray.exceptions.RayError as error:
            if going.times >= TIMES:
                return MachineFault(f"lost {going.times} times with its node or process: {reason(error)}")
            going.times += 1
            self.begin(going, machine, mail)
            return None


class Mailbox:
    """News from the nodes, fetched by the driver; and which groups it wants stopped."""

    def __init__(self) -> None:
        self.news: list[tuple[int, News]] = []
        self.unwanted: set[int] = set()

    def put(self, key: int, news: News) -> bool:
        """Whether the group shall stop."""
        self.news.append((key, news))
        return key in self.unwanted

    def take(self) -> list[tuple[int, News]]:
        news, self.news = self.news, []
        return news

    def stop(self, key: int) -> None:
        self.unwanted.add(key)


@dataclass
class MailboxEnd:
    """A group's end of the mailbox, as Teller writes to a pipe."""

    ray: Any
    mail: Any
    key: int
    stopped: bool = False

    def send(self, news: News) -> None:
        self.stopped = self.ray.get(self.mail.put.remote(self.key, news))

    def poll(self) -> bool:
        return self.stopped

    def recv(self) -> str:
        return STOP


def learn_remotely(
    group: SeedGroup, machine: Machine, mail: Any, key: int, folder: str
) -> list[Any] | Failure | Stopped:
    """In a process of a node: what serve() does for a pipe. folder: the driver's, that relative paths begin at."""
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    warnings.simplefilter("ignore", PluginWarning)
    stream_cache.keeping = 1  # Ray gives a process one task after the other
    return learn(group, machine, Teller(MailboxEnd(load_ray(), mail, key)))
