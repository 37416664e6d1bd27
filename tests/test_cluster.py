"""A real Ray cluster of two nodes on this machine: a node is killed in mid-run, and nothing is lost or changed."""

import threading
import warnings
from pathlib import Path

import pytest

from clbench import results
from clbench.config.resolve import resolve
from clbench.results import PrunedRun
from clbench.results import sweep_record as records
from clbench.run.machine import Machine
from clbench.run.prune_lenet import settings
from clbench.run.prune_lenet.study import PruneLenet
from clbench.run.schedule import run_experiments
from clbench.run.train import Train
from clbench.sweep.drive import SilentOnlooker, sweep
from clbench.sweep.plan import Asked, planned

ray = pytest.importorskip("ray")
SETS = ("stream.limit=100", "stream.tasks=3", "network.hidden=64", "train.epochs=20")


@pytest.fixture(scope="module")
def two_nodes():
    """A head without room for work, and two nodes of one core each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        yield cluster, nodes
        cluster.shutdown()


class KillOne(SilentOnlooker):
    """Kills a node, processes and all, as soon as trials are running on both."""

    def __init__(self, cluster, node) -> None:
        self.cluster, self.node, self.killed = cluster, node, threading.Event()

    def trials(self, record, trial) -> None:
        if not self.killed.is_set() and len(trial.scores) == 1 and record.count("running") == 2:
            self.killed.set()
            threading.Thread(target=self.cluster.remove_node, args=(self.node, False)).start()


@pytest.mark.long
def test_a_node_that_dies_changes_no_number(two_nodes, tmp_path, monkeypatch):
    from clbench.run import ray as ours

    cluster, nodes = two_nodes
    started_in = Path.cwd()
    monkeypatch.chdir(tmp_path)
    asked = Asked("ewc", "permuted-digits", sets=SETS, grids=("strategy.lam=0,10,100,1000",), seeds=1)
    plan = planned(None, asked)
    serial = sweep(plan, Path("serial"), Machine(device="cpu"))
    watch = KillOne(cluster, nodes[1])
    with ours.connected(cluster.address, cpus=1, gpus=0) as found:
        spread = sweep(plan, Path("spread"), Machine(device="cpu"), found, watch=watch)
    assert watch.killed.is_set()
    assert [t.status for t in spread.record.trials] == ["done"] * 4
    for one, other in zip(results.find([Path("serial")]), results.find([Path("spread")]), strict=True):
        assert one.relative_to("serial") == other.relative_to("spread")
        assert [r.matrix for r in results.load(one).runs] == [r.matrix for r in results.load(other).runs]
    assert records.load(serial.path).best.values == records.load(spread.path).best.values
    assert not (
        started_in / "spread"
    ).exists()  # nodes were started elsewhere, and wrote below the driver's folder
    assert list(Path("spread").rglob("*.safetensors"))


@pytest.mark.long
def test_a_list_of_trainings_and_a_pruning_study_have_the_numbers_they_have_here(two_nodes, tmp_path, monkeypatch):
    from clbench.run import ray as ours

    cluster, _ = two_nodes
    monkeypatch.chdir(tmp_path)
    options = {"dataset": "digits", "limit": 60, "epochs": 1, "retrain_epochs": 1, "rates": "0.5"}
    pruned = settings.resolve(None, (0,), importance="magnitude", **options)
    sets = (*SETS[:-1], "train.epochs=1")
    trainings = [Train(resolve(method, "permuted-digits", seeds=(0, 1), sets=sets)) for method in ("si", "mas")]
    asked = [*trainings, PruneLenet(pruned)]
    here = run_experiments(asked, Path("here"), Machine(device="cpu"))
    with ours.connected(cluster.address, cpus=1, gpus=0) as found:
        there = run_experiments(asked, Path("there"), Machine(device="cpu"), found)
    assert len(here) == len(there) == 3
    for (path, one), (other_path, other) in zip(here, there, strict=True):
        assert path.relative_to("here") == other_path.relative_to("there")
        assert one.status == other.status == "done"
        assert [numbers(run) for run in one.runs] == [numbers(run) for run in other.runs]


def numbers(run):
    return run.accuracy if isinstance(run, PrunedRun) else run.matrix
