"""Two networks side by side: layers, weights, outputs and metrics that differ."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.compiler import Network, Source
from graphspec.exporting.reference import Reference
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.tolerance import error
from graphspec.found import is_path
from graphspec.graph.layers import Ref
from graphspec.shapes.dims import dim_text
from graphspec.shapes.shaped import ShapedLayer, ValueRef
from graphspec.system.regular_file import MOST_JSON, read_regular
from graphspec.system.shown import Shown

#: Inputs that both networks are run on.
SAMPLES = 3
#: Arguments of which one number stands for every dim.
_ONE_FOR_ALL = frozenset("kernel_size stride padding dilation output_padding".split())
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """What differs, in rows; equal networks have none.

    ``layers``: name, change (``"added"``, ``"removed"``, ``"changed"``) and what each is before and after. ``totals``:
    parameters and FLOPs. ``weights``: tensors with their greatest difference, or their shapes. ``outputs``: greatest
    difference, and whether rounding alone explains it. ``metrics``: of the best weights of two runs or exports.
    """

    layers: list[Row]
    totals: list[Row]
    weights: list[Row]
    outputs: list[Row]
    metrics: list[Row]

    def rows(self) -> dict[str, list[Row]]:
        """The rows of each kind of difference."""
        return dataclasses.asdict(self)

    @property
    def equal(self) -> bool:
        """Whether there is no difference at all."""
        return not any(self.rows().values())

    def as_dict(self) -> Row:
        """The same as data, for ``--json``."""
        return {"equal": self.equal, **self.rows()}


def diff(before: Source, after: Source) -> Comparison:
    """What is different in `after`: layers, weights, outputs and metrics.

    Each is a spec, a run, an export, or an ONNX or ``.pt2`` file alone, which is imported.
    """
    before, after = _opened(before), _opened(after)
    return Comparison(
        _layers(before, after), _totals(before, after), _weights(before, after), _outputs(before, after),
        _metrics(before, after),
    )  # fmt: skip


def _opened(source: Source) -> Network:
    if is_path(source) and Path(source).suffix in (".onnx", ".pt2"):  # type: ignore[arg-type]
        from graphspec.importing.sources import import_source

        return import_source(str(source)).network
    return Network.open(source)


def _layers(before: Network, after: Network) -> list[Row]:
    old, new = ({layer.name: layer for layer in each.shaped.layers} for each in (before, after))
    rows: list[Row] = []
    for name in [*old, *(name for name in new if name not in old)]:
        a, b = old.get(name), new.get(name)
        if a is None or b is None:
            change = "added" if a is None else "removed"
            one, other = (layer and _described(layer, {**layer.arguments}) for layer in (a, b))
            rows.append({"layer": name, "change": change, "before": one, "after": other})
            continue
        one, other = (_described(layer, _filled(layer)) for layer in (a, b))
        if one != other:
            found = {"before": _different(one, other), "after": _different(other, one)}
            rows.append({"layer": name, "change": "changed"} | found)
    return rows


def _different(row: Row, other: Row) -> Row:
    """What of `row` is not the same in `other`, inside arguments and sources too."""
    return {
        key: _different(value, other[key]) if isinstance(value, dict) and isinstance(other[key], dict) else value
        for key, value in row.items()
        if key not in other or value != other[key]
    }


def _described(layer: ShapedLayer, arguments: Mapping[str, Any]) -> Row:
    return {
        "type": layer.type,
        "arguments": {name: str(value) for name, value in arguments.items()},
        "from": {key: _source(value) for key, value in layer.operands.items()},
        "shape": [str(kind) for kind in layer.outputs.values()],
        "parameters": layer.parameter_count,
        "flops": dim_text(layer.flops),
    }


def _filled(layer: ShapedLayer) -> dict[str, Any]:
    """All arguments: one that is left out has its default, equal sizes of several dims are one."""
    found: dict[str, Any] = {
        name: parameter.default
        for name, parameter in layer.op.written.items()
        if isinstance(parameter.default, bool | int | float | str)
    }
    for name, value in layer.arguments.items():
        equal = isinstance(value, list | tuple) and len(value) > 1 and all(item == value[0] for item in value)
        found[name] = value[0] if equal and name in _ONE_FOR_ALL else value
    return found


def _source(value: Any) -> Any:
    if isinstance(value, ValueRef):
        return str(Ref(value.layer, ".".join(map(str, value.index))))
    return [_source(item) for item in value] if isinstance(value, list | tuple) else str(value)


def _totals(before: Network, after: Network) -> list[Row]:
    def totals(network: Network) -> Row:
        return {"parameters": network.shaped.parameter_count, "flops": dim_text(network.shaped.flops)}

    a, b = totals(before), totals(after)
    return [{"total": key, "before": a[key], "after": b[key]} for key in a if a[key] != b[key]]


def _weights(before: Network, after: Network) -> list[Row]:
    old, new = before.module.state_dict(), after.module.state_dict()
    rows: list[Row] = []
    for name in [*old, *(name for name in new if name not in old)]:
        a, b = old.get(name), new.get(name)
        if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype:
            rows.append({"tensor": name, "before": _shape(a), "after": _shape(b), "difference": None})
        elif not torch.equal(a, b):
            rows.append({"tensor": name, "before": _shape(a), "after": _shape(b), "difference": _greatest(a, b)})
    return rows


def _shape(tensor: Tensor | None) -> str | None:
    if tensor is None:
        return None
    return " × ".join(map(str, tensor.shape)) + f" {str(tensor.dtype).removeprefix('torch.')}"


def _greatest(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).abs().max())


def _outputs(before: Network, after: Network) -> list[Row]:
    """Differences of outputs of one name, where both networks take the same inputs."""
    if before.shaped.inputs != after.shaped.inputs:
        takes = [", ".join(f"{name} {kind}" for name, kind in each.shaped.inputs.items()) for each in (before, after)]
        return [{"output": None, "before": takes[0], "after": takes[1], "difference": None, "within_noise": None}]
    names = [[*each.shaped.outputs] for each in (before, after)]
    rows: list[Row] = [
        {
            "output": name,
            "before": name in names[0],
            "after": name in names[1],
            "difference": None,
            "within_noise": None,
        }
        for name in dict.fromkeys([*names[0], *names[1]])
        if name not in names[0] or name not in names[1]
    ]
    one, other = Reference(before), Reference(after)
    sampler = Sampler.of(one.network)
    found: dict[str, tuple[float, bool]] = {}
    for seed in range(SAMPLES):
        inputs = sampler.draw(seed=seed)
        own, changed = one(inputs), other.in_single(inputs)
        for name in set(names[0]) & set(names[1]):
            a, b = own.double[name], changed[name]
            if a.shape != b.shape:
                found[name] = (float("inf"), False)
                continue
            difference = error(b, own.single[name])
            within = error(b, a) <= own.allowed(name)
            most, all_within = found.get(name, (0.0, True))
            found[name] = (max(most, difference), all_within and within)
    differing = {name: (most, within) for name, (most, within) in sorted(found.items()) if most > 0}
    return rows + [
        {"output": name, "before": True, "after": True, "difference": most, "within_noise": within}
        for name, (most, within) in differing.items()
    ]


def _metrics(before: Network, after: Network) -> list[Row]:
    old, new = _measured(before.folder), _measured(after.folder)
    if not old or not new:
        return []
    return [
        {"metric": name, "before": old.get(name), "after": new.get(name)}
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _measured(folder: Path | None) -> Mapping[str, float]:
    """The metrics that a run's evaluation says, by part."""
    if folder is None:
        return {}
    try:
        said = json.loads(read_regular(folder / "evaluation.json", most=MOST_JSON, links=False))
        return dict(_numbers(said["parts"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # never evaluated, or damaged
        return {}


def _numbers(value: Any, prefix: str = "") -> list[tuple[str, float]]:
    if isinstance(value, dict):
        return [row for key, item in value.items() for row in _numbers(item, f"{prefix}{' ' if prefix else ''}{key}")]
    return [(prefix, value)] if isinstance(value, int | float) and not isinstance(value, bool) else []
