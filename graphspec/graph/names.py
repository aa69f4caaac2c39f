"""Names that torch has a use for: attributes of its modules, and words of the code that it writes around forward."""

from __future__ import annotations

import builtins
import functools
import keyword
from collections.abc import Collection, Iterator

from graphspec.diagnostics import Diagnostic, Path, quoted


@functools.cache
def taken(inside: bool = False) -> frozenset[str]:
    """Attributes of ``nn.Module`` and ``torch.fx.GraphModule``, Python's keywords, and TorchScript's.

    `inside` a block those that the whole network's module alone keeps for itself are free.
    """
    import torch.fx
    from torch import nn

    whole = [*vars(torch.fx.GraphModule(nn.Module(), torch.fx.Graph())), "self"]
    everywhere = frozenset([*dir(nn.Module()), *dir(torch.fx.GraphModule), *keyword.kwlist, "Ellipsis"])
    return everywhere if inside else everywhere.union(whole)


#: What code that torch writes calls by name (fx, torch.export, TorchScript): a parameter of forward would hide it.
_WORDS = frozenset([
    "self", "torch", "math", "operator", "builtins", "inf", "nan", "NoneType", "device", "pytree", "fx_pytree",
    "Ellipsis", "getattr", "slice", "range", "len", "tuple", "list", "dict", "int", "float", "bool", "complex", "str",
    "min", "max", "abs", "pow", "round", "sum", "isinstance",
])  # fmt: skip


def check_input_names(names: Collection[str]) -> Iterator[Diagnostic]:
    """The faults in the names of forward's parameters: words of torch's code, and what fx would take for another.

    fx calls the value of a parameter ``id`` ``id_1``, for ``id`` is a function of Python: with a parameter ``id_1``
    beside it both would be one value.
    """
    for name in names:
        base, _, number = name.rpartition("_")
        if name in _WORDS:
            message = f"{quoted(name)} is a word of the code that torch writes"
            yield Diagnostic("reserved-name", message, ("inputs", name), f'call it "{name}_"')
        elif number.isdigit() and base in names and hasattr(builtins, base):
            message = (
                f"the inputs {quoted(base)} and {quoted(name)} become one in torch.fx, which renames {quoted(base)}"
            )
            yield Diagnostic("name-clash", message, ("inputs", name), "rename one of them")


def check_layer_name(name: str, at: Path) -> Diagnostic | None:
    """The fault in a layer's name that torch has a use for."""
    if name not in taken(inside=at[:1] == ("blocks",)):
        return None
    return Diagnostic("reserved-name", f"{quoted(name)} is a name of torch's own modules", at, f'call it "{name}_"')
