"""Optuna's samplers and pruners by their own names, from live signatures."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, GridSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component
from graphspec.tuning.space import Space, grid

#: Samplers of one figure that numbers and names describe. CmaEsSampler keeps its state pickled in the study.
SAMPLERS = ("TPESampler", "RandomSampler", "GridSampler", "QMCSampler", "GPSampler", "NSGAIISampler")
#: Their points are parts of one plan that all processes must have alike.
_PLANNED = ("GridSampler", "QMCSampler")
PRUNERS = (
    "MedianPruner", "PercentilePruner", "SuccessiveHalvingPruner", "HyperbandPruner", "ThresholdPruner",
    "PatientPruner", "NopPruner",
)  # fmt: skip


def sampler_table() -> dict[str, type[BaseSampler]]:
    """The samplers that a spec can name."""
    return {name: vars(optuna.samplers)[name] for name in SAMPLERS}


def pruner_table() -> dict[str, type[BasePruner]]:
    """The pruners that a spec can name; PatientPruner waits on its own, without another inside."""
    return {name: vars(optuna.pruners)[name] for name in PRUNERS}


def build_sampler(component: Component, seed: int, space: Space) -> SeededSampler:
    """The sampler that ``[tune] sampler`` names; every fault is a ``GraphspecError``."""
    at = ("tune", "sampler")
    function = choose(component, sampler_table(), "sampler", at)
    given: dict[str, Any] = {"search_space": grid(space)} if component.type == "GridSampler" else {}

    def make(number: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return construct(component, function, at, seed=number, **given)

    if "seed" in component.args:
        construct(component, function, at, **given)  # a seed that the spec writes is looked at, and then used
        seed = component.args["seed"]
        component = Component(type=component.type, args={k: v for k, v in component.args.items() if k != "seed"})
    return SeededSampler(make, seed, planned=component.type in _PLANNED)


def build_pruner(component: Component) -> BasePruner:
    """The pruner that ``[tune] pruner`` names; every fault is a ``GraphspecError``."""
    at = ("tune", "pruner")
    function = choose(component, pruner_table(), "pruner", at)
    given = {"wrapped_pruner": None} if "wrapped_pruner" in inspect.signature(function).parameters else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return construct(component, function, at, **given)


class SeededSampler(BaseSampler):
    """A sampler whose random numbers are a function of (seed, number of the trial).

    So processes that share a study draw different values, and a study that was killed draws the same as one that was
    not. `make` builds the sampler with a seed; a `planned` one has the same seed in every trial.
    """

    def __init__(self, make: Any, seed: int, planned: bool) -> None:
        self._make, self._seed, self._planned = make, seed, planned
        self.inner: BaseSampler = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if not self._planned:
            digest = hashlib.sha256(f"{self._seed}/{trial.number}".encode()).digest()
            self.inner = self._make(int.from_bytes(digest[:4], "big"))
        self.inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        if not isinstance(self.inner, GridSampler):  # whose only act here is to stop Study.optimize
            self.inner.after_trial(study, trial, state, values)
