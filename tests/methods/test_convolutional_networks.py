"""Every method on the convolutional networks with batch norm: seeds, resuming, gates, and what tasks keep."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
import torchvision
from test_every_method import finished, kill_after
from test_plugin_networks import answers, everything, stages
from torch import Tensor, nn

from clbench.config.resolve import Config
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.models.lift import batched
from clbench.models.params import copies
from clbench.models.slots import slots_of
from clbench.registry import networks
from clbench.run.train import Train

TINY = {
    "vgg9": ("network.width=0.0625",),
    "resnet18-small": ("network.width=0.0625",),
    "resnet32": ("network.width=0.25",),
}
FEW = ("anpyc", "derpp", "hat", "icarl", "packnet", "xdg-ewc")  # what works in ways of its own
EVERY = [*tiny.met(("vgg9", "resnet32")), *(("resnet18-small", method) for method in FEW)]
RESUMED = [
    *(("vgg9", method) for method in FEW),
    *(("resnet18-small", method) for method in FEW[::2]),
    *(("resnet32", method) for method in FEW[1::2]),
]
SEEDS = (0, 3)


def settings(network: str, method: str, *more: str, seeds: tuple[int, ...] = SEEDS, **where: str) -> Config:
    """Digits of 8x8 pixels in one channel, 40 a task."""
    own = [s for s in tiny.TINY if not s.startswith(("network.", "stream.limit", "train.epochs"))]
    sets = (*own, "stream.limit=40", "train.epochs=1", "strategy.gdumb.epochs=2", *TINY[network], *more)
    sets = tuple({s.partition("=")[0]: s for s in sets}.values())
    return tiny.resolve(method, "split-digits", seeds=seeds, sets=sets, network=network, **where)


def trained(network: str, method: str, *more: str, seeds: tuple[int, ...] = SEEDS) -> Trainer:
    chosen = settings(network, method, *more, seeds=seeds)
    return tiny.learn(tiny.started(chosen), chosen)


@pytest.mark.long
@pytest.mark.parametrize(("network", "method"), EVERY)
def test_seeds_together_equal_seeds_alone(network: str, method: str) -> None:
    together = trained(network, method)
    for place, seed in enumerate(SEEDS):
        alone = everything(trained(network, method, seeds=(seed,)), 0)
        found = everything(together, place)
        assert tiny.alike(found, alone), [n for n in alone if not alone[n].equal(found[n])]


@pytest.mark.long
@pytest.mark.parametrize(("network", "method"), RESUMED)
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(
    network: str, method: str, tmp_path: Path
) -> None:
    chosen = settings(network, method)
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors), [n for n in tensors if not tensors[n].equal(found.get(n, tensors[n] + 1))]


@pytest.mark.long
@pytest.mark.parametrize("method", ["finetuning", "hat", "packnet", "xdg", "lwf"])
@pytest.mark.parametrize("network", TINY)
def test_the_batched_form_is_the_unrolled_one_to_rounding(
    network: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = ("train.lr=0.005", "stream.limit=32")
    unrolled = trained(network, method, *calm)
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = trained(network, method, *calm)
    assert lifted.model.run is batched
    for name, t in unrolled.model.state().items():
        assert torch.allclose(lifted.model.state()[name].double(), t.double(), 1e-2, 1e-3), name


# -- what the networks are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network", ["vgg9", "resnet18", "resnet18-small", "resnet32", "lenet", "linear"])
def test_networks_take_images_of_any_channels_and_gates_of_ones_change_nothing(
    network: str, channels: int
) -> None:
    options = {name.partition(".")[2].split("=")[0]: 0.0625 for name in TINY.get(network, ())}
    options |= {"hidden": 15} if network == "resnet18" else {}
    built = networks[network]((channels, 32, 32), **options).train(False)
    x = torch.randn(2, channels, 32, 32)
    widths = getattr(built, "widths", ())
    found = built(x, [None] * len(widths))
    assert found.shape == (2, built.features)
    assert found.equal(built(x, [torch.ones(1, width) for width in widths]))


def test_resnet18_is_torchvision_s() -> None:
    theirs = torchvision.models.resnet18().train(False)
    mine = networks["resnet18"]((3, 64, 64), hidden=None).train(False)
    fits = {name: t for name, t in theirs.state_dict().items() if not name.startswith("fc.")}
    mine.load_state_dict(fits)
    theirs.fc = nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    assert torch.allclose(mine(x, [None] * len(mine.widths)), theirs(x), 1e-4, 1e-5)
    assert networks["resnet18"]((3, 64, 64)).features == 2048


def test_sizes_are_those_of_the_papers() -> None:
    def numbers(network: str, **options: object) -> int:
        return sum(p.numel() for p in networks[network]((3, 32, 32), **options).parameters())

    projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64  # option B of He et al. 2016; 650 are of the head of 10
    assert numbers("resnet32") == 464_154 - 650 + projections
    assert numbers("resnet18-small") == 11_173_962 - 5_130  # Mammoth's resnet18 over 10 classes
    assert networks["resnet18-small"]((3, 32, 32), width=0.3125).widths[::3] == (20, 40, 80, 160)
    assert len(networks["vgg9"]((3, 32, 32)).widths) == 9


@pytest.mark.parametrize("network", TINY)
def test_vectors_and_tiny_images_are_refused(network: str) -> None:
    for shape in ((64,), (3, 7, 8)):
        with pytest.raises(UserError, match=f"{network} takes images of at least 8x8 pixels"):
            networks[network](shape)


# -- gates and masks ----------------------------------------------------------------------------------------------

ROUNDING = 1e-5  # of gates that a sigmoid shuts to 2e-9 and not to 0


@pytest.mark.parametrize("network", TINY)
def test_a_shut_unit_of_a_sum_has_no_part_in_the_answer(network: str) -> None:
    built = seeded(network)
    x = torch.rand(3, 1, 8, 8)
    for k, width in enumerate(built.widths):
        gates = [torch.ones(1, w) for w in built.widths]
        gates[k][0, 0] = 0
        before = built(x, gates)
        into = {
            name: p
            for name, p in built.named_parameters()
            if slots_of({"network": built}, ())[f"network.{name}"].block == k
        }
        assert into
        with torch.no_grad():
            for p in into.values():
                p[0] += 1
        assert built(x, gates).equal(before)
        assert width > 1


def seeded(network: str) -> nn.Module:
    return tiny.started(settings(network, "finetuning", seeds=(0,))).model.network.train(False)


@pytest.mark.parametrize("network", TINY)
def test_packnet_never_changes_an_earlier_answer(network: str) -> None:
    _, said, buffers = stages(settings(network, "packnet", "stream.tasks=4", "strategy.prune=60"))
    name = next(n for n in buffers[0] if n.endswith("running_mean"))
    assert not buffers[0][name].equal(buffers[3][name])
    for stage in range(1, 4):
        for task in range(stage):
            assert said[stage][task].equal(said[task][task])


@pytest.mark.parametrize("network", TINY)
def test_hat_with_gates_that_are_shut_or_open_never_changes_an_earlier_answer(network: str) -> None:
    chosen = settings(network, "hat", "stream.tasks=3", "train.epochs=2", "strategy.s_max=50")
    trainer = tiny.started(chosen)
    with torch.no_grad():  # embeddings so far from 0 that no training shuts or opens a gate by half
        for e in trainer.strategy.embeddings.values():
            e.copy_(6 * e.sign())
            e[:, 0] = 6  # no layer is shut as a whole
    group = Train(chosen).group(chosen.seeds, Path("unused"))
    kept: list[Tensor] = []
    moved = copies(trainer.model.params)
    for task in trainer.stream.tasks:
        group.experiment.learn_task(group, trainer, task, [])
        for earlier, before in zip(trainer.stream.tasks, kept, strict=False):
            assert (answers(trainer, earlier) - before).abs().max() <= ROUNDING
        kept.append(answers(trainer, task))
        assert any(not p.equal(moved[name]) for name, p in trainer.model.shared.items())
        moved = copies(trainer.model.params)


LEARNING = ("stream.tasks=3", "stream.limit=80", "train.epochs=8", "train.batch_size=8", "train.lr=0.05")


@pytest.mark.long
@pytest.mark.parametrize("method", ["hat", "packnet"])
@pytest.mark.parametrize("network", ["vgg9", "resnet18-small"])
def test_under_masks_earlier_answers_stay_to_the_bit(network: str, method: str) -> None:
    """HAT with a slope at which no gate stays half open, so that nothing leaks."""
    sets = (*LEARNING, "strategy.s_max=20000", "strategy.sparsity=0.1") if method == "hat" else LEARNING
    trainer, said, _ = stages(settings(network, method, *sets))
    for stage in (1, 2):
        for task in range(stage):
            assert said[stage][task].equal(said[task][task])
    right = [trainer.score(task, task.test) for task in trainer.stream.tasks]
    assert (
        torch.tensor(right).mean(1).max() > 0.7
    )  # chance is 0.5; which task is learned is the processor's rounding


@pytest.mark.parametrize("network", TINY)
def test_what_a_weight_into_a_stream_keeps_is_the_smaller_of_its_units_masks(network: str) -> None:
    trainer = tiny.started(settings(network, "hat"))
    model, strategy = trainer.model, trainer.strategy
    for taken in strategy.taken.values():
        taken.uniform_()
    kept = strategy.protected(model)
    assert kept.keys() == model.shared.keys()
    for name, share in kept.items():
        slot = model.slots[name]
        out = strategy.taken[str(slot.block)]
        expected = out.view(*out.shape, *[1] * (share.dim() - 2))
        if slot.kind == "weight" and slot.source is not None:
            into = strategy.taken[str(slot.source)].unsqueeze(1)
            expected = torch.minimum(expected, into.view(*into.shape, *[1] * (share.dim() - 3)))
        assert share.equal(expected.expand_as(share)), name
    if network != "vgg9":
        slots = {name: (slot.block, slot.source) for name, slot in model.slots.items()}
        depth = len(model.network.layer1)
        assert slots["network.conv1.weight"] == (0, None)
        assert slots["network.layer1.1.conv1.weight"] == (2, 0)  # from the sums to what is within block 2
        assert slots["network.layer1.1.conv2.weight"] == (0, 2)  # and back into the sums
        assert slots["network.layer1.1.bn2.weight"] == (0, None)
        assert slots["network.layer2.0.conv1.weight"] == (depth + 2, 0)
        assert slots["network.layer2.0.conv2.weight"] == (depth + 1, depth + 2)
        assert slots["network.layer2.0.downsample.0.weight"] == (depth + 1, 0)
