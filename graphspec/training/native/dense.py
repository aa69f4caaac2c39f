"""A network of Linear layers and activations, trained with cross entropy by Adam, AdamW or SGD: its step in C."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.optim import SGD, AdamW

from graphspec.shared_library import FAST, shared_library
from graphspec.training.objective import Objective, Values
from graphspec.training.update import DirectUpdate

_ACTIVATIONS: dict[type[nn.Module], int] = {nn.ReLU: 1, nn.Tanh: 2, nn.Sigmoid: 3}
_KINDS = {AdamW: 1, SGD: 2}


@functools.cache
def library() -> ctypes.CDLL:
    """dense.c, compiled, with its signatures. Raises ``BuildError`` where it cannot be compiled here."""
    found = shared_library(Path(__file__).parent / "dense.c", FAST)
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    found.dense_forward.argtypes = [pointer, number, number, pointer, pointer, pointer]
    found.dense_forward.restype = ctypes.c_double
    found.dense_backward.argtypes = [pointer, number, number, pointer, pointer, pointer]
    found.dense_backward.restype = None
    return found


class _Layer(ctypes.Structure):
    """``struct layer`` of dense.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("inputs", "outputs", "activation")] + [
        (name, ctypes.c_void_p)
        for name in ("weight", "bias", "weight_mean", "weight_square", "bias_mean", "bias_square")
    ]


class _Update(ctypes.Structure):
    """``struct update`` of dense.c."""

    _fields_ = [
        ("kind", ctypes.c_int64),
        *((name, ctypes.c_float) for name in ("lr", "decay", "beta1", "beta2", "eps", "correction1", "correction2")),
        *((name, ctypes.c_float) for name in ("momentum", "dampening")),
        ("nesterov", ctypes.c_int64),
    ]


@dataclasses.dataclass(frozen=True)
class Dense:
    """A Linear layer and the activation behind it (0 for none)."""

    linear: nn.Linear
    activation: int


def dense_layers(module: nn.Module) -> list[Dense] | None:
    """The layers of a network that is a chain of Linear layers and activations, a Flatten first; None of another."""
    if not isinstance(module, GraphModule):
        return None
    found: list[Dense] = []
    before = None
    for node in module.graph.nodes:
        if node.op == "placeholder" and before is None:
            before = node
            continue
        if list(node.all_input_nodes) != [before]:
            return None
        if node.op == "output":
            return found if found and node.args[0] is before and not found[-1].activation else None
        layer = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if type(layer) is nn.Linear and all(parameter.requires_grad for parameter in layer.parameters()):
            found.append(Dense(layer, 0))
        elif layer is not None and type(layer) in _ACTIVATIONS and found and not found[-1].activation:
            found[-1] = Dense(found[-1].linear, _ACTIVATIONS[type(layer)])
        elif not isinstance(layer, nn.Flatten) or found or (layer.start_dim, layer.end_dim) != (1, -1):
            return None
        before = node
    return None


def plain_cross_entropy(objective: Objective) -> bool:
    """Whether the objective is the mean cross entropy of class labels and nothing more."""
    (term, *others) = objective.terms
    loss = term.loss
    return not others and isinstance(loss, nn.CrossEntropyLoss) and loss.weight is None and loss.label_smoothing == 0


class DenseStep(DirectUpdate):
    """Forward pass and loss as a :class:`Recorded` gives them, and the update that follows, with the gradients.

    Sums run in another order than torch's: a loss differs by about 1e-7 at first, and as training goes on the
    difference grows as rounding does. Steps that are not taken here are those of the fused kernels.
    """

    def __init__(self, layers: list[Dense], optimizer: torch.optim.Optimizer, batch_size: int) -> None:
        super().__init__(optimizer, fused=True)
        self._library, self._layers = library(), layers
        self._widths = [layer.linear.out_features for layer in layers]
        self._work = torch.empty(2 * batch_size * sum(self._widths))
        self._batch_size = batch_size
        self._pending: tuple[Tensor, int] | None = None
        self._pointers: Any = None

    def fits(self, inputs: list[Tensor], target: Values) -> bool:
        """Whether the step can be taken here: behind the first, on labels, in a batch that is not too long."""
        if self._pointers is None and not self._point():
            return False
        labels = isinstance(target, Tensor) and target.dtype == torch.int64
        return labels and len(inputs[0]) <= self._batch_size

    def pass_forward(self, inputs: list[Tensor], target: Values) -> tuple[Tensor, Tensor]:
        """The loss (a scalar) and the logits; the next call of this object updates the weights by them."""
        assert isinstance(target, Tensor)
        x, count, label = inputs[0].contiguous(), len(target), target.contiguous()
        loss = self._library.dense_forward(
            self._pointers, len(self._layers), count, x.data_ptr(), label.data_ptr(), self._work.data_ptr()
        )
        self._pending = x, count
        start, end = count * sum(self._widths[:-1]), count * sum(self._widths)
        return torch.tensor(loss, dtype=torch.float64), self._work[start:end].view(count, -1).clone()

    def __call__(self) -> None:
        """Update by the pass before; without one, by the gradients in the parameters."""
        if self._pending is None or self._groups is None:
            super().__call__()
            return
        x, count = self._pending
        self._pending = None
        for group in self._groups:
            group.step += 1
        update = self._update()
        self._library.dense_backward(
            self._pointers, len(self._layers), count, x.data_ptr(), ctypes.addressof(update), self._work.data_ptr()
        )

    def forget(self) -> None:
        """The optimiser's state was replaced: look it up again."""
        super().forget()
        self._pointers = None

    def _update(self) -> _Update:
        assert self._groups is not None
        (group,) = self._groups
        options = group.options
        beta1, beta2 = options.get("betas", (0.0, 0.0))
        return _Update(
            _KINDS.get(type(self.optimizer), 0), options["lr"], options["weight_decay"], beta1, beta2,
            options.get("eps", 0.0), 1 - beta1**group.step, math.sqrt(1 - beta2**group.step),
            options.get("momentum", 0.0), options.get("dampening", 0.0), options.get("nesterov", False),
        )  # fmt: skip

    def _point(self) -> bool:
        """The addresses of weights and state, once the optimiser has made its state; false before."""
        state = self.optimizer.state
        trained = [parameter for layer in self._layers for parameter in layer.linear.parameters()]
        if not self._has_state(trained):
            return False
        self._take(trained)
        self._pointers = (_Layer * len(self._layers))()
        for place, layer in zip(self._pointers, self._layers, strict=True):
            place.inputs, place.outputs = layer.linear.in_features, layer.linear.out_features
            place.activation = layer.activation
            for name, parameter in layer.linear.named_parameters():
                own = state.get(parameter, {})
                mean, square = own.get("exp_avg", own.get("momentum_buffer")), own.get("exp_avg_sq")
                setattr(place, name, parameter.data_ptr())
                setattr(place, f"{name}_mean", None if mean is None else mean.data_ptr())
                setattr(place, f"{name}_square", None if square is None else square.data_ptr())
        return True


class DensePass:
    """The forward half of a :class:`DenseStep`, in the place of a recording."""

    def __init__(self, step: DenseStep) -> None:
        self.fits, self._step = step.fits, step

    def __call__(self, inputs: list[Tensor], target: Values) -> tuple[Tensor, Tensor]:
        """The loss and the logits."""
        return self._step.pass_forward(inputs, target)
