"""The table of functions that the other files fill."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

FUNCTIONS: dict[str, type[nn.Module]] = {}
#: Variants in which one input is a number: name → (that input, class).
SCALARS: dict[str, tuple[str, type[nn.Module]]] = {}


#: Elementwise functions of several values, whose shapes must agree unless ``broadcast = true``.
BROADCASTING: set[str] = set()


def function(name: str, scalar: str = "", broadcasts: bool = False) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Enter a class into the table; with `scalar`, as the variant of `name` in which that input is a number."""
    if broadcasts:
        BROADCASTING.add(name)

    def enter(module: type[nn.Module]) -> type[nn.Module]:
        if scalar:
            SCALARS[name] = (scalar, module)
        else:
            FUNCTIONS[name] = module
        return module

    return enter
