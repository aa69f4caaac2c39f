"""Which code of the user's a run depends on, so that one that goes on can say what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphspec.data.sources.user import own_datasets
from graphspec.data.transforms.own import TRANSFORMS
from graphspec.losses import OWN as LOSSES
from graphspec.ops.table import own_layers
from graphspec.spec.model import NetworkSpec
from graphspec.system.own_parts import OwnParts
from graphspec.training.own.metric import OWN as METRICS


def own_code(spec: NetworkSpec) -> dict[str, str]:
    """The hashes of the texts of the user's own parts that `spec` names, by name; callbacks compute nothing."""
    found: dict[str, str] = {}
    for table, names in _named(spec):
        found |= {name: table.source_hash(name) for name in names if name in table}
    return found


def _named(spec: NetworkSpec) -> Iterator[tuple[OwnParts[Any], list[str]]]:
    bodies = [spec, *spec.blocks.values()]
    yield own_layers(), [str(layer.type) for body in bodies for layer in body.layers.values()]
    if spec.train is not None:
        yield LOSSES, [loss.type for loss in spec.train.losses]
        yield METRICS, [metric.type for metric in spec.train.metrics]
    if spec.data is not None:
        yield own_datasets(), [spec.data.dataset.type]
        yield TRANSFORMS, [each.type for each in (*spec.data.transforms, *spec.data.augment, *spec.data.corrupt)]
