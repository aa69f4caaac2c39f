"""The kernels of an optimiser's update over a group of parameters, each called once for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from graphspec.system import torch_private


@dataclasses.dataclass
class Group:
    """The parameters of a group that are trained, with their state by name; `step` counts the updates so far.

    ``counter`` holds it for kernels that take a tensor, ``addresses`` is what kernels in C keep of it.
    """

    options: dict[str, Any]
    parameters: list[Tensor]
    state: dict[str, list[Tensor]]
    step: int
    counter: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(()))
    addresses: Any = None

    @classmethod
    def of(cls, group: dict[str, Any], state: Any, trained: set[Tensor]) -> Group:
        """Those of `trained` in an optimiser's `group`, with their part of its `state`."""
        parameters = [parameter for parameter in group["params"] if parameter in trained]
        names = state[parameters[0]] if parameters and state.get(parameters[0]) else ()
        found = {name: [state[parameter][name] for parameter in parameters] for name in names}
        step = int(found["step"][0].item()) if "step" in found else 0
        return cls(group, parameters, found, step)


Kernel = Callable[[Group, list[Any]], None]


@torch.no_grad()
def decayed(group: Group, gradients: list[Any]) -> list[Any]:
    """Adam's gradients with the decay in them, or AdamW's, whose weights shrink here."""
    lr, decay = group.options["lr"], group.options["weight_decay"]
    if decay and group.options["decoupled_weight_decay"]:
        torch_private.foreach_mul_(group.parameters, 1 - lr * decay)
    elif decay:
        return list(torch_private.foreach_add(gradients, group.parameters, alpha=decay))
    return gradients


@torch.no_grad()
def adam(group: Group, gradients: list[Any]) -> None:
    """As torch.optim.adam._single_tensor_adam, an operation at a time over all parameters."""
    options, state = group.options, group.state
    lr, (beta1, beta2) = options["lr"], options["betas"]
    group.step += 1
    gradients = decayed(group, gradients)
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    torch_private.foreach_lerp_(mean, gradients, 1 - beta1)
    torch_private.foreach_mul_(square, beta2)
    torch_private.foreach_addcmul_(square, gradients, gradients, 1 - beta2)
    root = torch_private.foreach_sqrt(square)
    torch_private.foreach_div_(root, (1 - beta2**group.step) ** 0.5)
    torch_private.foreach_add_(root, options["eps"])
    torch_private.foreach_addcdiv_(group.parameters, mean, root, -(lr / (1 - beta1**group.step)))


@torch.no_grad()
def fused_adam(group: Group, gradients: list[Any]) -> None:
    """Torch's one pass."""
    options, state = group.options, group.state
    kernel = torch_private.fused_adamw if options["decoupled_weight_decay"] else torch_private.fused_adam
    group.step += 1
    steps = [group.counter.fill_(group.step)] * len(gradients)
    kernel(
        group.parameters, gradients, state["exp_avg"], state["exp_avg_sq"], [], steps, lr=options["lr"],
        beta1=options["betas"][0], beta2=options["betas"][1], weight_decay=options["weight_decay"], eps=options["eps"],
        amsgrad=False, maximize=False,
    )  # fmt: skip


@torch.no_grad()
def sgd(group: Group, gradients: list[Any]) -> None:
    """As torch.optim.sgd._single_tensor_sgd, behind its first step."""
    options, parameters = group.options, group.parameters
    momentum, decay = options["momentum"], options["weight_decay"]
    if decay:
        gradients = list(torch_private.foreach_add(gradients, parameters, alpha=decay))
    if momentum:
        velocity = group.state["momentum_buffer"]
        torch_private.foreach_mul_(velocity, momentum)
        torch_private.foreach_add_(velocity, gradients, alpha=1 - options["dampening"])
        gradients = (
            list(torch_private.foreach_add(gradients, velocity, alpha=momentum)) if options["nesterov"] else velocity
        )
    torch_private.foreach_add_(parameters, gradients, alpha=-options["lr"])


@torch.no_grad()
def fused_sgd(group: Group, gradients: list[Any]) -> None:
    """Torch's one pass."""
    options = group.options
    torch_private.fused_sgd(
        group.parameters, gradients, group.state.get("momentum_buffer", []), weight_decay=options["weight_decay"],
        momentum=options["momentum"], lr=options["lr"], dampening=options["dampening"], nesterov=options["nesterov"],
        maximize=False, is_first_step=False,
    )  # fmt: skip


#: By optimiser: the kernels of its own step, and torch's fused one.
KERNELS: dict[type[Optimizer], tuple[Kernel, Kernel]] = {
    Adam: (adam, fused_adam),
    AdamW: (adam, fused_adam),
    SGD: (sgd, fused_sgd),
}
