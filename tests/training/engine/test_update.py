"""An update without ceremony is the optimiser's own, to the last bit; a fused one to 1e-6."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim

from graphspec.system.shared_library import EXACT, BuildError, shared_library
from graphspec.training.engine import update_kernels
from graphspec.training.engine.native import adam
from graphspec.training.engine.update import DirectUpdate
from graphspec.training.engine.update_kernels import Group

CASES: list[tuple[type[optim.Optimizer], dict[str, Any]]] = [
    (optim.Adam, {}),
    (optim.Adam, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.02}),
    (optim.Adam, {"lr": 0.1, "betas": (0.3, 0.95)}),
    (optim.AdamW, {}),
    (optim.AdamW, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
]


def network() -> nn.Module:
    """The last layer has no part in the loss, so that its parameters never get a gradient."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(33, 17), nn.Tanh(), nn.Linear(17, 5), nn.Linear(5, 3))


def steps(module: nn.Module, optimizer: optim.Optimizer, update: Any, count: int = 6) -> None:
    """A few updates, the learning rate changing on the way as under a scheduler."""
    generator = torch.Generator().manual_seed(1)
    for i in range(count):
        optimizer.param_groups[0]["lr"] *= 0.9 if i else 1.0
        module[:3](torch.randn(7, 33, generator=generator)).square().mean().backward()  # type: ignore[index]
        update()
        optimizer.zero_grad()


