"""Layers whose weight is computed from other parameters: torch.nn.utils.parametrizations, under their own names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from torch import nn
from torch.nn.utils import parametrizations as torch_parametrizations

from graphspec.ops.op import Parameter, parameters_of

#: What stands before the names of the parameters that a weight is computed from.
PREFIX = "parametrizations"
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "weight_norm": torch_parametrizations.weight_norm,
    "spectral_norm": torch_parametrizations.spectral_norm,
}


@functools.cache
def parametrizations() -> Mapping[str, Mapping[str, Parameter]]:
    """Name → its arguments but the module; ``name`` is the parameter that is computed, ``weight`` by default."""
    found = {}
    for name, function in _FUNCTIONS.items():
        found[name] = MappingProxyType(dict(list(parameters_of(function).items())[1:]))
    return MappingProxyType(found)


def parametrized_shapes(
    function: str, name: str, arguments: Mapping[str, Any], plain: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The shapes of a module's parameters once the one called `name` is computed, in the state_dict's order."""
    shape = plain[name]
    if function == "weight_norm":
        along = arguments.get("dim", 0) % len(shape)
        originals = {"original0": tuple(size if n == along else 1 for n, size in enumerate(shape)), "original1": shape}
    else:
        originals = {"original": shape}
    rest = {key: value for key, value in plain.items() if key != name}
    return rest | {f"{PREFIX}.{name}.{key}": value for key, value in originals.items()}


def parametrize(module: nn.Module, function: str, arguments: Mapping[str, Any]) -> None:
    """Let a parameter of `module` be computed from now on, starting at the value that it has."""
    _FUNCTIONS[function](module, **arguments)
