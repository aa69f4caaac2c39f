"""The vocabulary: every layer type a spec can name. A frozen table, looked up exactly; text never becomes an import."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from torch import nn

from graphspec.ops.backbones import PREFIXES, backbones
from graphspec.ops.functions import FUNCTIONS, Buffer, Function, Parameter
from graphspec.ops.installed import installed, load
from graphspec.ops.op import Op
from graphspec.system.own_parts import OwnParts

#: Modules that hold modules, or are bases of others: nothing that a line of a spec could construct.
_NOT_LAYERS = frozenset(
    (
        "Module Container Sequential ModuleList ModuleDict ParameterList ParameterDict DataParallel "
        "RNNBase RNNCellBase TransformerEncoder TransformerDecoder AdaptiveLogSoftmaxWithLoss "
        "CrossMapLRN2d"
    ).split()
)
#: Names for what comes out of a layer with several values. The first is what the layer's bare name means.
_VALUES: dict[str, dict[str, tuple[int, ...]]] = {
    "LSTM": {"output": (0,), "h_n": (1, 0), "c_n": (1, 1)},
    "GRU": {"output": (0,), "h_n": (1,)},
    "RNN": {"output": (0,), "h_n": (1,)},
    "LSTMCell": {"h_1": (0,), "c_1": (1,)},
    "MultiheadAttention": {"attn_output": (0,), "attn_output_weights": (1,)},
    **{
        f"{kind}MaxPool{n}d": {"output": (0,), "indices": (1,)}
        for kind in ("", "Adaptive", "Fractional")
        for n in (1, 2, 3)
    },
}
_VISION = ["StochasticDepth", "DropBlock2d", "DropBlock3d", "FrozenBatchNorm2d", "SqueezeExcitation", "MLP", "Permute"]

Layer = TypeVar("Layer", bound=type[nn.Module])
_custom: OwnParts[Op] = OwnParts("a layer", lambda name: _owner(name))


class UnknownOp(KeyError):
    """No such layer type."""


def lookup(name: str) -> Op:
    """The op called `name`, exactly; raises :class:`UnknownOp`."""
    op = _core().get(name) or _custom.get(name) or (_vision().get(name) if name in _VISION else None)
    if op is None and name.startswith(PREFIXES):
        op = backbones(_package(name)).get(name)
    if op is None and name in installed():
        layer(load(name), name)
        op = _custom[name]
    if op is None:
        raise UnknownOp(name)
    return op


def names() -> list[str]:
    """Every layer type, torch's modules first; torchvision's models have :func:`backbones` of their own."""
    return list(dict.fromkeys([*_core(), *_VISION, *_custom, *installed()]))


def similar(name: str) -> list[str]:
    """The layer types among which a mistyped `name` may be meant."""
    return list(backbones(_package(name))) if name.startswith(PREFIXES) else names()


def _package(name: str) -> str:
    """``torchvision.`` of ``torchvision.resnet18``."""
    return name[: name.index(".") + 1]


def layer(module: Layer, name: str = "") -> Layer:
    """Class decorator: make an nn.Module a layer type under its class name (or under `name`).

    Its constructor's arguments are the spec's arguments (``in_features``, ``in_channels`` and the like are inferred),
    the tensors of its forward are its inputs.

    Raises:
        TypeError: not an nn.Module class.
        ValueError: the name is torch's, or that of a layer in another module.
    """
    if not (inspect.isclass(module) and issubclass(module, nn.Module)):
        raise TypeError(f"a layer is a class of nn.Module, not {module!r}")
    name = name or module.__name__
    _custom.add(module, Op(name, module, origin=module.__module__), name)
    return module


def _owner(name: str) -> str:
    return "torch" if name in _core() or name in _VISION else ""


def own_layers() -> OwnParts[Op]:
    """The layer types that are no one's but the user's, by name."""
    return _custom


@functools.cache
def _core() -> Mapping[str, Op]:
    table = {
        name: Op(name, module, _VALUES.get(name, {})) for name, module in vars(nn).items() if _is_layer(name, module)
    }
    table |= {name: _of_function(name, entry) for name, entry in FUNCTIONS.items()}
    for leaf in (Parameter, Buffer):
        table[leaf.__name__] = Op(leaf.__name__, leaf, origin="leaf")
    return MappingProxyType(table)


def _of_function(name: str, entry: Function) -> Op:
    variant = None
    if entry.scalar:
        port, module = entry.scalar
        variant = port, Op(name, module, origin="torch", broadcasts=entry.broadcasts, sizes=entry.sizes)
    return Op(
        name, entry.module, entry.values, "torch", variant, entry.broadcasts, entry.sizes, entry.example
    )  # fmt: skip


@functools.cache
def _vision() -> Mapping[str, Op]:
    import torchvision.ops

    found = {name: getattr(torchvision.ops, name) for name in _VISION}
    return MappingProxyType({name: Op(name, module, origin="torchvision.ops") for name, module in found.items()})


def _is_layer(name: str, module: Any) -> bool:
    if not (inspect.isclass(module) and issubclass(module, nn.Module)) or name in _NOT_LAYERS:
        return False
    return not name.startswith(("Lazy", "_")) and not name.endswith("Loss") and name not in ("NLLLoss2d",)