def flat(state: Any) -> list[Tensor]:
    return [value for entry in state["state"].values() for value in entry.values() if isinstance(value, Tensor)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("kind", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_updates_are_the_optimisers(
    kind: type[optim.Optimizer], options: dict[str, Any], fused: bool, compiled: bool
) -> None:
    theirs, ours = network(), network()
    reference, optimizer = kind(theirs.parameters(), **options), kind(ours.parameters(), **options)
    steps(theirs, reference, reference.step)
    assert DirectUpdate.applies(optimizer)
    update = DirectUpdate(optimizer, fused, compiled)
    steps(ours, optimizer, update)
    update.settle()
    tolerance = 1e-6 if fused else 0.0
    pairs = [*zip(theirs.parameters(), ours.parameters(), strict=True)]
    pairs += zip(flat(reference.state_dict()), flat(optimizer.state_dict()), strict=True)
    assert all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in pairs)
    assert not torch.equal(next(ours.parameters()), next(network().parameters()))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("kind", "options"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_it_goes_on_from_a_loaded_state(kind: type[optim.Optimizer], options: dict[str, Any], compiled: bool) -> None:
    ours = network()
    optimizer = kind(ours.parameters(), **options)
    update = DirectUpdate(optimizer, compiled=compiled)
    steps(ours, optimizer, update, 3)
    update.settle()
    module, state = copy.deepcopy(ours), copy.deepcopy(optimizer.state_dict())
    steps(ours, optimizer, update, 3)
    expected = [parameter.clone() for parameter in ours.parameters()]

    ours.load_state_dict(module.state_dict())
    optimizer.load_state_dict(state)
    update.forget()
    steps(ours, optimizer, update, 3)
    assert all(torch.equal(a, b) for a, b in zip(expected, ours.parameters(), strict=True))


@pytest.mark.parametrize("kind", [optim.Adam, optim.SGD])
def test_a_scheduler_sees_that_it_was_called(kind: Any, recwarn: pytest.WarningsRecorder) -> None:
    ours = network()
    optimizer = kind(ours.parameters())
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    steps(ours, optimizer, DirectUpdate(optimizer), 1)
    scheduler.step()
    assert not recwarn.list


@pytest.fixture
def library() -> Any:
    try:
        return shared_library(adam._SOURCE, EXACT)
    except BuildError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("way", adam.WAYS)
def test_in_c_it_is_right_whatever_the_strides(library: Any, way: str) -> None:
    """A gradient in another order than its parameter, an expanded one, and weights of a channels_last network."""
    torch.manual_seed(0)
    parameters = [torch.randn(6, 5), torch.randn(7), torch.randn(4, 3, 15, 15).to(memory_format=torch.channels_last)]
    gradients = [torch.randn(5, 6).t(), torch.randn(1).expand(7), torch.randn(4, 3, 15, 15)]
    groups = []
    for _ in range(2):
        state = {name: [torch.zeros_like(p) for p in parameters] for name in ("exp_avg", "exp_avg_sq")}
        options = {"lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0}
        groups.append(Group(options, [p.clone() for p in parameters], state, 0))
    for _ in range(3):
        update_kernels.adam(groups[0], gradients)
        adam._run(library, way, update_kernels.adam, groups[1], gradients)
    for one, other, first in zip(groups[0].parameters, groups[1].parameters, parameters, strict=True):
        assert torch.equal(one, other) if way == adam.proven(library, 1) else torch.allclose(one, other, atol=1e-6)
        assert (one - first).abs().min() > 0.1
    assert groups[1].addresses.applies


def test_in_c_it_is_not_taken_where_a_bit_differs(
    library: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another processor torch may round in another way; here the kernel is built to."""
    changed = shutil.copytree(adam._SOURCE.parent, tmp_path / "native") / "adam.c"
    source = changed.read_text()
    fused = (
        "fmaf(step->keep1, gradient - *mean, *mean)",
        "_mm512_fmadd_ps(keep1, _mm512_sub_ps(gradient, strong), strong)",
    )
    apart = ("*mean + step->keep1 * (gradient - *mean)", "strong + keep1 * (gradient - strong)")
    for theirs, other in zip(fused, apart, strict=True):
        assert theirs in source
        source = source.replace(theirs, other)
    changed.write_text(source)
    monkeypatch.setattr(adam, "_SOURCE", changed)
    assert adam.kernel(update_kernels.adam) is None


def is_of_intel() -> bool:
    about = Path("/proc/cpuinfo")
    return about.is_file() and "GenuineIntel" in about.read_text()


#: As many as the numbers below the normal ones that a mean may be, and of the greater ones some.
COUNTS = torch.cat([torch.arange(1 << 22), torch.arange(1 << 22, (1 << 23) + 100, 97)])


@pytest.mark.parametrize("beta1", [0.9, 0.999, 0.51])
@pytest.mark.parametrize("lr", [0.001, 1e9])
def test_means_that_fade_away_are_torchs(library: Any, beta1: float, lr: float) -> None:
    """Of units that have died, for every such mean; weights so small that the mean still moves them are among them."""
    way = adam.proven(library, torch.get_num_threads())
    if way is None:
        pytest.skip("torch rounds in another way on this processor")
    if torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.backends.mkl.is_available() and is_of_intel():
        assert way == "mkl"  # of another maker's processor MKL knows less
    means = COUNTS * 2.0**-149 * torch.tensor([1.0, -1.0])[torch.arange(len(COUNTS)) % 2]
    weights = torch.randn(len(COUNTS)) * torch.tensor([1.0, 2.0**-58, 2.0**-100])[torch.arange(len(COUNTS)) % 3]
    options = {"lr": lr, "betas": (beta1, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    groups = []
    for _ in range(2):
        state = {"exp_avg": [means.clone()], "exp_avg_sq": [torch.zeros_like(means)]}
        groups.append(Group(options, [weights.clone()], state, 1000))
    for _ in range(2):
        update_kernels.adam(groups[0], [torch.zeros_like(means)])
        adam._run(library, way, update_kernels.adam, groups[1], [torch.zeros_like(means)])
    assert groups[1].addresses.applies
    assert torch.equal(groups[0].parameters[0], groups[1].parameters[0])
    assert torch.equal(groups[0].state["exp_avg"][0], groups[1].state["exp_avg"][0])


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: optim.RMSprop(p),
        lambda p: optim.Adam(p, amsgrad=True),
        lambda p: optim.SGD(p, maximize=True),
        lambda p: optim.Adam(p, foreach=True),
        lambda p: optim.Adam([nn.Parameter(x.double()) for x in p]),
    ],
)
def test_what_other_kernels_do_is_left_to_them(optimizer: Any) -> None:
    assert not DirectUpdate.applies(optimizer(list(network().parameters())))
