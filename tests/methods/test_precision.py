"""bfloat16 and channels-last: the same learning as in float32, to tolerances that are stated here."""

from __future__ import annotations

import pytest
import tiny
import torch
from test_per_sample import KNOWN, OTHERS, learned, registered  # noqa: F401 (a fixture)

from clbench.config.resolve import Config
from clbench.learn import importance
from clbench.models.lift import batched, unrolled
from clbench.models.params import Params

BF16 = "train.precision=bf16"
LAST = "train.channels_last=true"
OF_BF16 = 0.03  # of the length of what float32 gives: bfloat16 has 8 bits, an error of 0.4 percent a product
OF_LAST = 1e-4  # of the same sums in another order


def distance(found: Params, expected: Params) -> float:
    """Length of the difference over that of what is expected."""
    a, b = (torch.cat([t.detach().flatten() for t in each.values()]) for each in (found, expected))
    return float((a - b).norm() / b.norm())


def logits(network: str, option: str, form=unrolled) -> torch.Tensor:
    """Of a network that learned in float32."""
    trainer, task = learned(network)
    trainer.model.run = form
    trainer.model.precision = "bf16" if option == BF16 else "float32"
    trainer.model.channels_last = option == LAST
    x, _ = task.train.shown(slice(None), 2)
    return trainer.model(x.unflatten(2, (1, 8)) if x.dim() == 4 else x, task).detach()


@pytest.mark.parametrize("form", [unrolled, batched])
@pytest.mark.parametrize(("option", "near"), [(BF16, OF_BF16), (LAST, OF_LAST)])
@pytest.mark.parametrize("network", ["shapes", "residual", "rectified"])
def test_outputs_are_those_of_float32(network: str, option: str, near: float, form) -> None:
    plain, other = logits(network, "", form), logits(network, option, form)
    assert other.dtype == torch.float32
    assert distance({"": other}, {"": plain}) < near


@pytest.mark.parametrize("network", [*KNOWN, *OTHERS])
def test_importance_in_bfloat16_is_that_of_float32(network: str) -> None:
    trainer, task = learned(network)
    expected = importance.sensitivity(trainer, task)
    trainer.model.precision = "bf16"
    found = importance.sensitivity(trainer, task)
    assert {t.dtype for t in found.values()} == {torch.float32}
    assert 0 < distance(found, expected) < OF_BF16


def on_convolutions(method: str, *sets: str, seeds: tuple[int, ...] = (0, 1)) -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    sizes = ("network.maps=3,4", "network.hidden=6,5")
    return tiny.resolve(method, "split-digits", seeds=seeds, sets=(*own, *sizes, *sets), network="lenet")


@pytest.mark.parametrize(("option", "near"), [(BF16, OF_BF16), (LAST, OF_LAST)])
@pytest.mark.parametrize("method", ["finetuning", "ewc", "anpyc", "derpp"])
def test_weights_after_a_task_are_those_of_float32(method: str, option: str, near: float) -> None:
    moved: dict[str, Params] = {}
    for sets in ((), (option,)):
        chosen = on_convolutions(method, *tiny.bare(method), *sets)
        trainer = tiny.started(chosen)
        before = tiny.weights(trainer)
        after = tiny.weights(tiny.learn(trainer, chosen, tasks=1))
        moved["".join(sets)] = {name: after[name] - before[name] for name in after}
    assert distance(moved[option], moved[""]) < 4 * near  # of the way they went, which is shorter than they are


@pytest.mark.long
@pytest.mark.parametrize(("option", "method"), tiny.met([BF16, LAST], 4, tiny.METHODS[::2]))
def test_every_method_learns_and_seeds_together_equal_seeds_alone(method: str, option: str) -> None:
    together = on_convolutions(method, option)
    trainer = tiny.learn(tiny.started(together), together)
    assert tiny.finite(trainer)
    assert {p.dtype for p in trainer.model.params.values()} == {torch.float32}
    for place, seed in enumerate((0, 1)):
        chosen = on_convolutions(method, option, seeds=(seed,))
        alone = tiny.learn(tiny.started(chosen), chosen)
        assert tiny.same(tiny.weights(trainer, place), tiny.weights(alone))


def test_they_are_in_the_configuration_and_absent_where_nothing_is_asked_for() -> None:
    train = tiny.config("ewc", BF16, LAST).as_dict()["train"]
    assert train["precision"] == "bf16"
    assert train["channels_last"] is True
    assert not {"precision", "channels_last"} & tiny.config("ewc").as_dict()["train"].keys()
