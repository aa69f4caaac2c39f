"""The ``[tune]`` section: which values of the spec are searched, how often, and by which sampler and pruner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer, model_validator

from graphspec.spec.base import Component, SpecModel

Number = int | float


class SearchSpec(SpecModel):
    """The values that one path of the spec may take: ``choices``, or numbers from ``low`` to ``high``.

    Whole ``low`` and ``high`` give whole numbers. ``log`` searches on a logarithmic scale, ``step`` in multiples of it
    above ``low``. Both ends are included.
    """

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Number | None = None
    choices: tuple[Any, ...] | None = Field(None, min_length=1)

    @model_serializer
    def _shortest(self) -> Any:
        table: dict[str, Any] = {"low": self.low, "high": self.high, "log": self.log or None, "step": self.step}
        table["choices"] = None if self.choices is None else list(self.choices)
        return {key: value for key, value in table.items() if value is not None}


class TuneSpec(SpecModel):
    """A search over values of this spec; each ``trial`` trains with other ones.

    ``space`` maps paths as ``--set`` takes them to what they may be. ``metric`` is one of the validation part, the
    run's monitor by default, and ``direction`` follows from it. ``sampler`` and ``pruner`` are Optuna's classes.
    Up to ``vmap`` trials at once are trained in one pass, where they differ in the optimiser's numbers alone.
    """

    space: Annotated[dict[str, SearchSpec], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1)] = 20
    metric: str | None = None
    direction: Literal["minimize", "maximize"] | None = None
    sampler: Component = Component(type="TPESampler")
    pruner: Component = Component(type="MedianPruner")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    vmap: Annotated[int, Field(ge=1, le=1024)] = 1

    @model_validator(mode="before")
    @classmethod
    def _dotted_keys_are_paths(cls, data: Any) -> Any:
        """``train.optimizer.lr = {…}`` without quotes is a table in a table in TOML; the same path is meant."""
        if not isinstance(data, dict) or not isinstance(data.get("space"), dict):
            return data
        return data | {"space": dict(_flat(data["space"], ()))}


def _flat(table: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        inner = isinstance(value, dict) and any(isinstance(item, dict) for item in value.values())
        if inner:
            yield from _flat(value, (*at, key))
        else:
            yield ".".join((*at, key)), value
