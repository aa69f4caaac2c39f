"""``[data]`` as far as it can be checked without data: names, arguments and order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from graphspec.data.augment import MIXING, augmentation
from graphspec.data.copied import corruption, is_copied, without_targets
from graphspec.data.sources import sources
from graphspec.data.text.tokenizer import check_tokenizer
from graphspec.data.transforms import last_of_sizes, size_transforms, value_numbers
from graphspec.diagnostics import Diagnostic, Path, fail, faults_in
from graphspec.ops.components import check_arguments, choose, construct
from graphspec.spec.base import Component
from graphspec.spec.data import DataSpec

#: Arguments of a source that graphspec gives.
_GIVEN = ("place", "resize")


def check_settings(settings: DataSpec) -> list[Diagnostic]:
    """What is wrong with `settings`, whatever the data are."""
    return faults_in(
        lambda: _check_source(settings.dataset),
        lambda: check_tokenizer(settings.tokenizer),
        *_transforms(settings.transforms),
        *(functools.partial(corruption, c, ("data", "corrupt", i)) for i, c in enumerate(settings.corrupt)),
        *(functools.partial(_check_augmentation, settings.augment, i) for i in range(len(settings.augment))),
    )


def _check_source(dataset: Component) -> None:
    at = ("data", "dataset")
    dataset = without_targets(dataset) if is_copied(dataset) else dataset
    check_arguments(dataset, choose(dataset, sources(), "data set", at), at, _GIVEN)


def _transforms(components: Sequence[Component]) -> list[Callable[[], object]]:
    """Size transforms stand before all others, and are one check."""
    offset = last_of_sizes(components) + 1
    places: list[tuple[Component, Path]] = [(c, ("data", "transforms", i)) for i, c in enumerate(components)]
    return [
        lambda: size_transforms(components),
        *(functools.partial(value_numbers, component, at) for component, at in places[offset:]),
    ]


def _check_augmentation(components: Sequence[Component], index: int) -> None:
    component, at = components[index], ("data", "augment", index)
    if component.type in MIXING:
        construct(component, MIXING[component.type], at, num_classes=2)
        return
    augmentation(component, at)
    if any(before.type in MIXING for before in components[:index]):
        raise fail("bad-value", f"{component.type} stands after MixUp or CutMix, which come last", at=at)
