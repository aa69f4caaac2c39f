"""Functions of one number: whether two expressions of elementwise operators are the same one.

They are tried where it matters: at every magnitude of either sign, and around every constant that either has. The
operators that ask for one value alone (``Equal``, ``IsNaN``) are not among them: no trial finds that value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphspec.verifying.accounting.terms import Array, Term

Function = Callable[..., Any]
Floats = NDArray[np.float64]


def _torch(name: str) -> Function:
    def run(known: Mapping[str, Any], value: Array) -> Array:
        import torch

        function = {"erf": torch.erf, "digamma": torch.digamma}[name]
        found: Array = function(torch.from_numpy(np.asarray(value, np.float64))).numpy()
        return found

    return run


_erf = _torch("erf")


def _sigmoid(known: Mapping[str, Any], value: Array) -> Array:
    half: Array = 0.5 * (1.0 + np.tanh(0.5 * value))
    return half


def _gelu(known: Mapping[str, Any], value: Array) -> Array:
    if known.get("approximate") == "tanh":
        return 0.5 * value * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (value + 0.044715 * value**3)))
    return 0.5 * value * (1.0 + _erf(known, value / np.sqrt(2.0)))


def _softplus(known: Mapping[str, Any], value: Array) -> Array:
    return np.logaddexp(0.0, value)


def _hard_sigmoid(known: Mapping[str, Any], value: Array) -> Array:
    return np.clip(known.get("alpha", 0.2) * value + known.get("beta", 0.5), 0.0, 1.0)


def _elu(known: Mapping[str, Any], value: Array) -> Array:
    return np.where(value > 0, value, known.get("alpha", 1.0) * np.expm1(np.minimum(value, 0.0)))


def _celu(known: Mapping[str, Any], value: Array) -> Array:
    alpha = known.get("alpha", 1.0)
    return np.maximum(value, 0) + np.minimum(0, alpha * np.expm1(value / alpha))


def _selu(known: Mapping[str, Any], value: Array) -> Array:
    alpha, gamma = known.get("alpha", 1.67326319217681884765625), known.get("gamma", 1.05070102214813232421875)
    return gamma * np.where(value > 0, value, alpha * np.expm1(np.minimum(value, 0.0)))


#: By operator: takes its attributes and its inputs. The first are piecewise linear, and exact.
_LINEAR: dict[str, Function] = {
    "Add": lambda known, a, b: np.add(a, b),
    "Sub": lambda known, a, b: np.subtract(a, b),
    "Mul": lambda known, a, b: np.multiply(a, b),
    "Div": lambda known, a, b: np.divide(a, b) if np.asarray(a).dtype.kind == "f" else np.floor_divide(a, b),
    "Neg": lambda known, a: np.negative(a),
    "Abs": lambda known, a: np.abs(a),
    "Relu": lambda known, a: np.maximum(a, 0),
    "LeakyRelu": lambda known, a: np.where(a >= 0, a, known.get("alpha", 0.01) * a),
    "PRelu": lambda known, a, slope: np.where(a >= 0, a, slope * a),
    "ThresholdedRelu": lambda known, a: np.where(a > known.get("alpha", 1.0), a, 0 * a),
    "Clip": lambda known, a, *bounds: np.clip(a, known.get("min", -np.inf), known.get("max", np.inf)),
    "Max": lambda known, *values: np.maximum.reduce(np.broadcast_arrays(*values)),
    "Min": lambda known, *values: np.minimum.reduce(np.broadcast_arrays(*values)),
    "Where": lambda known, condition, a, b: np.where(condition, a, b),
    "Greater": lambda known, a, b: np.greater(a, b),
    "GreaterOrEqual": lambda known, a, b: np.greater_equal(a, b),
    "Less": lambda known, a, b: np.less(a, b),
    "LessOrEqual": lambda known, a, b: np.less_equal(a, b),
    "Not": lambda known, a: np.logical_not(a),
    "And": lambda known, a, b: np.logical_and(a, b),
    "Or": lambda known, a, b: np.logical_or(a, b),
    "Sign": lambda known, a: np.sign(a),
    "Identity": lambda known, a: a,
}
_CURVED: dict[str, Function] = {
    "HardSigmoid": _hard_sigmoid,  # its slope is rounded
    "HardSwish": lambda known, a: a * np.clip(a / 6 + 0.5, 0.0, 1.0),
    "Reciprocal": lambda known, a: np.reciprocal(np.asarray(a, np.float64)),
    "Sqrt": lambda known, a: np.sqrt(a),
    "Exp": lambda known, a: np.exp(a),
    "Log": lambda known, a: np.log(a),
    "Pow": lambda known, a, b: np.power(a, b),
    "Tanh": lambda known, a: np.tanh(a),
    "Sigmoid": _sigmoid,
    "Erf": _erf,
    "Gelu": _gelu,
    "Softplus": _softplus,
    "Softsign": lambda known, a: a / (1 + np.abs(a)),
    "Elu": _elu,
    "Selu": _selu,
    "Celu": _celu,
    "Mish": lambda known, a: a * np.tanh(_softplus(known, a)),
    "Swish": lambda known, a: a * _sigmoid(known, known.get("alpha", 1.0) * a),
    "Sin": lambda known, a: np.sin(a),
    "Cos": lambda known, a: np.cos(a),
}
FUNCTIONS = _LINEAR | _CURVED
#: How far two expressions may be apart: relatively; and absolutely, where one is a curve that cancels.
RELATIVE, ABSOLUTE = 1e-6, 1e-7
#: Of a value, where it is greater than 1 and up to this.
MOST_CANCELLED = 8.0
#: Expressions of more operators are not looked at.
MOST_TERMS = 64


def values_before(term: Term) -> list[Term]:
    """The values of which alone `term` is an elementwise function, itself first."""
    frontier, found, steps = {term.number: term}, [term], 0
    while steps < MOST_TERMS:
        last = _opened(frontier.pop(max(frontier)))
        steps += 1
        if last.op not in FUNCTIONS or not _by_numbers(last):
            return found
        frontier |= {value.number: value for value in last.inputs if value.array is None and value.op != "none"}
        if not frontier:
            return found
        if len(frontier) == 1:
            found.append(next(iter(frontier.values())))
    return found


def _by_numbers(term: Term) -> bool:
    return all(value.array is None or value.array.size == 1 for value in term.inputs)


def _opened(term: Term) -> Term:
    """What was folded into a linear map, where that is elementwise with single numbers."""
    plain = term.plain
    return plain if plain is not None and plain.op in FUNCTIONS and _by_numbers(plain) else term


def region(term: Term, before: Term) -> dict[int, Term]:
    """The terms between `before` and `term`, by number: `term` among them, `before` not."""
    found: dict[int, Term] = {}
    waiting = [term]
    while waiting:
        value = waiting.pop()
        if value is not before and value.number not in found:
            found[value.number] = _opened(value)
            waiting.extend(found[value.number].inputs)
    return found


def same_function(one: Term, of: Term, other: Term, of_other: Term) -> bool:
    """Whether `one` is the same function of `of` as `other` is of `of_other`."""
    terms = [*region(one, of).values(), *region(other, of_other).values()]
    constants = [float(term.array.reshape(-1)[0]) for term in terms if term.array is not None]
    constants += [float(value) for term in terms for _, value in term.attributes if isinstance(value, int | float)]
    places = _places(np.array([value for value in constants if np.isfinite(value)]))
    with np.errstate(all="ignore"):
        try:
            first, second = _evaluated(one, of, places), _evaluated(other, of_other, places)
        except TypeError:  # a whole number's operator
            return False
        curved = any(term.op in _CURVED for term in terms)
        allowed = RELATIVE * np.maximum(np.abs(first), np.abs(second)) + curved * ABSOLUTE * np.clip(
            np.abs(places), 1.0, MOST_CANCELLED
        )
        apart = np.abs(first - second) > allowed
    unknown = np.isnan(first) | np.isnan(second)  # an infinity less another
    return not (apart & ~unknown & (first != second)).any() and not unknown.all()


def _places(constants: Floats) -> Floats:
    sizes = np.concatenate([np.logspace(-38, 38, 4001), np.linspace(0, 32, 4097), np.arange(0, 1025)])
    near = np.concatenate([constants * factor for factor in (1, 1 + 1e-7, 1 - 1e-7, 1.01, 0.99, 1.5, 0.5)])
    all_sizes = np.concatenate([sizes, np.abs(near), np.array([np.finfo(np.float32).max, np.inf])])
    return np.concatenate([all_sizes, -all_sizes])


def _evaluated(term: Term, of: Term, places: Floats) -> Floats:
    known: dict[int, Any] = {of.number: places}
    for number, value in sorted(region(term, of).items()):
        if value.array is not None:
            array = value.array.reshape(-1)[0]
            known[number] = np.float64(array) if value.array.dtype.kind == "f" else array
        else:
            inputs = [known[part.number] for part in value.inputs if part.op != "none"]
            known[number] = FUNCTIONS[value.op](dict(value.attributes), *inputs)
    return np.broadcast_to(np.asarray(known[term.number], np.float64), places.shape)
