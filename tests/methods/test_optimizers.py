"""Optimisers are torch's, to the bit, and training loads no compiler."""

import inspect
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import tiny
import torch
from command_line import ROOT, TINY

from clbench.config.training import Training
from clbench.learn.optimizers import NOT_ELEMENTWISE, new_optimizer, uncompiled

ALL = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and name.lower() not in NOT_ELEMENTWISE
)


def steps(make) -> tuple[torch.Tensor, dict]:
    weights = torch.linspace(-1, 1, 12).reshape(3, 4).requires_grad_()
    optimizer = make([weights])
    for n in range(4):
        optimizer.zero_grad()
        (weights.sin() * (n + 1)).sum().backward()
        optimizer.step()
    return weights.detach(), optimizer.state[weights]


@pytest.mark.parametrize("name", ALL)
def test_steps_are_those_of_torchs_own_class(name):
    kind = getattr(torch.optim, name)
    (mine, state), (theirs, kept) = steps(lambda p: uncompiled(kind)(p, lr=0.1)), steps(lambda p: kind(p, lr=0.1))
    assert not torch.equal(mine, torch.linspace(-1, 1, 12).reshape(3, 4))
    assert torch.equal(mine, theirs)
    assert state.keys() == kept.keys()
    assert all(torch.equal(torch.as_tensor(state[key]), torch.as_tensor(kept[key])) for key in kept)


def test_torchs_own_classes_stay_as_they_are():
    before = {name: value for name, value in vars(torch.optim.RMSprop).items() if name != "step"}
    made = new_optimizer(replace(Training(), optimizer="rmsprop"), [torch.zeros(2, requires_grad=True)])
    assert isinstance(made, torch.optim.RMSprop)
    assert type(made).__name__ == "RMSprop"
    assert {name: value for name, value in vars(torch.optim.RMSprop).items() if name != "step"} == before


@pytest.mark.long
@pytest.mark.parametrize("more", [[], ["--set", "train.optimizer=adam", "--set", "train.keep_optimizer=true"]])
def test_training_loads_no_compiler(more, tmp_path):
    """It costs more CPU time than a small training."""
    words = ["clbench", "train", "--method", "ewc", "--stream", "split-digits", "--quiet", *TINY, *more]
    code = f"""
import sys
from clbench.cli import main
sys.argv = {words!r}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" in sys.modules and "torch._dynamo" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("size", [1, 7, 15, 16, 48, 100, 4096, 4099])
def test_sgd_in_one_pass_gives_the_numbers_of_torchs_plain_loop(size, momentum):
    draw = torch.Generator().manual_seed(size)
    for _ in range(20):
        mine, theirs = (torch.nn.Parameter(torch.zeros(size)) for _ in range(2))
        mine.data.normal_(generator=draw)
        theirs.data.copy_(mine.data)
        options = replace(Training(), optimizer="sgd", lr=0.05, momentum=momentum)
        made = new_optimizer(options, [mine])
        plain = torch.optim.SGD([theirs], lr=0.05, momentum=momentum, foreach=False)
        for _ in range(4):
            mine.grad = torch.randn(size, generator=draw)
            theirs.grad = mine.grad.clone()
            made.step()
            plain.step()
        assert torch.equal(mine, theirs)
    assert [group["fused"] for group in made.param_groups] == [size % 16 == 0]


@pytest.mark.parametrize("method", ["finetuning", "ewc"])
def test_a_kept_optimiser_goes_on_where_a_new_head_has_no_momentum_yet(method):
    """In one pass torch takes momenta of all parameters or of none."""
    network = "network.hidden=16,16"  # whose tensors are all taken in one pass
    trainer = tiny.train(method, network, "train.keep_optimizer=true", "train.momentum=0.9", "stream.tasks=3")
    assert tiny.finite(trainer)
    assert {key.partition("/")[0] for key in trainer.optimizer_state} == {"momentum_buffer"}
