"""From the dtypes that samples have to those that a network takes: nothing is cut off, and no digits are lost unsaid.

Tables keep 64 bits until they are scaled. What no transform scales becomes float32 here, or a whole number for inputs
that take whole numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.streamed import OnDisk
from graphspec.data.transforms import Normalize
from graphspec.diagnostics import GraphspecError, fail, quoted, warn
from graphspec.ops.arguments import DTYPES

if TYPE_CHECKING:
    from graphspec.data.sources.columns import Columns

_AT = ("data", "dataset")
#: A value's spread is to be at least so many of float32's steps, or the values are hardly told apart.
_FEWEST_STEPS = 100
_FLOAT32 = torch.finfo(torch.float32)


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """Brings samples to the dtypes of the network's inputs, which are ``dtypes`` by name ("int64"; floats else).

    ``values`` are the transforms by input; ``columns`` name the features of a table.
    """

    values: Mapping[str, Sequence[Normalize]]
    dtypes: Mapping[str, str]
    columns: Columns | None = None

    def __call__(self, samples: Samples, part: str) -> Samples:
        """`samples` of the `part` part. Raises ``GraphspecError`` for values that an input cannot take."""
        inputs = {name: self._input(name, value, part, len(samples.inputs)) for name, value in samples.inputs.items()}
        return Samples(inputs, {name: self._float32(name, value, part) for name, value in samples.targets.items()})

    def _input(self, name: str, value: Tensor, part: str, count: int) -> Tensor:
        taker = next(iter(self.dtypes)) if len(self.dtypes) == count == 1 else name
        dtype = DTYPES[self.dtypes[taker]] if taker in self.dtypes else None
        if dtype is not None and not dtype.is_floating_point:
            return self._whole(name, value, taker, dtype)
        if self.values.get(name):
            self._check_digits(name, value, part)
            return value
        if isinstance(value, OnDisk) or value.dtype == torch.uint8 or dtype == torch.float64:
            return value
        known = dtype is not None and not value.is_floating_point()
        return self._float32(name, value.to(torch.float64) if known else value, part)

    def _whole(self, name: str, value: Tensor, taker: str, dtype: torch.dtype) -> Tensor:
        """`value` as whole numbers of `dtype`, which the input `taker` takes."""
        at = ("inputs", taker)
        takes = f"the input {quoted(taker)} takes {str(dtype).removeprefix('torch.')}"
        if self.values.get(name):
            raise fail("wrong-dtype", f"transforms make decimals of {quoted(name)}, and {takes}", at=at)
        if self.columns is not None and name == self.columns.table:
            for column in self.columns.features:
                if column.categories is not None:
                    what = f"the column {quoted(column.name)} is one-hot, {column.width} features of 0 and 1"
                    raise fail("wrong-dtype", f"{what}, and {takes}", at=at)
        if isinstance(value, OnDisk) or value.dtype == torch.uint8:
            if value.is_floating_point() or value.ndim == 4:
                raise fail("wrong-dtype", f"{quoted(name)} arrives as floats, and {takes}", at=at)
            return value
        found = value.to(dtype)
        if len(wrong := (found.to(value.dtype) != value).nonzero()):
            row, *rest = wrong[0].tolist()
            number = value[tuple(wrong[0])].item()
            raise fail("wrong-dtype", f"{self._what(name, rest)} is {number:.10g} at row {row}, and {takes}", at=at)
        return found.to(torch.int64)

    def _float32(self, name: str, value: Tensor, part: str) -> Tensor:
        """float64 as float32; anything else as it is."""
        if isinstance(value, OnDisk) or value.dtype != torch.float64:
            return value
        self._check_digits(name, value, part)
        return value.to(torch.float32)

    def _check_digits(self, name: str, value: Tensor, part: str) -> None:
        """Say it where float32 cannot tell the values of a feature apart, and refuse what is beyond float32."""
        if isinstance(value, OnDisk) or value.dtype in (torch.float32, torch.uint8) or len(value) < 2:
            return
        columns = value.reshape(len(value), -1) if value.ndim < 4 else value.transpose(0, 1).flatten(1).t()
        for feature, column in enumerate(columns.unbind(1)):
            self._check_float64(name, column, feature, part)
            top, spread = self._extent(name, column.to(torch.float64), feature, columns.shape[1])
            if top > torch.finfo(torch.float32).max:
                raise self._beyond(name, feature, top)
            step = max(top * _FLOAT32.eps, _FLOAT32.smallest_normal * _FLOAT32.eps)
            if part == "training" and 0 < spread < _FEWEST_STEPS * step and step > 0:
                sizes = f"differs by {spread:.3g} and is as large as {top:.3g}: float32 has steps of {step:.2g}"
                hint = "StandardScaler in transforms scales it before it is rounded"
                warn("bad-data", f"{self._what(name, [feature])} {sizes}", at=_AT, hint=hint)

    def _check_float64(self, name: str, column: Tensor, feature: int, part: str) -> None:
        """Say it where even 64 bits, in which transforms compute, cannot tell the values of a feature apart."""
        if part != "training" or column.dtype.itemsize < 8:
            return
        low, high = (float(end) for end in column.aminmax())
        step = max(abs(low), abs(high)) * torch.finfo(torch.float64).eps
        if 0 < high - low < _FEWEST_STEPS * step:
            message = (
                f"{self._what(name, [feature])} differs by {high - low:.3g}: float64 has steps of {step:.2g} there"
            )
            warn("bad-data", message, at=_AT, hint="take away what all values have in common")

    def _extent(self, name: str, column: Tensor, feature: int, features: int) -> tuple[float, float]:
        """How large a feature is once it is transformed, and its standard deviation."""
        low, high = (float(end) for end in column.aminmax())
        spread = float(column.std(correction=0))
        for step in self.values.get(name, ()):
            k = feature if len(step.mean) == features else 0
            low, high = ((end - step.mean[k]) / step.std[k] for end in (low, high))
            spread /= step.std[k]
        return max(abs(low), abs(high)), spread

    def _beyond(self, name: str, feature: int, top: float) -> GraphspecError:
        most = torch.finfo(torch.float32).max
        message = f"{self._what(name, [feature])} is as large as {top:.3g}, float32 ends at {most:.3g}"
        return fail("bad-data", message, at=_AT)

    def _what(self, name: str, place: Sequence[int]) -> str:
        """A feature of `name` by its column, or by where it stands in a sample."""
        if self.columns is not None and name == self.columns.table and place:
            return f"the column {quoted(self.columns.name_of(place[0]))}"
        where = f" at {', '.join(map(str, place))}" if any(place) else ""
        return f"{quoted(name)}{where}"
