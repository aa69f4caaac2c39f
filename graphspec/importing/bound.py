"""The arguments of a recorded call: by name, without what goes without saying, and short as a person has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from graphspec.importing.forward_pass import Value, values_in
from graphspec.importing.pair import Open, Pair
from graphspec.importing.sizes import Computed, Formula
from graphspec.ops import Op
from graphspec.ops.arguments import dtype_name
from graphspec.ops.inferred import inferred

_KEYWORDS = {
    "axis": "dim", "keepdims": "keepdim", "split_size": "split_size_or_sections",
    "indices": "indices_or_sections", "sections": "indices_or_sections",
}  # fmt: skip
#: What a parameter that is left out means, where an op has no such argument.
_NOTHING: dict[str, tuple[Any, ...]] = {
    "alpha": (1,), "rounding_mode": (None,), "dtype": (None,), "dropout_p": (0.0,), "scale": (None,),
    "enable_gqa": (False,), "scale_factor": (None,), "recompute_scale_factor": (None, False), "antialias": (False,),
    "out": (None,), "training": (True, False), "max_norm": (None,), "sparse": (False,), "scale_grad_by_freq": (False,),
    "norm_type": (2.0,), "return_indices": (False,),
    "memory_format": (torch.preserve_format, torch.contiguous_format, torch.channels_last), "copy": (False,),
    "non_blocking": (False,), "requires_grad": (False,), "layout": (torch.strided,), "pin_memory": (False,),
    "inplace": (True, False), "size_average": (None,), "_stacklevel": (3, 5), "use_input_stats": (True, False),
    "compute_mode": ("use_mm_for_euclid_dist_if_necessary",),
}  # fmt: skip
_SCALARS = frozenset("kernel_size stride padding dilation output_size output_padding upscale_factor".split())


def bound(pair: Pair, parameters: Sequence[str], lacks: Callable[[str], Exception]) -> dict[str, Any]:
    """The call's arguments by the names of `parameters`: ``*`` takes all that follow, one in brackets is left out."""
    args, kwargs = pair.args()
    name = pair.first.plain_name
    found: dict[str, Any] = {}
    rest = list(args)
    for parameter in parameters:
        if not rest:
            break
        if parameter.startswith("*"):
            found[parameter[1:]] = list(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
            rest = []
        else:
            found[parameter] = rest.pop(0)
    if rest:
        raise lacks(f"{name} with {len(args)} arguments")
    known = {parameter.strip("*[]") for parameter in parameters}
    for key, value in kwargs.items():
        key = key if key in known else _KEYWORDS.get(key, key)
        if key in known:
            found[key] = value
        elif not is_nothing(key, value):
            raise lacks(f"{name} with {key} = {value}")
    return {key: value for key, value in found.items() if not key.startswith("[") and f"[{key}]" not in parameters}


def is_nothing(name: str, value: Any) -> bool:
    """Whether an argument that an op does not have says what goes without saying."""
    return value is None or name == "device" or value in _NOTHING.get(name, ())


def is_default(op: Op, name: str, value: Any) -> bool:
    """Whether the line can leave it out."""
    parameter = op.arguments.get(name) or op.options.get(name)
    if parameter is None and op.scalar and name == op.scalar[0]:
        return False
    if name == "stride" and "Pool" in op.name:
        return False
    return parameter is not None and not parameter.required and _same(parameter.default, value)


def _same(default: Any, value: Any) -> bool:
    if isinstance(default, tuple | list) and not isinstance(value, tuple | list):
        return all(item == value for item in default)
    return (type(default) is type(value) and bool(default == value)) or (
        default == value and not isinstance(value, Formula)
    )


def inferred_arguments(op: Op, shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What the vocabulary works out from these shapes."""
    try:
        return inferred(op, shapes)
    except (IndexError, TypeError):
        return {}


def short(name: str, value: Any) -> Any:
    """A list of equal numbers as one, where the argument takes one."""
    if isinstance(value, tuple | list) and name in _SCALARS and value and all(item == value[0] for item in value):
        return value[0]
    return list(value) if isinstance(value, tuple) else value


def has_open(value: Any) -> bool:
    """Whether a number in it is not known for every size."""
    if isinstance(value, Open):
        return True
    if isinstance(value, Computed):
        return has_open(value.left) or has_open(value.right)
    return isinstance(value, tuple | list) and any(map(has_open, value))


def number(value: Any, finite: bool = True) -> Any:
    """The number in a constant without dims, which a spec writes as one, or None."""
    constant = isinstance(value, Value) and value.kind in ("constant", "call") and value.data is not None
    if not constant or value.shape != ():
        return None
    found = value.data.item()
    return found if math.isfinite(found) or not finite else None


def without_value(name: str, value: Any, error: Callable[[], Exception]) -> Any:
    """`value` as an argument has it; a tensor in it is one number, or an error."""
    plain = number(value, finite=name not in ("value", "fill_value"))
    if plain is not None:
        return plain
    if any(True for _ in values_in(value)):
        raise error()
    if isinstance(value, torch.dtype):
        return dtype_name(value)
    return value
