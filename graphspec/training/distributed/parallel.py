"""The module as each process computes it: whole (DDP) or in parts (FSDP2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from graphspec.training.distributed.group import Group

Parallel = Literal["ddp", "fsdp"]


def replicate(module: nn.Module, group: Group, many_outputs: bool) -> Callable[..., Any]:
    """`module` on every process, gradients averaged while the backward pass goes on (Li et al., VLDB 2020).

    Where a network has several outputs, the loss may leave parameters without a gradient, which DDP must look for.
    """
    return DistributedDataParallel(
        module, device_ids=[group.device] if group.device.type == "cuda" else None,
        find_unused_parameters=many_outputs,
    )  # fmt: skip


def shard(module: nn.Module, group: Group) -> None:
    """Leave each process a part of every parameter of `module` (FSDP2; Zhao et al., VLDB 2023), in place.

    A layer's parameters are whole only while it computes. Tied parameters must be together: then all are at once.
    """
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(group.device.type, (group.size,))
    if not _ties(module):
        for layer in list(_units(module)):
            fully_shard(layer, mesh=mesh)
    fully_shard(module, mesh=mesh)


def _units(module: nn.Module) -> list[nn.Module]:
    """The layers and blocks of `module` that have parameters, each once; containers without a forward are opened."""
    found: dict[int, nn.Module] = {}
    for child in module.children():
        if type(child).forward is nn.Module.forward or isinstance(child, nn.ModuleList | nn.ModuleDict):
            found |= {id(unit): unit for unit in _units(child)}
        elif any(True for _ in child.parameters()):
            found[id(child)] = child
    return list(found.values())


def _ties(module: nn.Module) -> bool:
    every = [parameter for layer in dict.fromkeys(module.modules()) for parameter in layer.parameters(recurse=False)]
    return len({id(parameter) for parameter in every}) < len(every)


def gathered(state: Any) -> Any:
    """`state` with every sharded tensor whole, on the CPU; all processes must ask."""
    if isinstance(state, DTensor):
        return state.full_tensor().cpu()
    if isinstance(state, dict):
        return {key: gathered(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(gathered(value) for value in state)
    return state


def like(own: Tensor, whole: Tensor) -> Tensor:
    """`whole` as `own` is: sharded in the same way where that is."""
    if isinstance(own, DTensor) and not isinstance(whole, DTensor) and whole.shape == own.shape:
        return distribute_tensor(whole.to(own.device), own.device_mesh, own.placements)
    return whole


def sharded(state: dict[str, Any], module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """A learner's whole `state` for a sharded `module`; the inverse of :func:`gathered`."""
    own = module.state_dict()

    def weights(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: like(own[name], value) if name in own else value for name, value in values.items()}

    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments = {
        number: {
            name: like(parameters[number], value) if isinstance(value, Tensor) else value
            for name, value in entry.items()
        }
        for number, entry in state["optimizer"]["state"].items()
    }
    return state | {
        "module": weights(state["module"]),
        "average": weights(state["average"]),
        "optimizer": state["optimizer"] | {"state": moments},
        "best": state["best"] | {"weights": weights(state["best"]["weights"])},
    }
