"""Which modules are layers of the vocabulary, and with which arguments one was made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from graphspec.importing.bound import short
from graphspec.ops import Op, UnknownOp, lookup
from graphspec.system.torch_private import has_hooks

#: Their constructors keep too little for them to be written as one layer; what they call is recorded instead.
_OPENED = frozenset(["SqueezeExcitation", "MLP", "Transformer"])
#: Arguments that no attribute of the same name keeps.
_KEPT: dict[str, dict[str, Callable[[Any], Any]]] = {
    "TransformerEncoderLayer": {
        "d_model": lambda m: m.self_attn.embed_dim,
        "nhead": lambda m: m.self_attn.num_heads,
        "dim_feedforward": lambda m: m.linear1.out_features,
        "dropout": lambda m: m.dropout.p,
        "activation": lambda m: {1: "relu", 2: "gelu"}[m.activation_relu_or_gelu],
        "layer_norm_eps": lambda m: m.norm1.eps,
        "batch_first": lambda m: m.self_attn.batch_first,
        "bias": lambda m: m.linear1.bias is not None,
    },
    "MultiheadAttention": {
        "bias": lambda m: m.in_proj_bias is not None,
        "add_bias_kv": lambda m: m.bias_k is not None,
        "kdim": lambda m: None if m.kdim == m.embed_dim else m.kdim,
        "vdim": lambda m: None if m.vdim == m.embed_dim else m.vdim,
    },
    "PReLU": {"init": lambda m: 0.25},
    "FrozenBatchNorm2d": {"num_features": lambda m: m.weight.shape[0]},
    "Embedding": {"scale_grad_by_freq": lambda m: m.scale_grad_by_freq},
}
_KEPT["TransformerDecoderLayer"] = _KEPT["TransformerEncoderLayer"] | {
    "activation": lambda m: {"relu": "relu", "gelu": "gelu"}[m.activation.__name__]
}
#: Arguments that no function of the layer depends on.
_IGNORED = frozenset(["inplace", "device", "dtype", "_weight", "_freeze"])


class Unreadable(Exception):
    """An argument that the layer does not keep, or that no spec can hold."""


def leaf_type(module: nn.Module) -> Op | None:
    """The vocabulary's entry for `module`: its class, or one whose forward it has unchanged."""
    for kind in type(module).__mro__:
        op = _op(kind)
        if op and op.name not in _OPENED:
            unchanged = type(module).forward is op.factory.forward and not has_hooks(module)
            return op if unchanged and not _is_changed(module) and _readable(op, module) else None
    return None


def _op(kind: type) -> Op | None:
    try:
        op = lookup(kind.__name__)
    except UnknownOp:
        return None
    return op if op.factory is kind else None


def _is_changed(module: nn.Module) -> bool:
    """Whether what stands before its weights is none of the parametrizations that a spec has."""
    return hasattr(module, "weight_g") or (hasattr(module, "parametrizations") and parametrized(module) is None)


def parametrized(module: nn.Module) -> str | dict[str, Any] | None:
    """How a layer says that its weight is computed from other parameters, as ``parametrize`` of a spec has it."""
    lists: Any = getattr(module, "parametrizations", {})
    if len(lists) != 1:
        return None
    name, steps = next(iter(lists.items()))
    kind = {"_WeightNorm": "weight_norm", "_SpectralNorm": "spectral_norm"}.get(type(steps[0]).__name__)
    if kind is None or len(steps) != 1:
        return None
    usual = 1 if kind == "spectral_norm" and "ConvTranspose" in type(module).__name__ else 0
    given = {"name": (name, "weight"), "dim": (steps[0].dim, usual)}
    if kind == "spectral_norm":
        given |= {"n_power_iterations": (steps[0].n_power_iterations, 1), "eps": (steps[0].eps, 1e-12)}
    own = {key: value for key, (value, default) in given.items() if value != default}
    return {"type": kind} | own if own else kind


def _readable(op: Op, module: nn.Module) -> bool:
    try:
        constructor(op, module)
    except Unreadable:
        return False
    return True


def constructor(op: Op, module: nn.Module) -> dict[str, Any]:
    """The arguments that `module` was made with, those left out that are the defaults."""
    found = {}
    for name, parameter in op.arguments.items():
        if name in _IGNORED:
            continue
        value = short(name, _plain(_argument(op, module, name)))
        if parameter.default is inspect.Parameter.empty or value != _plain(parameter.default):
            found[name] = value
    return found


def _argument(op: Op, module: nn.Module, name: str) -> Any:
    kept = _KEPT.get(op.name, {}).get(name)
    try:
        if kept:
            return kept(module)
        return vars(module)[name]
    except (AttributeError, KeyError) as error:
        if name == "bias":  # the parameter has the argument's name
            return "bias" in dict(module.named_parameters(recurse=False))
        if op.arguments[name].default is None:  # deprecated, such as min_value of Hardtanh
            return None
        raise Unreadable(name) from error


def _plain(value: Any) -> Any:
    """A value as TOML has it: equal numbers of a tuple as one."""
    if isinstance(value, tuple | list):
        items = [_plain(item) for item in value]
        return items[0] if len(items) > 1 and all(item == items[0] for item in items) else items
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if inspect.isfunction(value) or inspect.isbuiltin(value):  # an activation, which a spec names
        return value.__name__
    raise Unreadable(str(type(value)))
