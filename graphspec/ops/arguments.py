"""Whether a value from a spec fits an argument: its annotated type, and bounds by the argument's name."""

from __future__ import annotations

import math
import typing
from typing import Any, Literal

import torch

from graphspec.diagnostics import Code, quoted, suggest
from graphspec.ops.op import Number, Parameter, alternatives
from graphspec.spec.model import MOST_DIMS


def dtype_name(dtype: torch.dtype) -> str:
    """What a spec calls a dtype: ``float32``."""
    return str(dtype).removeprefix("torch.")


#: Every dtype that torch has, by name.
DTYPES = {dtype_name(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
GREATEST = 2**31 - 1
_POSITIVE = (1, GREATEST)
_COUNT = (0, GREATEST)
#: Bounds (both ends included) by argument name. meta tensors accept many values outside that the CPU refuses.
BOUNDS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(
        (
            "in_features out_features in1_features in2_features in_channels out_channels num_features "
            "num_channels num_groups groups kernel_size stride dilation num_heads nhead embed_dim d_model "
            "dim_feedforward kdim vdim input_size hidden_size num_embeddings embedding_dim upscale_factor "
            "downscale_factor chunks split_size_or_sections num_parameters block_size step num_classes k repeats steps "
            "n_power_iterations"
        ).split(),
        _POSITIVE,
    ),
    **dict.fromkeys(["padding", "output_padding", "proj_size", "length", "out_size", "n", "m"], _COUNT),
    # each takes time of its own where shapes are found; deeper networks are written with repeat
    **dict.fromkeys(["num_layers", "num_encoder_layers", "num_decoder_layers"], (1, 32)),
    **dict.fromkeys(["p", "dropout", "dropout_p", "momentum", "sparsity"], (0.0, 1.0)),
    "output_size": _COUNT,
    "eps": (0.0, 1.0),
    "negative_slope": (-1e6, 1e6),
    "scale_factor": (1e-6, 1e6),
    "q": (0.0, 1.0),
    "decimals": (-30, 30),
    # operands, which may be any number that a tensor holds
    **dict.fromkeys(["other", "min", "max", "exponent", "nan", "posinf", "neginf"], (-1e308, 1e308)),
    # what masks and paddings hold
    **dict.fromkeys(["value", "fill_value"], (-math.inf, math.inf)),
}
#: How numbers are written that no file of numbers holds, where an argument takes them.
INFINITE = ("inf", "-inf")
#: Bounds of arguments that mean something else in one op.
_OWN_BOUNDS = {
    ("arange", "step"): (-1e308, 1e308),
    # whether a number is infinite
    **{(name, "other"): (-math.inf, math.inf) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    # less than nothing cuts off
    **{(f"{kind}Pad{n}d", "padding"): (-GREATEST, GREATEST) for kind in ("Zero", "Constant") for n in (1, 2, 3)},
    # torch computes them one behind the other, without data too: 100,000 of them in ten seconds.
    ("Bilinear", "out_features"): (1, 10_000),
}
#: Lists that do not grow with the number of dims; ``pad`` has two numbers for each.
_OF_ANY_LENGTH = frozenset(["data", "split_size_or_sections", "cutoffs"])
#: The greatest whole number that torch takes.
GREATEST_WHOLE = 2**63 - 1
_PROBABILITY_EXCEPTIONS = frozenset("LPPool1d LPPool2d LPPool3d PairwiseDistance cdist norm normalize".split())


#: A setting's least number but 0: float32 holds what is divided by it. Operands (``other``) may be any.
_LEAST = 1e-37


class BadArgument(Exception):
    """The value does not fit; the message says what would, `hint` what to write."""

    def __init__(self, message: str, code: Code = "bad-value", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def convert(op: str, parameter: Parameter, value: Any) -> Any:
    """`value` as the Python object that torch takes (lists as tuples, a dtype's name as the dtype).

    Raises:
        BadArgument: with what was expected.
    """
    _check_length(parameter.name, value)
    if value in INFINITE and math.isinf(bounds_of(op, parameter.name)[1]):
        value = float(value)
    for annotation in alternatives(parameter.annotation):
        fitted, converted = _fit(annotation, value, parameter.default)
        if fitted:
            _check_bounds(op, parameter.name, converted)
            return converted
    words = [
        word
        for kind in alternatives(parameter.annotation)
        if typing.get_origin(kind) is Literal
        for word in typing.get_args(kind)
    ]
    code: Code = "bad-value" if words and isinstance(value, str) else "wrong-type"
    message = f"{quoted(parameter.name)} is {_shown(value)}, not {describe(parameter)}"
    raise BadArgument(message, code, _instead(parameter, value, words))


def _instead(parameter: Parameter, value: Any, words: list[Any]) -> str:
    """What was probably meant: the integer in 3.0 or "3", the nearest of the words that are allowed."""
    kinds = alternatives(parameter.annotation)
    if isinstance(value, float) and value.is_integer() and int in kinds:
        return f"write {int(value)}"
    if isinstance(value, str) and value.isdecimal() and {int, float} & set(kinds):
        return f"write {value} without quotes"
    return suggest(value, words) if isinstance(value, str) else ""


def bounds_of(op: str, name: str) -> tuple[float, float]:
    """The least and greatest number that the argument called `name` of the op called `op` takes."""
    if name == "p" and op in _PROBABILITY_EXCEPTIONS:
        return (-GREATEST, GREATEST)
    return _OWN_BOUNDS.get((op, name)) or BOUNDS.get(name, (-GREATEST, GREATEST))


def describe(parameter: Parameter) -> str:
    """The type an argument wants, in words: ``an integer or 2 integers``."""
    names = [_describe(part, parameter.default) for part in alternatives(parameter.annotation)]
    return " or ".join(dict.fromkeys(name for name in names if name)) or "a value"


def _fit(annotation: Any, value: Any, default: Any) -> tuple[bool, Any]:
    """Whether `value` is of the type, and the value converted."""
    if annotation is Any:
        return _fit_default(value, default)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return value in inner, value
    if origin in (tuple, list) or annotation in (tuple, list):
        return _fit_sequence(origin or annotation, inner, value)
    if annotation in (float, Number):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        return fits, float(value) if fits and annotation is float else value
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if annotation is torch.dtype:
        return isinstance(value, str) and value in DTYPES, DTYPES.get(value) if isinstance(value, str) else value
    if annotation is torch.Size:
        return _fit_sequence(list, (int,), value)
    return isinstance(annotation, type) and isinstance(value, annotation) and not callable(value), value


def _fit_default(value: Any, default: Any) -> tuple[bool, Any]:
    """Without an annotation the default's type decides; without either, any plain value goes."""
    if isinstance(default, bool):
        return isinstance(value, bool), value
    if isinstance(default, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool), value
    if isinstance(default, str):
        return isinstance(value, str), value
    if isinstance(value, list):
        return True, tuple(value)
    return isinstance(value, int | float | str | bool), value


def _fit_sequence(origin: Any, inner: tuple[Any, ...], value: Any) -> tuple[bool, Any]:
    if not isinstance(value, list | tuple):
        # torch takes a number for a list of one, e.g. mean(dim=1)
        return (origin is list and inner == (int,) and type(value) is int), [value]
    variadic = len(inner) == 2 and inner[1] is Ellipsis
    if inner and origin is tuple and not variadic and len(inner) != len(value):
        return False, value
    wanted = (
        [inner[0] if variadic or origin is list else inner[n] for n in range(len(value))]
        if inner
        else [Any] * len(value)
    )
    fitted = []
    for part, item in zip(wanted, value, strict=True):
        # sizes known only at run time stand in a list as they are
        results = [(True, item)] if _is_size(item) else [_fit(kind, item, None) for kind in alternatives(part)]
        good = next((result for result in results if result[0]), None)
        if good is None:
            return False, value
        fitted.append(good[1])
    return True, (fitted if origin is list else tuple(fitted))


def _is_size(value: Any) -> bool:
    return hasattr(value, "dim") and not isinstance(value, int | float | str)


def _check_length(name: str, value: Any) -> None:
    """Before each number of a list is looked at."""
    if isinstance(value, list | tuple) and len(value) > 2 * MOST_DIMS and name not in _OF_ANY_LENGTH:
        raise BadArgument(f"{quoted(name)} is a list of {len(value)}, more than {2 * MOST_DIMS}", "too-large")


def _check_bounds(op: str, name: str, value: Any) -> None:
    low, high = bounds_of(op, name)
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, bool) or not isinstance(item, int | float):
            continue
        if isinstance(item, int) and item > min(high, GREATEST_WHOLE):
            raise BadArgument(f"{quoted(name)} is {item}, more than {min(high, GREATEST_WHOLE):.0f}", "too-large")
        if isinstance(item, int) and item < -GREATEST_WHOLE:
            raise BadArgument(f"{quoted(name)} is {item}, less than {-GREATEST_WHOLE}", "too-large")
        if not low <= item <= high:
            ends = f"at least {low}" if high == GREATEST and low != -GREATEST else f"from {low} to {high}"
            raise BadArgument(f"{quoted(name)} is {item}, not {ends}")
        if 0 < abs(item) < _LEAST and high < 1e308:
            raise BadArgument(
                f"{quoted(name)} is {item}, smaller than float32 can divide by", hint=f"0, or {_LEAST} on"
            )


def _shown(value: Any) -> str:
    text = "true" if value is True else "false" if value is False else str(value)
    return quoted(value) if isinstance(value, str) else text if len(text) <= 80 else text[:79] + "…"


def _describe(annotation: Any, default: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any and default is not None and isinstance(default, bool | int | float | str):
        return _describe(float if isinstance(default, float) else type(default), None)
    if origin is Literal:
        return " or ".join(quoted(part) for part in inner)
    if origin is tuple and inner and Ellipsis not in inner:
        return f"{len(inner)} integers" if set(inner) == {int} else f"a list of {len(inner)}"
    if origin in (tuple, list) or annotation in (tuple, list):
        return "a list of integers" if int in inner else "a list"
    names = {
        int: "an integer",
        float: "a number",
        Number: "a number",
        bool: "true or false",
        str: "a string",
        torch.dtype: "a dtype's name",
    }
    return names.get(annotation, "")
