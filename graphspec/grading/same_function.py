"""Whether two networks are the same function of their weights, however their layers are called."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from graphspec.compiler import Network
from graphspec.exporting.reference import Reference
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.tolerance import error
from graphspec.grading.grade import Criterion
from graphspec.module.weights import whole_state

#: Drawn inputs, each at another size of the batch.
SAMPLES = 3
_NAME, _WANTED = "function", "the same with the same weights"


def same_function(own: Network, right: Network) -> Criterion:
    """Give `own` the weights of `right`, in order, and compare what both compute, evaluating and training.

    It is a proof by trial, on :data:`SAMPLES` inputs that are drawn.
    """
    weights, problem = _handed_over(whole_state(own.module), whole_state(right.module))
    if weights is None:
        return Criterion(_NAME, _WANTED, "other weights", False, problem)
    twin = own.with_state(lambda: weights)
    one, other = Reference(right), Reference(twin)
    sampler = Sampler.of(one.network)
    for seed in range(SAMPLES):
        first = next(iter(right.shaped.dims), None)
        sizes = {**sampler.sizes, first: sampler.sizes[first] + seed} if first else sampler.sizes
        drawn = sampler.draw(sizes, seed=seed)
        inputs = dict(zip(own.shaped.inputs, drawn.values(), strict=True))
        wanted, found = one(drawn), other.in_single(inputs)
        pairs = _pairs(list(wanted.double), list(found))
        for name, mine in pairs:
            exact, value = wanted.double[name], found[mine]
            if exact.shape != value.shape or not error(value, exact) <= wanted.allowed(name):
                return Criterion(_NAME, _WANTED, "another one", False, _first_difference(twin, right, inputs, drawn))
        if not _train_alike(twin, right, inputs, drawn):
            hint = "evaluated they are equal; in training Dropout or a norm makes the difference"
            return Criterion(_NAME, _WANTED, "another one in training", False, hint)
    return Criterion(_NAME, _WANTED, f"the same on {SAMPLES} drawn inputs", True)


def _handed_over(own: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> tuple[dict[str, Tensor] | None, str]:
    """The weights of `right` under the names of `own`: name by name where these are equal, else in order."""
    pairs = list(zip(own, own if own.keys() == right.keys() else right, strict=False))
    for name, other in pairs:
        if own[name].shape != right[other].shape:
            sizes = [" × ".join(map(str, tensor.shape)) or "a number" for tensor in (own[name], right[other])]
            return None, f'"{name}" is {sizes[0]}, and {sizes[1]} is wanted there'
    if len(own) != len(right):
        count = len(right) - len(own)
        return None, f"{abs(count)} tensors {'are missing' if count > 0 else 'are too many'}: see which layers have any"
    return {name: right[other] for name, other in pairs}, ""


def _pairs(wanted: list[str], found: list[str]) -> list[tuple[str, str]]:
    return [(wanted[0], found[0])] if len(wanted) == 1 else [(name, name) for name in wanted]


def _train_alike(own: Network, right: Network, mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    """Whether both give the same in training mode with the same seed, which draws the same noise in the same order."""
    found = []
    for network, inputs in ((right, theirs), (own, mine)):
        module = network.build()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            given = module(*inputs.values())
        found.append([given] if isinstance(given, Tensor) else [given[name] for name in sorted(given)])
    return all(torch.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True) for a, b in zip(*found, strict=True))


def _first_difference(own: Network, right: Network, mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str:
    """The first layer, in order, that does not give what the layer at its place gives."""
    values = _values(own, mine), _values(right, theirs)
    wanted = list(values[1].values())
    for k, (name, value) in enumerate(values[0].items()):
        layer = next(layer for layer in own.shaped.layers if layer.name == name)
        if k >= len(wanted):
            return f"{layer} is one more than there should be"
        if value.shape != wanted[k].shape or not np.allclose(value, wanted[k], rtol=1e-4, atol=1e-5, equal_nan=True):
            return f"the first layer that computes something else is {layer}"
    return f"after these {len(values[0])} layers something is missing"


def _values(network: Network, inputs: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """What each layer gives, its first tensor, by name in the order of computing."""
    module = network.build()
    module.eval()
    found: dict[str, np.ndarray] = {}

    def keep(name: str) -> object:
        def hook(_: nn.Module, __: object, value: object) -> None:
            while isinstance(value, tuple | list):
                value = value[0]
            if isinstance(value, Tensor):
                found.setdefault(name, value.numpy())

        return hook

    for layer in network.shaped.layers:
        module.get_submodule(layer.module).register_forward_hook(keep(layer.name))  # type: ignore[arg-type]
    with torch.no_grad():
        module(*inputs.values())
    return found
