"""The training, validation and test parts of a data set: its own ones, or split off as ``[data]`` says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor

from graphspec.data.checks import check_samples
from graphspec.data.samples import Samples
from graphspec.data.sources.source import Source
from graphspec.data.sources.table import WEIGHTS
from graphspec.data.split import Kind, Splitting
from graphspec.diagnostics import fail, quoted, warn
from graphspec.spec.data import DataSpec, WeightedSampler

AT = ("data", "split")


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """``test`` reads its part when it is called; None where there is none, or where a fold is measured. ``weights``
    say how likely each training sample is drawn, where a column does.
    """

    train: Samples
    validation: Samples | None
    test: Callable[[], Samples] | None
    weights: Tensor | None = None


def parts_of(source: Source, spec: DataSpec, seed: int, ignored: frozenset[int]) -> Parts:
    """The parts of `source` as `spec` splits it; the labels `ignored` are of no class.

    Raises ``GraphspecError`` where it cannot be split so.
    """
    splitting, rows = _splitting(source, spec), torch.arange(len(source.train))
    tested = rows[:0]
    if source.test is None:
        rows, tested = _fraction(splitting, rows, spec.test, seed, "test")
    own, test = source.test, None if source.test is None else _checked(source, "test", source.test, ignored)
    if own is None and len(tested):
        held_out = source.train.subset(tested)
        test = lambda: held_out  # noqa: E731
    if spec.fold is not None:
        kept, measured = _fold(source, splitting, rows, spec, seed)
        return Parts(source.train.subset(kept), source.train.subset(measured), None, _weights(source, spec, kept))
    if source.validation is not None:
        validation = _checked(source, "validation", source.validation, ignored)()
        return Parts(_subset(source.train, rows), validation, test, _weights(source, spec, rows))
    rows, validated = _fraction(splitting, rows, spec.validation, seed, "validation")
    held_back = source.train.subset(validated) if len(validated) else None
    return Parts(_subset(source.train, rows), held_back, test, _weights(source, spec, rows))


def _weights(source: Source, spec: DataSpec, rows: Tensor) -> Tensor | None:
    """How likely each of the training `rows` is drawn. Raises ``GraphspecError`` where no column says it."""
    if not isinstance(spec.sampler, WeightedSampler):
        return None
    if source.weights is None:
        message = f"{spec.dataset.type} has no column {quoted(spec.sampler.weights)} to draw by"
        raise fail("bad-value", message, at=WEIGHTS, hint="csv, parquet and npz have columns")
    weights = source.weights[rows]
    if not weights.isfinite().all() or (weights < 0).any() or not weights.any():
        message = f"weights are finite, not below 0 and not all 0; {quoted(spec.sampler.weights)} has others"
        raise fail("bad-data", message, at=WEIGHTS)
    return weights


def _fraction(splitting: Splitting, rows: Tensor, fraction: float, seed: int, name: str) -> tuple[Tensor, Tensor]:
    kept, taken = splitting.fraction(rows, fraction, seed, name)
    if len(kept) == 0:
        raise fail("no-data", f"{name} = {fraction} leaves no samples to train on", at=("data", name))
    return kept, taken


def _fold(source: Source, splitting: Splitting, rows: Tensor, spec: DataSpec, seed: int) -> tuple[Tensor, Tensor]:
    """The rows that a fold trains on, and those that it is measured on."""
    folds, number = spec.folds or 0, spec.fold or 0
    if number >= folds:
        hint = f"folds = {folds} has those from 0 to {folds - 1}" if folds else "folds says how many there are"
        raise fail("bad-value", f"there is no fold {number}", at=("data", "fold"), hint=hint)
    if folds > (most := splitting.most_folds(rows)):
        what = "groups" if splitting.kind == "group" else "samples"
        message = f"there are {most:,} {what} for {folds:,} folds"
        raise fail("bad-value", message, at=("data", "folds"))
    kept, measured = splitting.fold(rows, folds, number, seed)
    if not len(kept) or not len(measured):
        raise fail("no-data", f"fold {number} of {folds} has no samples on one side", at=("data", "folds"))
    return kept, measured


def _subset(samples: Samples, rows: Tensor) -> Samples:
    return samples if len(rows) == len(samples) else samples.subset(rows)


def _checked(source: Source, part: str, read: Callable[[], Samples], ignored: frozenset[int]) -> Callable[[], Samples]:
    def opened() -> Samples:
        samples = read()
        if source.learn is None:  # what is learned yet is checked in its form
            check_samples(samples, source.labels, part, ignored)
        return samples

    return opened


def _splitting(source: Source, spec: DataSpec) -> Splitting:
    """How `spec` splits: by class where it does not say and there are classes."""
    targets = source.train.targets
    labels = next((targets[name] for name in source.labels if targets[name].ndim == 1), None)
    kind: Kind = "time" if source.in_order else "random" if labels is None else "stratified"
    if isinstance(spec.split, str):
        kind = spec.split
    elif spec.split is not None:
        kind = "group"
    name = spec.dataset.type
    if kind == "stratified" and labels is None:
        message = f"{name} has no class for each sample to split by"
        raise fail("bad-value", message, at=AT, hint='split = "random"')
    times = torch.arange(len(source.train)) if source.times is None and source.in_order else source.times
    if kind == "random" and source.series:
        message = "the windows of a series overlap: what is validated and tested on was trained on, too"
        warn("bad-data", message, at=AT, hint='split = "time" keeps them apart')
    if kind == "time" and times is None:
        raise fail("bad-value", f"{name} has no order in time", at=AT, hint="tables, arrays and series have one")
    if kind == "group" and source.groups is None:
        raise fail("bad-value", f"{name} has no columns to group by", at=AT, hint="csv, parquet, npz and series have")
    return Splitting(kind, labels, source.groups, times, source.gap)
