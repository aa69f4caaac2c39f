"""Functions of each element: arithmetic, comparisons, choices. Numbers computed from sizes stay numbers."""

from __future__ import annotations

import math
import operator as python
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import OPERATORS, operator
from graphspec.importing.onnx.values import Filled, Quotient, as_list, is_host
from graphspec.ops.arguments import DTYPES

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

#: ONNX's name → torch's function.
_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs, "Neg": torch.neg, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal, "Floor": torch.floor, "Ceil": torch.ceil, "Round": torch.round, "Sin": torch.sin,
    "Cos": torch.cos, "Tan": torch.tan, "Erf": torch.erf, "Sign": torch.sign, "Not": torch.logical_not,
    "Asin": torch.asin, "Acos": torch.acos, "Atan": torch.atan, "Sinh": torch.sinh, "Cosh": torch.cosh,
    "Asinh": torch.asinh, "Acosh": torch.acosh, "Atanh": torch.atanh, "IsNaN": torch.isnan, "IsInf": torch.isinf,
    "BitwiseNot": torch.bitwise_not,
}  # fmt: skip
_HOST: dict[str, Callable[[Any], Any]] = {
    "Abs": abs, "Neg": python.neg, "Floor": lambda x: x.down() if isinstance(x, Quotient) else x // 1,
    "Ceil": lambda x: x.up() if isinstance(x, Quotient) else -(-x // 1), "Sqrt": math.sqrt,
    "Not": python.not_, "Round": round,
}  # fmt: skip


def _unary(call: Call) -> Any:
    op = call.node.op
    value = call.value(0)
    if is_host(value) and op in _HOST:
        return [_HOST[op](item) for item in value] if isinstance(value, list) else _HOST[op](value)
    return _UNARY[op](call.tensor())


OPERATORS.update(dict.fromkeys(_UNARY, _unary))


@operator("Clip")
def clip(call: Call) -> Any:
    """ReLU6 between 0 and 6, else ``clamp``; of sizes a number. Refused where a bound is computed."""
    bounds = [call.number(n) if call.has(n) else None for n in (1, 2)]
    if any(bound is None and call.has(n) for n, bound in enumerate(bounds, 1)):
        raise call.refuse("its bounds are computed")
    low, high = bounds
    value = call.value(0)
    if is_host(value):
        items = [
            min(max(item, low if low is not None else item), high if high is not None else item)
            for item in as_list(value)
        ]
        return items if isinstance(value, list) else items[0]
    if (low, high) == (0.0, 6.0):
        return call.layer(nn.ReLU6)(call.tensor())
    if low is None and high is None:
        return call.tensor()
    return torch.clamp(call.tensor(), low, high)


@operator("Cast", "CastLike")
def cast(call: Call) -> Any:
    """``to`` the dtype that is named, or the second input's; sizes stay numbers."""
    if call.node.op == "CastLike":
        return call.tensor().to(call.tensor(1).dtype)
    dtype = dtype_of(call)
    value = call.value(0)
    if is_host(value):
        kind: Any = Quotient.of if dtype.is_floating_point else bool if dtype == torch.bool else _whole
        items = [kind(item) for item in as_list(value)]
        return items if isinstance(value, list) else items[0]
    x = call.tensor()
    return x if x.dtype == dtype else x.to(dtype)


def _whole(number: Any) -> Any:
    return number.down() if isinstance(number, Quotient) else number if isinstance(number, int) else int(number)


def dtype_of(call: Call, name: str = "to", default: int | None = None) -> torch.dtype:
    """The dtype that an attribute names by its number."""
    from onnx.helper import tensor_dtype_to_np_dtype

    number = call.attribute(name, default)
    name = str(tensor_dtype_to_np_dtype(number))
    if name not in DTYPES:
        raise call.refuse(f"it converts to {name}, which no spec can say")
    return DTYPES[name]


def _times(left: Any, right: Any) -> Any:
    """A product; of a size as a float still a formula."""
    if isinstance(right, Quotient):
        left, right = right, left
    return left.times(right) if isinstance(left, Quotient) and isinstance(right, int | float) else left * right


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": python.add, "Sub": python.sub, "Mul": _times, "Equal": python.eq, "Less": python.lt,
    "LessOrEqual": python.le, "Greater": python.gt, "GreaterOrEqual": python.ge,
}  # fmt: skip


def _arithmetic(call: Call) -> Any:
    return binary(call, _ARITHMETIC[call.node.op], _ARITHMETIC[call.node.op])


OPERATORS.update(dict.fromkeys(_ARITHMETIC, _arithmetic))


def binary(call: Call, on_tensors: Callable[[Any, Any], Any], on_numbers: Callable[[Any, Any], Any]) -> Any:
    """A function of two values: of numbers, of tensors, or of a tensor and a number."""
    pair = _hosts(call)
    if pair:
        left, right = pair
        if not isinstance(left, list) and not isinstance(right, list):
            return on_numbers(left, right)
        count = max(len(as_list(left)), len(as_list(right)))
        a, b = (as_list(each) * (count if len(as_list(each)) == 1 else 1) for each in pair)
        return [on_numbers(x, y) for x, y in zip(a, b, strict=True)]
    left, right = operands(call)
    return on_tensors(left, right)


