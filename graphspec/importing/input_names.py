"""What a spec calls the inputs of a network, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from graphspec.diagnostics import fail, quoted
from graphspec.importing.record import parameters_of


def input_names(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, str]:
    """What the spec calls each input: a name that the network has for a part of itself as well is taken."""
    parts = [*model.named_children(), *model.named_parameters(recurse=False), *model.named_buffers(recurse=False)]
    taken = {name.lower() for name, _ in parts}
    order = parameters_of(model)[: len(inputs)]
    if not any(name.lower() in taken for name in inputs) or set(order) != inputs.keys():
        return {name: name for name in inputs}
    return {name: f"{name}_input" if name.lower() in taken else name for name in order}  # given in order


def sizes_of(inputs: Mapping[str, Tensor], dims: Mapping[str, Sequence[int | str]]) -> dict[str, Sequence[int | str]]:
    """The sizes of each input as a spec has them; where `dims` says none the first may be any.

    Raises:
        GraphspecError: ``bad-value`` where `dims` names another number of them.
    """
    found: dict[str, Sequence[int | str]] = {k: list(dims.get(k) or _usual(value)) for k, value in inputs.items()}
    _check_dims(inputs, found)
    return found


def _usual(value: Tensor) -> list[int | str]:
    """The sizes of an input of which none are named: the first may be any."""
    return ["N", *value.shape[1:]] if value.dim() else []


def _check_dims(inputs: Mapping[str, Tensor], dims: Mapping[str, Sequence[int | str]]) -> None:
    for name, value in inputs.items():
        if len(dims[name]) != value.dim():
            message = f"the input {quoted(name)} has {value.dim()} dims, and {len(dims[name])} are named"
            raise fail("bad-value", message, hint="name each: a number, or a name for a size that may be any")
        for size, dim in zip(value.shape, dims[name], strict=True):
            if isinstance(dim, int) and dim != size:
                raise fail("bad-value", f"the input {quoted(name)} has a dim of {size}, not {dim}")
