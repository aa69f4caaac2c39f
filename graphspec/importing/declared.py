"""Parameters and buffers of the network itself, as a spec declares them."""

from __future__ import annotations

from typing import Any

from torch import nn

from graphspec.ops.arguments import dtype_name


def tensor_arguments(model: nn.Module, name: str, kind: str) -> dict[str, Any]:
    """How a spec declares a tensor of the network itself, whose numbers are in the weights file."""
    tensor = model.get_parameter(name) if kind == "Parameter" else model.get_buffer(name)
    dtype = dtype_name(tensor.dtype)
    return {"shape": list(tensor.shape)} | ({"dtype": dtype} if kind == "Buffer" and dtype != "float32" else {})


def is_left_out(model: nn.Module, name: str) -> bool:
    """Whether the state_dict leaves the buffer called `name` out."""
    return name not in model.state_dict()


def first_names(model: nn.Module) -> dict[str, str]:
    """Every name of a tensor → the first name of the same one."""
    found: dict[int, str] = {}
    names = {}
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    for name, tensor in tensors:
        names[name] = found.setdefault(id(tensor), name)
    return names


def is_frozen(module: nn.Module) -> bool:
    """Whether `module` has parameters and none is trained."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
