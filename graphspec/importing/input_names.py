"""What a spec calls the inputs of a network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from graphspec.importing.record import parameters_of


def input_names(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, str]:
    """What the spec calls each input: a name that the network has for a part of itself as well is taken."""
    parts = [*model.named_children(), *model.named_parameters(recurse=False), *model.named_buffers(recurse=False)]
    taken = {name.lower() for name, _ in parts}
    order = parameters_of(model)[: len(inputs)]
    if not any(name.lower() in taken for name in inputs) or set(order) != inputs.keys():
        return {name: name for name in inputs}
    return {name: f"{name}_input" if name.lower() in taken else name for name in order}  # given in order
