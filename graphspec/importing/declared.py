"""Parameters and buffers of the network itself, and constants, as a spec declares them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.tables import MOST_NUMBERS


def tensor_arguments(model: nn.Module, name: str, kind: str) -> dict[str, Any]:
    """How a spec declares a tensor of the network itself, whose numbers are in the weights file."""
    owner, _, last = name.rpartition(".")
    module = model.get_submodule(owner)
    tensor = model.get_parameter(name) if kind == "Parameter" else model.get_buffer(name)
    args: dict[str, Any] = {"shape": list(tensor.shape)}
    if kind == "Buffer":
        dtype = str(tensor.dtype).removeprefix("torch.")
        args |= {"dtype": dtype} if dtype != "float32" else {}
        if last not in module.state_dict():
            args = {"data": numbers(tensor, name), "persistent": False} | (
                {"dtype": dtype} if not is_usual(tensor) else {}
            )
    return args


def numbers(tensor: Tensor, what: str) -> Any:
    """The numbers of a tensor that no state_dict holds, to be written out."""
    if tensor.numel() > MOST_NUMBERS:
        message = f"{what} holds {tensor.numel():,} numbers that are not in the state_dict, more than {MOST_NUMBERS:,}"
        raise NotRecorded(message, "register it as a persistent buffer")
    if not bool(torch.isfinite(tensor).all()):
        raise NotRecorded(f"{what} holds numbers that are not finite, which no spec can say")
    return tensor.tolist()


def is_left_out(model: nn.Module, name: str) -> bool:
    """Whether the state_dict leaves the buffer called `name` out."""
    return name not in model.state_dict()


def is_usual(tensor: Tensor) -> bool:
    """Whether numbers as they are written have the tensor's dtype."""
    return tensor.dtype in (torch.float32, torch.int64, torch.bool)


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
