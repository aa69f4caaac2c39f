"""Inputs and outputs side by side: their shapes, and what both networks give for the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from graphspec.comparing.pairing import Pairing
from graphspec.compiler import Network
from graphspec.exporting.reference import Reference, ReferenceOutputs
from graphspec.exporting.sampler import REFUSALS, Sampler
from graphspec.exporting.tolerance import error
from graphspec.shapes.dims import range_text
from graphspec.shapes.shaped import TensorType

#: Inputs that both networks are run on.
SAMPLES = 3
_VALUES = ("difference", "within_noise")
Row = dict[str, Any]
#: Of an output: the greatest difference, None where there is none to tell, and whether rounding explains it.
Found = tuple[float | None, bool]


def input_rows(before: Network, after: Network, pairing: Pairing) -> list[Row]:
    """A row for each input and each range of a dim that is not the same."""
    old, new = before.shaped, after.shaped
    rows = _rows("input", old.inputs, new.inputs, pairing.inputs, {}, pairing)
    for name, ends in old.dims.items():
        later = pairing.dims.get(name, name)
        if new.dims.get(later, ends) != ends:
            texts = range_text(name, *ends), range_text(later, *new.dims[later])
            rows.append({"input": f"sizes of {name}", "renamed_to": None, "before": texts[0], "after": texts[1]})
    return rows


def output_rows(before: Network, after: Network, pairing: Pairing) -> list[Row]:
    """A row for each output that is not the same; values are compared where both networks take the same inputs."""
    old, new = before.shaped.output_types, after.shaped.output_types
    names = _paired(before, after, pairing)
    rows = _rows("output", old, new, names, _compared(before, after, pairing, names), pairing)
    return [row | {key: row.get(key) for key in _VALUES} for row in rows]


def _rows(
    kind: str, old: Mapping[str, TensorType], new: Mapping[str, TensorType], names: Mapping[str, str],
    found: Mapping[str, Found], pairing: Pairing,
) -> list[Row]:  # fmt: skip
    rows = []
    for name, a in old.items():
        later = names.get(name)
        b = new.get(later) if later is not None else None
        difference, within = found.get(name, (0.0, True))
        if pairing.kind(a) != b or later != name or difference != 0:
            row: Row = {kind: name, "renamed_to": later if later != name else None, "before": str(a)}
            row["after"] = None if b is None else str(b)
            rows.append(row | ({"difference": difference, "within_noise": within} if name in found else {}))
    gone = {*names.values()}
    return rows + [
        {kind: name, "renamed_to": None, "before": None, "after": str(b)} for name, b in new.items() if name not in gone
    ]


def _paired(before: Network, after: Network, pairing: Pairing) -> dict[str, str]:
    """The later name of each output: its own, that of the same layer, or of the only one."""
    old, new = before.shaped.outputs, after.shaped.outputs
    found = {name: name for name in old if name in new}
    for name, ref in old.items():
        for later, other in new.items():
            same = (pairing.name(ref.layer), ref.index) == (other.layer, other.index)
            if same and name not in found and later not in found.values():
                found[name] = later
    if len(old) == len(new) == 1:
        found = dict(zip(old, new, strict=True))
    return found


def _compared(before: Network, after: Network, pairing: Pairing, names: Mapping[str, str]) -> dict[str, Found]:
    """What both give for the same seeded inputs, by earlier name; nothing where one does not take them."""
    if not _same_inputs(before, after, pairing):
        return {}
    one, other = Reference(before), Reference(after)
    sampler = Sampler.of(one.network)
    found: dict[str, Found] = {}
    for seed in range(SAMPLES):
        inputs = sampler.draw(seed=seed)
        later = {pairing.inputs[name]: value for name, value in inputs.items()}
        own, changed = one(inputs), _given(other, {name: later[name] for name in after.shaped.inputs})
        if changed is None:
            return {}
        for name in names:
            result = _difference(own, name, changed[names[name]])
            found[name] = _worse(found.get(name, (0.0, True)), result)
    return found


def _same_inputs(before: Network, after: Network, pairing: Pairing) -> bool:
    """Whether both take the same inputs, whatever they and their dims are called."""
    old, new = before.shaped.inputs, after.shaped.inputs
    if {*pairing.inputs} != {*old} or {*pairing.inputs.values()} != {*new}:
        return False
    return all(pairing.kind(kind) == new[pairing.inputs[name]] for name, kind in old.items())


def _given(reference: Reference, inputs: Mapping[str, Tensor]) -> Mapping[str, Any] | None:
    try:
        return reference.in_single(inputs)
    except REFUSALS:  # a size that this one does not take
        return None


def _difference(own: ReferenceOutputs, name: str, changed: Any) -> Found:
    expected = own.single[name]
    if expected.shape != changed.shape or expected.dtype != changed.dtype:
        return None, False
    within = error(changed, own.double[name]) <= (own.allowed(name) if np.issubdtype(changed.dtype, np.floating) else 0)
    return error(changed, expected), within


def _worse(one: Found, other: Found) -> Found:
    if one[0] is None or other[0] is None:
        return None, False
    return max(one[0], other[0]), one[1] and other[1]
