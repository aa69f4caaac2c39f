"""The table of functions that the other files fill: all that is said of a function stands above its class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from graphspec.ops.op import Sizes


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """A function's class and what no signature says; see :class:`graphspec.ops.op.Op` for the fields."""

    module: type[nn.Module]
    values: Mapping[str, tuple[int, ...]]
    broadcasts: bool
    sizes: Sizes
    example: Mapping[str, Any]
    scalar: tuple[str, type[nn.Module]] | None = None

    @property
    def modules(self) -> Iterator[type[nn.Module]]:
        """Its class, and that of the variant."""
        yield self.module
        if self.scalar:
            yield self.scalar[1]


FUNCTIONS: dict[str, Function] = {}


def function(
    name: str,
    *,
    scalar: str = "",
    values: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    broadcasts: bool = False,
    sizes: Sizes = "",
    example: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Enter a class into the table; with `scalar`, as the variant of `name` in which that input is a number."""

    def enter(module: type[nn.Module]) -> type[nn.Module]:
        if scalar:
            FUNCTIONS[name] = dataclasses.replace(FUNCTIONS[name], scalar=(scalar, module))
        else:
            FUNCTIONS[name] = Function(module, values, broadcasts, sizes, example)
        return module

    return enter
