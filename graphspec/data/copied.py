"""``targets = "input"``: the network is to give what it is given, as autoencoders do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from graphspec.data.augment import Augmentation, augmentation
from graphspec.data.augment.follow import NOISE, VALUES
from graphspec.data.samples import Samples
from graphspec.data.sources.source import Source
from graphspec.data.transforms.own import TRANSFORMS
from graphspec.diagnostics import fail
from graphspec.spec.base import Component

_AT = ("data", "dataset", "targets")


def is_copied(dataset: Component) -> bool:
    """Whether the target of `dataset` is its input."""
    return dataset.args.get("targets") == "input"


def without_targets(dataset: Component) -> Component:
    """`dataset` as its source takes it."""
    rest = {name: value for name, value in dataset.args.items() if name != "targets"}
    return Component.model_validate({"type": dataset.type, **rest})


def copied(source: Source) -> Source:
    """`source` with its one input's name as that of its target, whose values are made with each batch.

    Raises ``GraphspecError`` where there are several inputs.
    """
    if len(source.train.inputs) != 1:
        message = f"the data have {len(source.train.inputs)} inputs, and the target is one of them"
        raise fail("bad-value", message, at=_AT, hint='targets = "input" is for data with one')
    test, validation = _of_part(source.test), _of_part(source.validation)
    return dataclasses.replace(source, train=_placeholder(source.train), test=test, validation=validation, labels={})


def _of_part(read: Callable[[], Samples] | None) -> Callable[[], Samples] | None:
    return None if read is None else lambda: _placeholder(read())


def _placeholder(samples: Samples) -> Samples:
    ((name, value),) = samples.inputs.items()
    return Samples(samples.inputs, {name: torch.empty(len(value), 0)})


def corruptions(components: Sequence[Component]) -> tuple[Augmentation, ...]:
    """What ``[data] corrupt`` lists, in order: changes of values, as pixels that move would leave the target behind."""
    return tuple(corruption(component, ("data", "corrupt", i)) for i, component in enumerate(components))


def corruption(component: Component, at: tuple[str | int, ...]) -> Augmentation:
    """One entry of ``[data] corrupt``, at `at`."""
    found = augmentation(component, at)
    own = component.type in TRANSFORMS and not TRANSFORMS[component.type].geometry
    if not own and component.type not in VALUES | NOISE:
        known = ", ".join(sorted(VALUES | NOISE))
        raise fail("bad-value", f"{component.type} moves pixels, and corrupt changes the input alone", at, known)
    return found
