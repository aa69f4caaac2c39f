"""The ``[data]`` section: which data set, how it is split, and what is done to every sample."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from graphspec.spec.base import Component, SpecModel


class GroupSplit(SpecModel):
    """``{ group = "patient" }``: samples with the same value of that column stay together."""

    group: str


class WeightedSampler(SpecModel):
    """``{ weights = "weight" }``: a sample is drawn in proportion to its value in that column."""

    weights: str


class DataSpec(SpecModel):
    """Where samples come from.

    ``transforms`` are always applied (and shipped with an export); ``augment`` only while training. ``corrupt`` changes
    the input alone, in every part, and not where the network predicts. ``tokenizer`` makes ids of texts.
    With ``sampler = "balanced"`` an epoch draws as many samples as there are, each of a class drawn first; with
    ``{ weights = "weight" }`` each as likely as that column says.
    ``validation`` and ``test`` are fractions split off, seeded by ``[train] seed``; ``test`` is used only where the
    data set has no test part of its own. ``split`` says how; by class where there are classes, else at random. With
    ``folds`` as many runs are trained, each measured on another part, or with ``fold`` one of them (from 0).
    """

    dataset: Component
    root: str = "data"
    batch_size: Annotated[int, Field(ge=1, le=1 << 20)] = 32
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.1
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    split: Literal["random", "stratified", "time"] | GroupSplit | None = None
    folds: Annotated[int, Field(ge=2, le=1000)] | None = None
    fold: Annotated[int, Field(ge=0)] | None = None
    drop_last: bool = False
    sampler: Literal["balanced"] | WeightedSampler | None = None
    transforms: tuple[Component, ...] = ()
    augment: tuple[Component, ...] = ()
    corrupt: tuple[Component, ...] = ()
    tokenizer: Component | None = None
