"""Two networks side by side: everything that differs between them, as rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from graphspec.comparing.layers import layer_rows
from graphspec.comparing.outputs import input_rows, output_rows
from graphspec.comparing.pairing import Pairing, pair
from graphspec.comparing.settings import metric_rows, setting_rows
from graphspec.comparing.tensors import tensor_rows
from graphspec.compiler import Network, Source
from graphspec.found import is_path
from graphspec.shapes.dims import dim_text
from graphspec.system.shown import Shown

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """What differs, in rows; equal networks have none.

    ``inputs``: shapes, and the ranges of dims. ``layers``: name, the later one where it is renamed, change, what each
    is before and after; the change is ``"added"``, ``"removed"``, ``"changed"``, ``"renamed"``, or ``"downstream"``
    where it only follows from layers before it. ``totals``: parameters and FLOPs. ``weights``: tensors with their
    greatest difference, or their shapes. ``outputs``: shapes, greatest difference, and whether rounding alone explains
    it. ``settings``: of ``[data]``, ``[train]``, ``[export]`` and ``[tune]``. ``metrics``: of the best weights of two
    runs or exports.
    """

    inputs: list[Row]
    layers: list[Row]
    totals: list[Row]
    weights: list[Row]
    outputs: list[Row]
    settings: list[Row]
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
    """What is different in `after`: inputs, layers, weights, outputs, settings and metrics.

    Each is a spec, a run, an export, or an ONNX or ``.pt2`` file alone, which is imported and says nothing of settings.
    """
    one, other = _opened(before), _opened(after)
    pairing = pair(one, other)
    files = _is_model_file(before) or _is_model_file(after)
    return Comparison(
        inputs=input_rows(one, other, pairing),
        layers=layer_rows(one, other, pairing),
        totals=_totals(one, other, pairing),
        weights=tensor_rows(one, other, pairing),
        outputs=output_rows(one, other, pairing),
        settings=[] if files else setting_rows(one, other),
        metrics=metric_rows(one, other),
    )


def _opened(source: Source) -> Network:
    if _is_model_file(source):
        from graphspec.importing.sources import import_source

        return import_source(str(source)).network
    return Network.open(source)


def _is_model_file(source: Source) -> bool:
    return is_path(source) and Path(source).suffix in (".onnx", ".pt2")  # type: ignore[arg-type]


def _totals(before: Network, after: Network, pairing: Pairing) -> list[Row]:
    old, new = before.shaped, after.shaped
    pairs = {
        "parameters": (old.parameter_count, new.parameter_count),
        "flops": (dim_text(pairing.size(old.flops)), dim_text(new.flops)),
    }
    return [{"total": key, "before": a, "after": b} for key, (a, b) in pairs.items() if a != b]
