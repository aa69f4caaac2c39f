"""The optimiser's update without its ceremony: the same kernels in the same order, each called once for all parameters.

``Optimizer.step`` spends more time in Python than in the kernels where a network is small. With torch's fused kernels,
one pass over memory does the whole update, at the price of the last bits (up to 6e-8 in the loss of an MLP).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

#: Options of a parameter group with which torch takes other kernels than those below.
_OTHER_WAYS = ("maximize", "amsgrad", "capturable", "differentiable", "foreach", "fused")


class DirectUpdate:
    """Calls in place of ``optimizer.step()``: bit-identical to it, or with `fused` kernels.

    The state stays in the optimiser, so that its ``state_dict`` is what it would have been; :meth:`settle` comes first.
    """

    def __init__(self, optimizer: Optimizer, fused: bool = False) -> None:
        self.optimizer = optimizer
        self._run = _KERNELS[type(optimizer)][fused]
        self._groups: list[_Group] | None = None

    @staticmethod
    def applies(optimizer: Optimizer) -> bool:
        """Whether the update of `optimizer` is one of those below: Adam, AdamW or SGD, dense and on the CPU."""
        return type(optimizer) in _KERNELS and all(
            not any(group.get(name) for name in _OTHER_WAYS) and all(map(_plain, group["params"]))
            for group in optimizer.param_groups
        )

    def forget(self) -> None:
        """The optimiser's state was replaced: look it up again."""
        self._groups = None

    def settle(self) -> None:
        """Write the number of updates into the optimiser's state, where each parameter has its own."""
        for group in self._groups or ():
            for step in group.state.get("step", ()):
                step.fill_(group.step)

    @torch.no_grad()
    def __call__(self) -> None:
        """Update every parameter that has a gradient; the first time the optimiser makes its state itself."""
        if self._groups is None:
            trained = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
            if not self._has_state(trained):
                self.optimizer.step()
                return
            self._take(trained)
        for group in self._groups or ():
            self._run(group, [parameter.grad for parameter in group.parameters])

    def _take(self, parameters: Sequence[Tensor]) -> None:
        """Look up the state of `parameters`, those that are trained."""
        groups = self.optimizer.param_groups
        self._groups = [_Group.of(group, self.optimizer.state, set(parameters)) for group in groups]

    def _has_state(self, parameters: Sequence[Tensor]) -> bool:
        """Plain SGD has none at any time, and needs none."""
        stateless = isinstance(self.optimizer, SGD) and not any(g["momentum"] for g in self.optimizer.param_groups)
        return stateless or all(self.optimizer.state.get(parameter) for parameter in parameters)


@dataclasses.dataclass
class _Group:
    """The parameters of a group that are trained, with their state by name; `step` counts the updates so far, and
    `counter` holds it for kernels that take a tensor."""

    options: dict[str, Any]
    parameters: list[Tensor]
    state: dict[str, list[Tensor]]
    step: int
    counter: Tensor = dataclasses.field(default_factory=lambda: torch.zeros(()))

    @classmethod
    def of(cls, group: dict[str, Any], state: Any, trained: set[Tensor]) -> _Group:
        parameters = [parameter for parameter in group["params"] if parameter in trained]
        names = state[parameters[0]] if parameters and state.get(parameters[0]) else ()
        found = {name: [state[parameter][name] for parameter in parameters] for name in names}
        step = int(found["step"][0].item()) if "step" in found else 0
        return cls(group, parameters, found, step)


def _plain(parameter: Tensor) -> bool:
    return parameter.device.type == "cpu" and parameter.dtype == torch.float32


def _adam(group: _Group, gradients: list[Any]) -> None:
    """As torch.optim.adam._single_tensor_adam, an operation at a time over all parameters."""
    options, state, parameters = group.options, group.state, group.parameters
    lr, (beta1, beta2), decay = options["lr"], options["betas"], options["weight_decay"]
    group.step += 1
    if decay and options["decoupled_weight_decay"]:
        torch._foreach_mul_(parameters, 1 - lr * decay)
    elif decay:
        gradients = list(torch._foreach_add(gradients, parameters, alpha=decay))
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    torch._foreach_lerp_(mean, gradients, 1 - beta1)
    torch._foreach_mul_(square, beta2)
    torch._foreach_addcmul_(square, gradients, gradients, 1 - beta2)
    root = torch._foreach_sqrt(square)
    torch._foreach_div_(root, (1 - beta2**group.step) ** 0.5)
    torch._foreach_add_(root, options["eps"])
    torch._foreach_addcdiv_(parameters, mean, root, -(lr / (1 - beta1**group.step)))


def _fused_adam(group: _Group, gradients: list[Any]) -> None:
    options, state = group.options, group.state
    kernel = torch._fused_adamw_ if options["decoupled_weight_decay"] else torch._fused_adam_
    group.step += 1
    steps = [group.counter.fill_(group.step)] * len(gradients)
    kernel(
        group.parameters, gradients, state["exp_avg"], state["exp_avg_sq"], [], steps, lr=options["lr"],
        beta1=options["betas"][0], beta2=options["betas"][1], weight_decay=options["weight_decay"], eps=options["eps"],
        amsgrad=False, maximize=False,
    )  # fmt: skip


def _sgd(group: _Group, gradients: list[Any]) -> None:
    """As torch.optim.sgd._single_tensor_sgd, behind its first step."""
    options, parameters = group.options, group.parameters
    momentum, decay = options["momentum"], options["weight_decay"]
    if decay:
        gradients = list(torch._foreach_add(gradients, parameters, alpha=decay))
    if momentum:
        velocity = group.state["momentum_buffer"]
        torch._foreach_mul_(velocity, momentum)
        torch._foreach_add_(velocity, gradients, alpha=1 - options["dampening"])
        gradients = list(torch._foreach_add(gradients, velocity, alpha=momentum)) if options["nesterov"] else velocity
    torch._foreach_add_(parameters, gradients, alpha=-options["lr"])


def _fused_sgd(group: _Group, gradients: list[Any]) -> None:
    options = group.options
    torch._fused_sgd_(
        group.parameters, gradients, group.state.get("momentum_buffer", []), weight_decay=options["weight_decay"],
        momentum=options["momentum"], lr=options["lr"], dampening=options["dampening"], nesterov=options["nesterov"],
        maximize=False, is_first_step=False,
    )  # fmt: skip


_Kernel = Callable[[_Group, list[Any]], None]
#: By optimiser: the kernels of its own step, and torch's fused one.
_KERNELS: dict[type[Optimizer], tuple[_Kernel, _Kernel]] = {
    Adam: (_adam, _fused_adam),
    AdamW: (_adam, _fused_adam),
    SGD: (_sgd, _fused_sgd),
}
