"""The operators of exported programs as torch's functions: a frozen table, so that no name of a file is looked up.

Most have the name, and the order of arguments, of torch's own function; the others have a line of their own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[..., Any]

_TORCH = """
abs neg exp log sqrt rsqrt reciprocal floor ceil round sin cos tan erf sign square asin acos atan sinh cosh expm1 log1p
log2 log10 logical_not bitwise_not isnan isinf isfinite
add sub mul div pow maximum minimum eq ne lt le gt ge logical_and logical_or logical_xor remainder fmod floor_divide
bitwise_and bitwise_or atan2 matmul bmm where masked_fill clamp addcmul addcdiv lerp
mean sum amax amin var std var_mean std_mean prod norm argmax argmin cumsum logsumexp any all max min topk
median kthvalue quantile cummax cummin nansum count_nonzero nan_to_num logit sinc xlogy hypot heaviside
diag_embed index_fill bucketize
sort softmax log_softmax cat stack split split_with_sizes chunk unbind flatten permute transpose unsqueeze squeeze
flip roll narrow select index_select gather scatter tril triu repeat_interleave broadcast_to movedim swapaxes sigmoid
tanh relu rsub clamp_min clamp_max lstm gru rnn_tanh rnn_relu
"""
_FUNCTIONAL = """
conv1d conv2d conv3d linear prelu gelu silu elu selu celu relu6 hardtanh hardswish hardsigmoid leaky_relu
mish softplus softsign glu logsigmoid max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d pixel_shuffle pixel_unshuffle
scaled_dot_product_attention pad one_hot dropout
"""
_METHODS = "view reshape expand repeat unflatten view_as expand_as type_as masked_fill"
#: What gives its argument's numbers.
_SAME = "alias detach lift_fresh_copy lift_fresh lift detach_copy"
#: Checks that torch writes into a program, and that give nothing.
IGNORED = frozenset(
    """
