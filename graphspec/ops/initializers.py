"""How parameters start: the functions of torch.nn.init, under their own names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch.nn import init

from graphspec.ops.op import Parameter, parameters_of


@functools.cache
def initializers() -> Mapping[str, Mapping[str, Parameter]]:
    """Name (``kaiming_normal_``) → its arguments but the tensor."""
    functions = {name: value for name, value in vars(init).items() if inspect.isfunction(value)}
    public = {name: value for name, value in functions.items() if name.endswith("_") and not name.startswith("_")}
    found = {}
    for name, value in public.items():
        parameters = dict(list(parameters_of(value).items())[1:])
        found[name] = MappingProxyType({key: entry for key, entry in parameters.items() if key != "generator"})
    return MappingProxyType(found)


def initialize(name: str, tensor: Any, arguments: Mapping[str, Any]) -> None:
    """Fill `tensor` by the function called `name`, which is in :func:`initializers`."""
    functions = {key: value for key, value in vars(init).items() if key in initializers()}
    functions[name](tensor, **arguments)