def _hosts(call: Call) -> tuple[Any, Any] | None:
    """Both values as numbers, where one is computed from sizes and the other is a short constant or such too."""
    values = [call.value(n) for n in (0, 1)]
    if not any(map(is_host, values)):
        return None
    if not all(is_host(value) or call.constant(n) is not None for n, value in enumerate(values)):
        return None
    found = tuple(call.host(n) for n in (0, 1))
    return (
        found
        if all(not isinstance(each, list) or all(not isinstance(i, list) for i in each) for each in found)
        else None
    )


def operands(call: Call, places: tuple[int, int] = (0, 1)) -> tuple[Any, Any]:
    """Two values, of which one may be a number where it adds no dims to the other."""
    numbers = [call.number(place) for place in places]
    if all(number is not None for number in numbers):
        return call.tensor(places[0]), call.tensor(places[1])
    for n, number in enumerate(numbers):
        other = call.tensor(places[1 - n]) if number is not None else None
        if number is not None and other is not None and _rank(call, places[n]) <= other.dim():
            return (number, other) if n == 0 else (other, number)
    return call.tensor(places[0]), call.tensor(places[1])


def _rank(call: Call, place: int) -> int:
    value = call.value(place)
    return value.dim() if isinstance(value, Tensor) else int(isinstance(value, list))


@operator("Div")
def div(call: Call) -> Any:
    """Division, of whole numbers towards zero as ONNX has it; of sizes with its formula."""

    def on_tensors(a: Any, b: Any) -> Any:
        whole = all(isinstance(x, int) or (isinstance(x, Tensor) and not x.is_floating_point()) for x in (a, b))
        return torch.div(a, b, rounding_mode="trunc") if whole else a / b

    def on_numbers(a: Any, b: Any) -> Any:
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a.times(1 / b) if isinstance(a, Quotient) else a / b

    return binary(call, on_tensors, on_numbers)


@operator("Mod")
def mod(call: Call) -> Any:
    """``remainder``, with the divisor's sign; with ``fmod`` the dividend's."""
    if call.attribute("fmod", 0):
        return binary(call, torch.fmod, math.fmod)
    return binary(call, torch.remainder, python.mod)


@operator("Pow")
def pow_(call: Call) -> Any:
    """``pow``, also of sizes."""
    return binary(call, torch.pow, python.pow)


#: ONNX's name → torch's function, and what it is of numbers.
_LOGICAL: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "And": (torch.logical_and, lambda a, b: a and b), "Or": (torch.logical_or, lambda a, b: a or b),
    "Xor": (torch.logical_xor, lambda a, b: a != b),
    "BitwiseAnd": (torch.bitwise_and, python.and_), "BitwiseOr": (torch.bitwise_or, python.or_),
    "BitwiseXor": (torch.bitwise_xor, python.xor),
}  # fmt: skip


@operator(*_LOGICAL)
def logical(call: Call) -> Any:
    """``logical_and``, ``bitwise_and`` and their like."""
    return binary(call, *_LOGICAL[call.node.op])


@operator("Max", "Min")
def extreme(call: Call) -> Any:
    """The greatest or the least of any number of inputs; beside one number, ``clamp``."""
    count = len(call.node.inputs)
    largest = call.node.op == "Max"
    if all(is_host(call.value(n)) or call.constant(n) is not None for n in range(count)) and any(
        is_host(call.value(n)) for n in range(count)
    ):
        rows = [as_list(call.host(n)) for n in range(count)]
        chosen = [(max if largest else min)(items) for items in zip(*rows, strict=True)]
        return chosen if isinstance(call.host(0), list) else chosen[0]
    numbers = [number for n in range(1, count) if (number := call.number(n)) is not None]
    found = call.tensor(0)
    if count == 2 and len(numbers) == 1:
        return torch.clamp(found, min=numbers[0]) if largest else torch.clamp(found, max=numbers[0])
    for n in range(1, count):
        found = (torch.maximum if largest else torch.minimum)(found, call.tensor(n))
    return found


@operator("Sum", "Mean")
def variadic(call: Call) -> Tensor:
    """The sum or the mean of any number of inputs, broadcast."""
    count = len(call.node.inputs)
    found = call.tensor(0)
    for n in range(1, count):
        found = found + call.tensor(n)
    return found / count if call.node.op == "Mean" and count > 1 else found


@operator("Where")
def where(call: Call) -> Any:
    """``where``: condition, then, else, broadcast; of sizes by number."""
    if is_host(call.value(0)):
        rows = [as_list(call.host(n)) for n in range(3)]
        count = max(map(len, rows))
        rows = [row * (count if len(row) == 1 else 1) for row in rows]
        chosen = [a if condition else b for condition, a, b in zip(*rows, strict=True)]
        return chosen if any(isinstance(call.host(n), list) for n in range(3)) else chosen[0]
    condition, *branches = (call.tensor(0), *(_branch(call, n) for n in (1, 2)))
    return torch.where(condition, *branches)


def _branch(call: Call, place: int) -> Tensor:
    """A value of ``Where``; of one number, where the others have the shape already."""
    value = call.value(place)
    if isinstance(value, Filled):
        others = [call.value(n) for n in range(3) if n != place]
        shapes = [tuple(map(int, each.shape)) for each in others if isinstance(each, Tensor | Filled)]
        wanted = torch.broadcast_shapes(*shapes)
        if torch.broadcast_shapes(wanted, tuple(map(int, value.shape))) == wanted:
            return torch.tensor(value.value, dtype=value.dtype)
    return call.tensor(place)
