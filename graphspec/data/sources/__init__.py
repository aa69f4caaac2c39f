"""The table of data sources: the name in a spec → what reads it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from graphspec.data.components import choose, construct
from graphspec.data.sources import embedded, synthetic
from graphspec.data.sources.arrays import npz_arrays
from graphspec.data.sources.image_folder import image_folder
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.tables import TABLES
from graphspec.data.sources.torchvision_sets import ARRAY_SETS, array_set
from graphspec.data.transforms import SizeTransforms
from graphspec.spec.base import Component

SOURCES: dict[str, Callable[..., Source]] = {
    "digits": embedded.digits,
    "iris": embedded.iris,
    "wine": embedded.wine,
    "breast_cancer": embedded.breast_cancer,
    "diabetes": embedded.diabetes,
    "line": synthetic.line,
    "ImageFolder": image_folder,
    **TABLES,
    "npz": npz_arrays,
    **{name: functools.partial(array_set, name=name) for name in ARRAY_SETS},
}


def read(dataset: Component, place: Place, resize: SizeTransforms) -> Source:
    """The data set that a spec names. `resize` is applied to images that are decoded one by one."""
    at = ("data", "dataset")
    function = choose(dataset, SOURCES, "data set", at)
    given = (
        {"resize": resize} if function is image_folder else {"name": dataset.type} if dataset.type in ARRAY_SETS else {}
    )
    return construct(dataset, function, at, place=place, **given)
