"""From ``{ type = "Adam", lr = 0.01 }`` to the call it stands for, checked against the live signature."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, fail, quoted, shown, suggest
from graphspec.spec.base import Component

T = TypeVar("T")
#: What a user can add to.
_ANYONES = ("loss", "metric", "callback", "augmentation", "transform", "data set")
#: Learning rates are no greater, whatever makes them.
MOST_RATE = 1000
#: The size of a number: weights are of float32, and so is what is computed with them.
_MOST_NUMBER = 1e30
#: The least and the most rounds of what goes on within one step, which no signal ends.
_ROUNDS = {"max_iter": (1, 10_000), "max_eval": (1, 10_000), "history_size": (1, 10_000)}


def choose(component: Component, table: Mapping[str, T], what: str, at: Path) -> T:
    """The entry of `table` that `component` names; `what` is what such entries are called (``"optimizer"``)."""
    if component.type not in table:
        hint = known_hint(component.type, table, what)
        raise fail("unknown-component", f"unknown {what} {quoted(component.type)}", at=at, hint=hint)
    return table[component.type]


def known_hint(name: str, table: Collection[str], what: str) -> str:
    """What else than `name` may be meant, of a `table` of such as `what` says."""
    listed = f"known: {', '.join(sorted(table))}" if table else ""
    own = "one of your own comes with --import FILE.py" if what in _ANYONES else ""
    return suggest(name, table) or "; ".join(filter(None, (listed, own)))


def construct(component: Component, function: Callable[..., T], at: Path, **given: Any) -> T:
    """``function(**given, **component.args)``, every argument checked by name and by the type of its default.

    `given` are arguments that graphspec fills in; a spec may override them only where it may name them at all, which is
    where `function` has them as keywords and they are not tensors. Faults raise ``GraphspecError``, all at once.
    """
    parameters = check_arguments(component, function, at, given)
    arguments = {name: _like_default(value, parameters[name].default) for name, value in component.args.items()}
    try:
        return function(**given, **arguments)
    except (TypeError, ValueError, LookupError, RuntimeError, ArithmeticError, AssertionError) as error:
        raise fail("bad-value", f"{component.type}: {_first_line(error)}", at=at) from error


def check_arguments(
    component: Component, function: Callable[..., Any], at: Path, given: Collection[str] = ()
) -> Mapping[str, inspect.Parameter]:
    """The parameters of `function`, after checking the component's arguments against them, all faults at once."""
    parameters = inspect.signature(function).parameters
    faults = list(_faults(component, parameters, given, at))
    if faults:
        raise GraphspecError(faults)
    return parameters


def required(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters of `function` that have no default."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


def _faults(
    component: Component, parameters: Mapping[str, inspect.Parameter], given: Collection[str], at: Path
) -> Iterator[Diagnostic]:
    free = {
        name: p
        for name, p in parameters.items()
        if name not in given and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    for name, value in component.args.items():
        place = (*at, name)
        if name not in free:
            hint = suggest(name, free) or (f"it has: {', '.join(free)}" if free else "it takes no arguments")
            yield Diagnostic("unknown-argument", f"{component.type} has no argument {quoted(name)}", place, hint)
        elif message := _wrong_type(value, free[name]) or _out_of_bounds(name, value):
            yield Diagnostic("bad-value", f"{component.type}: {name} {message}", place)
    for name, parameter in free.items():
        if parameter.default is parameter.empty and name not in component.args:
            yield Diagnostic("missing-argument", f"{component.type} needs {quoted(name)}", at)


def _wrong_type(value: Any, parameter: inspect.Parameter) -> str:
    """Why `value` cannot be given for `parameter`; empty where it can, or where its default says nothing."""
    default = parameter.default
    if parameter.annotation in (int, "int") and isinstance(value, float):
        return f"must be a whole number, not {shown(value)}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else f"must be true or false, not {shown(value)}"
    if isinstance(default, int | float):
        return "" if number else f"must be a number, not {shown(value)}"
    if isinstance(default, str):
        return "" if isinstance(value, str) else f"must be a string, not {shown(value)}"
    if isinstance(default, tuple) and default and all(isinstance(name, str) for name in default):
        names = isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value)
        return "" if names else f"must be a list of names, not {shown(value)}"
    if isinstance(default, tuple):
        fits = isinstance(value, list | tuple) and len(value) == len(default)
        return "" if fits else f"must be a list of {len(default)}, not {shown(value)}"
    return ""


def _out_of_bounds(name: str, value: Any) -> str:
    """Bounds that torch itself does not check."""
    if isinstance(value, list | tuple):
        return next(filter(None, (_out_of_bounds("", each) for each in value)), "")
    if not isinstance(value, int | float):
        return ""
    if name in ("lr", "max_lr", "base_lr") and not 0 < value <= MOST_RATE:
        return f"must be above 0 and at most {MOST_RATE}, not {shown(value)}"
    least, most = _ROUNDS.get(name, (-math.inf, math.inf))
    if not least <= value <= most and not math.isnan(value):
        return f"is {least:,} to {most:,}, not {shown(value)}"
    return f"is at most {_MOST_NUMBER:g}, not {shown(value)}" if _MOST_NUMBER < abs(value) < math.inf else ""


def _like_default(value: Any, default: Any) -> Any:
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
