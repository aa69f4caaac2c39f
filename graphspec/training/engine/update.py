"""The optimiser's update without its ceremony: the same arithmetic in the same order, once for all parameters.

``Optimizer.step`` spends more time in Python than in the kernels where a network is small, and its kernels read and
write the same memory again and again. Torch's fused kernels do the whole update in one pass over memory, and lose the
last bits (up to 6e-8 in the loss of an MLP); those in C keep them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from graphspec.system.torch_private import has_step_hooks, say_stepped
from graphspec.training.engine.native import adam
from graphspec.training.engine.undecorated import undecorated
from graphspec.training.engine.update_kernels import KERNELS, Group

#: Options of a parameter group with which torch takes other kernels than these.
_OTHER_WAYS = ("maximize", "amsgrad", "capturable", "differentiable", "foreach", "fused")


class DirectUpdate:
    """Calls in place of ``optimizer.step()``: bit-identical to it, or with torch's `fused` kernels.

    With `compiled` those in C come first, where this machine can compile them and they prove to be the same.
    The state stays in the optimiser, so that its ``state_dict`` is what it would have been; :meth:`settle` comes first.
    """

    def __init__(self, optimizer: Optimizer, fused: bool = False, compiled: bool = False) -> None:
        self.optimizer = optimizer
        kind = type(optimizer)
        kernel = KERNELS[kind][fused]
        self._run = (adam.kernel(kernel) if compiled and kind in adam.TAKES else None) or kernel
        self._groups: list[Group] | None = None
        self._parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._trained: set[Tensor] = set()

    @staticmethod
    def applies(optimizer: Optimizer) -> bool:
        """Whether the update of `optimizer` is one of those here: Adam, AdamW or SGD, on the CPU, without hooks."""
        return (
            type(optimizer) in KERNELS
            and not has_step_hooks(optimizer)
            and all(
                not any(group.get(name) for name in _OTHER_WAYS) and all(map(_plain, group["params"]))
                for group in optimizer.param_groups
            )
        )

    def forget(self) -> None:
        """The optimiser's state was replaced: look it up again."""
        self._groups = None

    def settle(self) -> None:
        """Write the number of updates into the optimiser's state, where each parameter has its own."""
        for group in self._groups or ():
            for step in group.state.get("step", ()):
                step.fill_(group.step)

    def __call__(self) -> None:
        """Update every parameter that has a gradient, as the optimiser itself does where these are others than before.

        That is how its state is made the first time.
        """
        trained = [parameter for parameter in self._parameters if parameter.grad is not None]
        if self._groups is not None and set(trained) != self._trained:
            self.settle()
            self.forget()
        if self._groups is None and not self._take(trained):
            with torch.no_grad():
                undecorated(self.optimizer.step)()
            return
        for group in self._groups or ():
            self._run(group, [parameter.grad for parameter in group.parameters])

    def _take(self, parameters: Sequence[Tensor]) -> bool:
        """Look up the state of `parameters`, those that are trained; whether there is one.

        Those of one age, which began to learn together, are updated together.
        """
        state, groups = self.optimizer.state, self.optimizer.param_groups
        if not self._has_state(parameters):
            return False
        self._trained = set(parameters)
        ages: dict[float, set[Tensor]] = {}
        for parameter in parameters:
            ages.setdefault(float(state[parameter].get("step", 0)), set()).add(parameter)
        found = [Group.of(group, state, alike) for group in groups for alike in ages.values()]
        self._groups = [group for group in found if group.parameters]
        say_stepped(self.optimizer)
        return True

    def _has_state(self, parameters: Sequence[Tensor]) -> bool:
        """Plain SGD has none at any time, and needs none."""
        stateless = isinstance(self.optimizer, SGD) and not any(g["momentum"] for g in self.optimizer.param_groups)
        return stateless or all(self.optimizer.state.get(parameter) for parameter in parameters)


def _plain(parameter: Tensor) -> bool:
    own = type(parameter) in (Tensor, torch.nn.Parameter)
    return own and parameter.device.type == "cpu" and parameter.dtype == torch.float32
