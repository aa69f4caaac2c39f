"""Which networks are certain to compute the same function in every step, so that a step may be recorded.

The certainty comes from structure: every layer's class is one of torch's own that reads no value in Python, keeps
nothing but what its buffers hold and takes the same operations in every step, or one of graphspec's functions, each of
which is one call of torch. Everything else runs as it is written: a layer of the user's may branch on a value, count
its steps, print or draw, and no number of equal batches would show that it does not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear  # what MultiheadAttention ends with
from torch.nn.utils import parametrize

from graphspec.losses import LOSSES, loss_table
from graphspec.ops.functions import FUNCTIONS
from graphspec.system import torch_private

#: torch.nn's classes whose forward is the same operations in every step.
_LAYERS = """
Module ModuleList Sequential Identity Flatten Unflatten Linear Bilinear Embedding CosineSimilarity PairwiseDistance
Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Fold Unfold
BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d GroupNorm LayerNorm RMSNorm
LocalResponseNorm Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout
MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d
AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d
ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d CircularPad1d CircularPad2d CircularPad3d
ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d
Upsample UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle PixelUnshuffle ChannelShuffle
ReLU ReLU6 LeakyReLU PReLU ELU SELU CELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Softplus Softsign Softshrink Hardshrink
Hardtanh Hardsigmoid Hardswish Tanhshrink Threshold GLU Softmax Softmax2d Softmin LogSoftmax
MultiheadAttention TransformerEncoderLayer TransformerDecoderLayer
""".split()
#: What a compiled graph calls besides its layers, to compute sizes and to take several values apart.
_OF_SIZES = frozenset(("_operator", "builtins", "math"))
#: Modules of classes that are no user's.
_OWN_HOMES = ("torch.nn.", "torchvision.", "graphspec.ops.functions.")


def own_code(module: nn.Module) -> str:
    """What of `module` is code of the user's that a step runs, in a few words; empty where all is torch's own."""
    if torch_private.watched() or torch.is_anomaly_enabled():
        return "every operation is watched from outside"
    for name, layer in module.named_modules():
        if reason := _own(layer):
            return f"{_called(name, layer)} {reason}"
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if type(tensor) not in (Tensor, nn.Parameter) or torch_private.has_tensor_hooks(tensor):
            return f'"{name}" is more than a tensor of torch\'s own'
    return ""


def uncertain(module: nn.Module, losses: Iterable[nn.Module]) -> str:
    """Why a step of `module` and `losses` may be another function later, in a few words; empty where it cannot be."""
    if reason := own_code(module):
        return reason
    for name, layer in module.named_modules():
        if not isinstance(layer, GraphModule) and (type(layer) not in _layers() or _reads_values(layer)):
            return f"{_called(name, layer)} may take other operations in another step"
    for loss in losses:
        if type(loss) not in _losses() or _own(loss):
            return f"{type(loss).__name__} may take other operations in another step"
    return ""


def _called(name: str, layer: nn.Module) -> str:
    return f'layer "{name}" ({type(layer).__name__})' if name else "the network"


def _own(layer: nn.Module) -> str:
    """What the user has put into `layer`; parametrizations count, whose classes are made on the way."""
    if torch_private.has_hooks(layer):
        return "has hooks"
    if isinstance(layer, GraphModule):
        plain = "forward" not in vars(layer) and all(map(_is_plain_call, layer.graph.nodes))
        return "" if plain else "calls more than layers"
    homes = (type(layer).__module__, type(layer).forward.__module__)
    if "forward" in vars(layer) or not all(home.startswith(_OWN_HOMES) for home in homes):
        return "has a forward that is not torch's"
    return "has parametrizations" if parametrize.is_parametrized(layer) else ""


def _reads_values(layer: nn.Module) -> bool:
    """Whether a layer of a known class reads a value in Python after all: the number of batches, a row's norm."""
    of_all_batches = getattr(layer, "momentum", 0) is None and getattr(layer, "track_running_stats", False)
    return of_all_batches or getattr(layer, "max_norm", None) is not None


def _is_plain_call(node: torch.fx.Node) -> bool:
    if node.op == "call_function":
        return getattr(node.target, "__module__", "") in _OF_SIZES
    return node.op != "call_method" or node.target == "size"


@functools.cache
def _layers() -> frozenset[type[nn.Module]]:
    known = vars(nn)
    functions = [module for entry in FUNCTIONS.values() for module in entry.modules]
    return frozenset([*(known[name] for name in _LAYERS if name in known), NonDynamicallyQuantizableLinear, *functions])


@functools.cache
def _losses() -> frozenset[type[nn.Module]]:
    return frozenset(loss for name, loss in loss_table().items() if not LOSSES[name].reads_values)
