"""The search space: what ``[tune.space]`` says as Optuna's distributions, and its values as ``--set`` takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, fail, quoted, suggest
from graphspec.spec.dump import toml_value
from graphspec.spec.model import NetworkSpec
from graphspec.spec.tune import SearchSpec

Space = Mapping[str, BaseDistribution]
AT = ("tune", "space")
#: Up to here floats tell whole numbers apart: no range is wider, and none has more steps.
MOST_NUMBERS = 2.0**53
#: A grid of more points is not laid out.
MOST_POINTS = 100_000


def distributions(spec: NetworkSpec) -> dict[str, BaseDistribution]:
    """A distribution for each path of ``[tune.space]``. Raises ``GraphspecError`` with every fault found."""
    assert spec.tune is not None
    found, faults = {}, []
    for path, search in spec.tune.space.items():
        at = (*AT, path)
        section, _, name = path.partition(".")
        if section == "vars" and name not in spec.vars:
            hint = suggest(name, spec.vars) or f"variables: {', '.join(spec.vars) or 'none'}"
            faults.append(Diagnostic("no-such-path", f"the spec has no variable {quoted(name)}", at, hint))
        if section == "tune":
            faults.append(Diagnostic("bad-value", "a search cannot change itself", at))
        try:
            found[path] = distribution(search, at)
        except GraphspecError as error:
            faults += error.diagnostics
    if faults:
        raise GraphspecError(faults)
    return found


def distribution(search: SearchSpec, at: Path) -> BaseDistribution:
    """Optuna's distribution for one entry; lists and tables among choices stand for themselves as TOML text."""
    ends = {"low": search.low, "high": search.high}
    if search.choices is not None:
        if search.log or search.step is not None or any(end is not None for end in ends.values()):
            raise fail("bad-value", "choices go without low, high, log and step", at=at)
        choices = [choice_key(choice) for choice in search.choices]
        if len(set(map(str, choices))) != len(choices):
            raise fail("bad-value", "a choice stands there twice", at=(*at, "choices"))
        return CategoricalDistribution(choices)
    for name, end in ends.items():
        if end is None:
            raise fail("missing-key", f"{quoted(name)} is missing", at=(*at, name), hint="low and high, or choices")
    low, high, step = search.low, search.high, search.step
    assert low is not None
    assert high is not None
    if low > high:
        raise fail("bad-value", f"low is {low}, more than high, {high}", at=(*at, "low"))
    if high - low > MOST_NUMBERS or (step and (high - low) / step > MOST_NUMBERS):
        raise fail("bad-value", f"from {low} to {high} there are more numbers than are told apart", at=at)
    try:
        if all(isinstance(number, int) for number in (low, high, step if step is not None else 1)):
            return IntDistribution(int(low), int(high), log=search.log, step=1 if step is None else int(step))
        return FloatDistribution(float(low), float(high), log=search.log, step=None if step is None else float(step))
    except (ValueError, ArithmeticError) as error:
        raise fail("bad-value", str(error) or type(error).__name__, at=at) from error


def choice_key(choice: Any) -> Any:
    """What Optuna is told of a choice: a plain value itself, a list or table its TOML text."""
    return toml_value(choice) if isinstance(choice, list | tuple | dict) else choice


def overrides(values: Mapping[str, Any], searches: Mapping[str, SearchSpec]) -> list[str]:
    """`values`, as Optuna gave them, as ``path=value`` for :func:`graphspec.spec.overrides.apply_overrides`."""
    texts = []
    for path, value in values.items():
        tables = {choice_key(choice) for choice in searches[path].choices or () if isinstance(choice, list | dict)}
        texts.append(f"{path}={value if value in tables else toml_value(value)}")
    return texts


def grid(space: Space) -> dict[str, list[Any]]:
    """Every value of every parameter, for a grid.

    Raises ``GraphspecError`` for a range without steps and, before there are any, for too many points.
    """
    points = math.prod(map(_count, space.values()))
    if points > MOST_POINTS:
        hint = f"at most {MOST_POINTS:,}: fewer choices, a larger step, or another sampler"
        raise fail("too-large", f"the grid has {points:,} points", at=AT, hint=hint)
    found: dict[str, list[Any]] = {}
    for path, values in space.items():
        if isinstance(values, CategoricalDistribution):
            found[path] = list(values.choices)
        elif isinstance(values, IntDistribution):
            found[path] = list(range(values.low, values.high + 1, values.step))
        elif isinstance(values, FloatDistribution) and values.step is not None:
            found[path] = [values.low + number * values.step for number in range(_count(values))]
        else:
            raise fail("bad-value", "a grid needs choices, whole numbers or a step", at=(*AT, path))
    return found


def _count(values: BaseDistribution) -> int:
    """How many values a parameter takes in a grid; 1 where there is no grid of it."""
    if isinstance(values, CategoricalDistribution):
        return len(values.choices)
    if isinstance(values, IntDistribution):
        return (values.high - values.low) // values.step + 1
    if isinstance(values, FloatDistribution) and values.step is not None:
        return math.floor((values.high - values.low) / values.step + 1e-8) + 1
    return 1
