"""Activations: torch's layers, and what else their attributes can say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import OPERATORS, operator
from graphspec.importing.onnx.values import short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

#: Those that are layers, with the arguments that their attributes say.
_LAYERS: dict[str, tuple[type[nn.Module], dict[str, tuple[str, Any]]]] = {
    "Relu": (nn.ReLU, {}), "Sigmoid": (nn.Sigmoid, {}), "Tanh": (nn.Tanh, {}), "Softplus": (nn.Softplus, {}),
    "Softsign": (nn.Softsign, {}), "HardSwish": (nn.Hardswish, {}), "Mish": (nn.Mish, {}),
    "Elu": (nn.ELU, {"alpha": ("alpha", 1.0)}), "Celu": (nn.CELU, {"alpha": ("alpha", 1.0)}),
    "LeakyRelu": (nn.LeakyReLU, {"negative_slope": ("alpha", 0.01)}),
    "ThresholdedRelu": (nn.Threshold, {"threshold": ("alpha", 1.0)}),
    "Gelu": (nn.GELU, {"approximate": ("approximate", "none")}),
}  # fmt: skip


def _layer(call: Call) -> Tensor:
    kind, attributes = _LAYERS[call.node.op]
    args: dict[str, Any] = {}
    for name, (attribute, default) in attributes.items():
        value = call.attribute(attribute, default)
        args[name] = short(value) if isinstance(value, float) else value
    if kind is nn.Threshold:
        args["value"] = 0.0
    return call.layer(lambda: kind(**args))(call.tensor())


OPERATORS.update(dict.fromkeys(_LAYERS, _layer))


@operator("Selu")
def selu(call: Call) -> Tensor:
    """SELU with torch's own constants, else ELU times ``gamma``."""
    alpha, gamma = call.attribute("alpha", 1.6732632), call.attribute("gamma", 1.0507009)
    if abs(alpha - 1.6732632) < 1e-6 and abs(gamma - 1.0507010) < 1e-6:
        return call.layer(nn.SELU)(call.tensor())
    return F.elu(call.tensor(), short(alpha)) * short(gamma)


@operator("HardSigmoid")
def hard_sigmoid(call: Call) -> Tensor:
    """Hardsigmoid with torch's slope of 1/6, else ``alpha · x + beta`` between 0 and 1."""
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return call.layer(nn.Hardsigmoid)(call.tensor())
    return torch.clamp(call.tensor() * short(alpha) + short(beta), 0.0, 1.0)


@operator("PRelu")
def prelu(call: Call) -> Tensor:
    """One slope, or one a channel; other slopes are written out."""
    x, slope = call.tensor(), call.constant(1)
    channels = x.shape[1] if x.dim() > 1 else 1
    one_each = slope is not None and slope.dim() == x.dim() - 1 and slope.shape[0] == channels == slope.numel()
    if slope is not None and (slope.numel() == 1 or one_each):
        return call.layer(lambda: _prelu(slope), weight=1)(x)
    return torch.relu(x) - call.tensor(1) * torch.relu(-x)


def _prelu(slope: Tensor) -> nn.Module:
    layer = nn.PReLU(slope.numel())
    layer.weight.data.copy_(slope.flatten())
    return layer


@operator("Shrink")
def shrink(call: Call) -> Tensor:
    """Hardshrink where ``bias`` is 0, Softshrink where it is ``lambd``; refused otherwise."""
    bias, lambd = call.attribute("bias", 0.0), call.attribute("lambd", 0.5)
    if bias == 0.0:
        return call.layer(lambda: nn.Hardshrink(short(lambd)))(call.tensor())
    if bias == lambd:
        return call.layer(lambda: nn.Softshrink(short(lambd)))(call.tensor())
    raise call.refuse(f"its bias {short(bias)} is neither 0 nor lambd")


@operator("Dropout")
def dropout(call: Call) -> Tensor:
    """A layer that drops when the spec is trained. Refused where the file drops too, or its mask is asked for."""
    training = call.has(2) and call.number(2) is not False
    if training or any(call.node.outputs[1:]):
        raise call.refuse("it drops in evaluation, or gives its mask" if training else "its mask is asked for")
    ratio = call.number(1) if call.has(1) else call.attribute("ratio", 0.5)
    if ratio is None:
        raise call.refuse("its ratio is computed")
    return call.layer(lambda: nn.Dropout(short(float(ratio))))(call.tensor())


@operator("Swish")
def swish(call: Call) -> Tensor:
    """``silu`` where alpha is 1, else x · sigmoid(alpha · x)."""
    alpha, x = call.attribute("alpha", 1.0), call.tensor()
    return F.silu(x) if alpha == 1.0 else x * torch.sigmoid(x * short(alpha))
