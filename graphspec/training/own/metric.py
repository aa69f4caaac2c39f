"""``@graphspec.metric``: a metric of the user's own, computed of all samples of a part at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

import torch

from graphspec.diagnostics import fail
from graphspec.system.own_parts import OwnParts, arguments_of, first_parameters
from graphspec.training.metrics.statistics import Whole
from graphspec.training.metrics.table import METRICS, Kind

Function = TypeVar("Function", bound=Callable[..., Any])

_BUILT_IN = frozenset(METRICS)
#: Metrics of the user's own, each with a row in ``METRICS``.
OWN: OwnParts[Kind] = OwnParts("a metric", lambda name: "graphspec" if name in (*_BUILT_IN, "loss") else "")


@overload
def metric(function: Function) -> Function: ...


@overload
def metric(*, higher_is_better: bool = True) -> Callable[[Function], Function]: ...


def metric(function: Any = None, *, higher_is_better: bool = True) -> Any:
    """Decorator: make a function a metric that ``[train] metrics`` can name.

    It takes the outputs and the targets of all samples of a part, as the network and the data give them (``N × …``, on
    the CPU, without gradients), and gives a number; its parameters with a default are arguments of the spec.

    Raises:
        TypeError: no function of outputs and targets.
        ValueError: the name is graphspec's, or that of a metric in another file.
    """
    if function is None:
        return lambda each: metric(each, higher_is_better=higher_is_better)  # type: ignore[call-overload]
    if not inspect.isfunction(function) or len(first_parameters(function)) != 2:
        raise TypeError(f"a metric is a function of outputs and targets, not {function!r}")
    kind = Kind(Whole, _formula(function), higher_is_better, for_classes=None, of_labels=True)
    OWN.add(function, kind)
    METRICS[function.__name__] = kind
    return function


def _formula(function: Callable[..., Any]) -> Callable[..., float]:
    """`function` of what a statistic has kept."""

    def formula(statistic: Whole, **arguments: Any) -> float:
        try:
            with torch.no_grad():
                return float(function(statistic.output, statistic.target, **arguments))
        except Exception as error:  # the user's code can fail in any way
            message = f"{function.__name__} fails with {type(error).__name__}: {error}"
            raise fail("bad-metric", message, at=("train", "metrics")) from error

    own = inspect.signature(formula)
    statistic = next(iter(own.parameters.values()))
    theirs = arguments_of(function, 2)
    formula.__signature__ = theirs.replace(parameters=[statistic, *theirs.parameters.values()])  # type: ignore[attr-defined]
    formula.__doc__ = inspect.getdoc(function)
    return formula
