"""The data sets that a spec can name: graphspec's own and the user's."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping

from graphspec.data.sources.builtin import SOURCES
from graphspec.data.sources.paths import check_paths, named_places
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.user import user_sources
from graphspec.data.transforms import SizeTransforms
from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component


def sources() -> Mapping[str, Callable[..., Source]]:
    """Every data set that a spec can name: graphspec's own and those that the user has imported."""
    return {**SOURCES, **user_sources()}


def read(dataset: Component, place: Place, resize: SizeTransforms) -> Source:
    """The data set that a spec names. `resize` is applied to images that are decoded one by one."""
    at = ("data", "dataset")
    function = choose(dataset, sources(), "data set", at)
    check_paths(function, dataset.args, at)
    known = inspect.signature(function).parameters
    given = {"resize": resize} if "resize" in known else {}
    source: Source = construct(dataset, function, at, place=place, **given)
    if source.lies_at or dataset.type not in SOURCES:
        return source
    return dataclasses.replace(source, lies_at=named_places(function, dataset.args, place.root))