_assert_scalar _assert_async _assert_tensor_metadata sym_constrain_range sym_constrain_range_for_size
_guards_fn _set_grad_enabled
""".split()
)
#: Functions of sizes, by Python's names for them.
SIZES: dict[str, Function] = {
    name: getattr(operator, name)
    for name in "add sub mul floordiv mod neg truediv getitem eq ne lt le gt ge and_ or_ not_".split()
}


def _first(x: Any, *_: Any, **__: Any) -> Any:
    return x


def _embedding(weight: Tensor, ids: Tensor, padding_idx: int = -1, scale: bool = False, sparse: bool = False) -> Tensor:
    return F.embedding(ids, weight, None if padding_idx == -1 else padding_idx, None, 2.0, scale, sparse)


def _batch_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float, *_: Any
) -> Tensor:
    return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)


def _instance_norm(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, use: bool, momentum: float, eps: float, *_: Any
) -> Tensor:
    return F.instance_norm(x, mean, var, weight, bias, use, momentum, eps)


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any) -> Tensor:
    return F.layer_norm(x, shape, weight, bias, eps)


def _group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any) -> Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


def _rms_norm(x: Any, shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    return F.rms_norm(x, shape, weight, eps)


def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    end = None if type(end) is int and end >= 2**62 else end
    return x[(*[slice(None)] * (dim % x.dim()), slice(start or 0, end, step))]


def _index(x: Any, indices: list[Any]) -> Any:
    return x[tuple(slice(None) if index is None else index for index in indices)]


def _interpolated(mode: str, corners: bool) -> Function:
    def function(x: Any, size: Any, *rest: Any) -> Tensor:
        words: dict[str, Any] = {"align_corners": rest[0]} if corners else {}
        scales = rest[1] if corners and len(rest) > 1 else rest[0] if not corners and rest else None
        if scales is not None:
            return F.interpolate(x, scale_factor=list(scales), mode=mode, recompute_scale_factor=False, **words)
        return F.interpolate(x, size=list(size), mode=mode, **words)

    return function


def _converted(x: Any, *given: Any, **words: Any) -> Any:
    dtype = next((each for each in (*given, *words.values()) if isinstance(each, torch.dtype)), None)
    return x if dtype is None else x.to(dtype)


def _summed(function: Function) -> Function:
    """A reduction whose dims may be none: over all of them."""

    def reduce(x: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
        words = {key: value for key, value in words.items() if value is not None}
        return function(x, **words) if dim is None or dim == [] else function(x, dim, keepdim, **words)

    return reduce


def _created(function: Function) -> Function:
    def create(*args: Any, dtype: Any = None, **_: Any) -> Any:
        return function(*args, **({"dtype": dtype} if dtype is not None else {}))

    return create


def _softmax(function: Function) -> Function:
    def soft(x: Any, dim: int, dtype: Any = None, **_: Any) -> Any:
        return function(x, dim, dtype=dtype) if isinstance(dtype, torch.dtype) else function(x, dim)

    return soft


def _transposed(rank: int) -> Function:
    def conv(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        function = getattr(F, f"conv_transpose{rank}d")
        return function(x, weight, bias, stride, padding, output_padding, groups, dilation)

    return conv


def _table() -> dict[str, Function]:
    found: dict[str, Function] = {name: getattr(torch, name) for name in _TORCH.split()}
    found |= {name: getattr(F, name) for name in _FUNCTIONAL.split()}
    found |= {name: getattr(Tensor, name) for name in _METHODS.split()}
    found |= dict.fromkeys(_SAME.split(), _first)
    found |= {f"conv_transpose{rank}d": _transposed(rank) for rank in (1, 2, 3)}
    found |= {
        name: _created(getattr(torch, name))
        for name in ("arange", "zeros", "ones", "full", "zeros_like", "ones_like", "full_like")
    }
    found |= {name: _summed(getattr(torch, name)) for name in ("mean", "sum", "amax", "amin")}
    found |= {name: _softmax(getattr(torch, name)) for name in ("softmax", "log_softmax")}
    found |= {
        "linalg_vector_norm": torch.linalg.vector_norm,
        "embedding": _embedding, "batch_norm": _batch_norm, "instance_norm": _instance_norm,
        "layer_norm": _layer_norm, "group_norm": _group_norm, "rms_norm": _rms_norm, "slice": _slice, "index": _index,
        "contiguous": lambda x, **_: x.contiguous(), "clone": lambda x, **_: x.clone(),
        "to": _converted, "_to_copy": _converted, "_unsafe_view": Tensor.view, "mm": torch.matmul,
        "einsum": lambda equation, operands, **_: torch.einsum(equation, *operands), "log_sigmoid": F.logsigmoid,
        "constant_pad_nd": lambda x, pad, value=0.0: F.pad(x, pad, "constant", value), "t": lambda x: x.transpose(0, 1),
        "upsample_nearest1d": _interpolated("nearest", False), "upsample_nearest2d": _interpolated("nearest", False),
        "upsample_nearest3d": _interpolated("nearest", False), "upsample_bilinear2d": _interpolated("bilinear", True),
        "upsample_linear1d": _interpolated("linear", True), "upsample_trilinear3d": _interpolated("trilinear", True),
        "upsample_bicubic2d": _interpolated("bicubic", True), "feature_dropout": F.dropout2d,
    }  # fmt: skip
    return found


FUNCTIONS = _table()
#: Functions that are another in training, and the place of the argument that says so. A program in evaluation mode has
#: False there, whether its module would have trained or not.
IN_TRAINING = {"dropout": 2, "feature_dropout": 2, "batch_norm": 5}
#: Sizes that a program reads: ``sym_size(x, 1)``.
READS_SIZE = frozenset(["sym_size"])


def arguments_of(op: str) -> list[Any]:
    """The arguments of an operator by its schema; none of one that torch has not."""
    _, _, target = op.partition(":")
    _, name, overload = target.split(".")
    packet = getattr(torch.ops.aten, name) if base_name(op)[1] in FUNCTIONS else None
    return list(getattr(packet, overload)._schema.arguments) if packet and overload in packet.overloads() else []


def base_name(op: str) -> tuple[str, str]:
    """Namespace and plain name of an operator: ``aten``, ``relu`` of ``call_function:aten.relu_.default``."""
    _, _, target = op.partition(":")
    parts = target.split(".")
    if len(parts) > 1 and parts[0] == "aten":
        name = parts[1]
        return "aten", name.removesuffix("_") if not name.startswith("__") else name
    return ".".join(parts[:-1]), parts[-1]
