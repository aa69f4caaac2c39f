"""``[tune]`` as far as it can be checked without data: the space, its ends in the spec, sampler and pruner."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Iterator

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, faults_in
from graphspec.spec.dump import toml_value
from graphspec.spec.model import NetworkSpec
from graphspec.spec.tune import SearchSpec

#: Of so many choices of one path each is tried.
_MOST_TRIED = 8


def check_settings(spec: NetworkSpec, check: Callable[[str], object]) -> list[Diagnostic]:
    """What is wrong with ``[tune]`` of `spec`; without Optuna, whose words it has, nothing is said.

    `check` takes ``path=value`` as ``--set`` does, and raises where the spec is wrong with it: the ends of each range
    and the choices are tried, one at a time.
    """
    if spec.tune is None or importlib.util.find_spec("optuna") is None:
        return []
    from graphspec.tuning.samplers import build_pruner, build_sampler
    from graphspec.tuning.space import distributions

    tune = spec.tune
    faults = faults_in(lambda: distributions(spec), lambda: build_pruner(tune.pruner))
    if faults:
        return faults
    faults = faults_in(lambda: build_sampler(tune.sampler, tune.seed, distributions(spec)))
    return faults + [fault for path, search in tune.space.items() for fault in _faults_at(path, search, check)]


def _faults_at(path: str, search: SearchSpec, check: Callable[[str], object]) -> Iterator[Diagnostic]:
    """The first fault that a value of one path leads to, at its place in the space."""
    at: Path = ("tune", "space", path)
    values = (search.low, search.high) if search.choices is None else search.choices[:_MOST_TRIED]
    for value in values:
        try:
            check(f"{path}={toml_value(value)}")
        except GraphspecError as error:
            first = error.diagnostics[0]
            message = f"with {toml_value(value)}: {first.message}"
            yield dataclasses.replace(first, message=message, at=at, file="", position=None, part=None)
            return
