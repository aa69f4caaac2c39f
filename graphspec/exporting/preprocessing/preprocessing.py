"""What stands before all inputs of a network: a raw batch of each, or the columns of a table by their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.binding import bind
from graphspec.data.copied import is_copied, without_targets
from graphspec.data.learned import Learned
from graphspec.data.place import DataPlace
from graphspec.data.sources import read
from graphspec.data.sources.builtin import OF_IMAGE_FILES
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.source import Place
from graphspec.data.transforms import SizeTransforms, size_transforms
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import Diagnostic, GraphspecError, VerificationError, fail, quoted
from graphspec.exporting.preprocessing.cells import TEXTS_SINCE, Cells, is_whole
from graphspec.exporting.preprocessing.raw_input import RawInput
from graphspec.exporting.tape import Taped
from graphspec.shapes.shaped import ShapedGraph, TensorType

if TYPE_CHECKING:
    import onnx_ir as ir

#: A raw batch by the names of ``pipeline.onnx``'s inputs: tensors, or the cells of columns.
Raw = Mapping[str, Any]
_TRANSFORMS, _FORMATS = ("data", "transforms"), ("export", "formats")


@dataclasses.dataclass(frozen=True, slots=True)
class Preprocessing:
    """``inputs`` are the network's, in forward's order, ``fields`` the names of the data set's fields that they take.

    With ``cells`` the fields are made of a table's columns, which are what goes in.
    """

    inputs: Mapping[str, RawInput]
    fields: Mapping[str, str]
    cells: Cells | None = None

    @classmethod
    def of(cls, shaped: ShapedGraph, data: DataSet, place: DataPlace = DataPlace()) -> Preprocessing:
        """What `data`, which lie at `place`, go through on their way into `shaped`.

        Raises:
            GraphspecError: ``not-exportable`` for what :func:`faults` finds, or columns that ONNX has no form for.
        """
        if found := list(faults(shaped)):
            raise GraphspecError(found)
        fields = dict(zip(shaped.inputs, (field for field, _ in bind(shaped, data).inputs), strict=True))
        cells = _cells(shaped, data.columns)
        inputs = {}
        for name, kind in shaped.inputs.items():
            values, scaling = data.train.inputs[fields[name]], data.values[fields[name]]
            shape = kind.sizes
            if values.ndim == 4:
                shape[1:] = _channels(shaped, fields[name], kind, data.sizes, place), *_sizes(shaped, name, data.sizes)
            dtype = str(values[:1].numpy().dtype)
            if cells is not None and dtype.startswith("float"):
                dtype = "float64"  # as cells are read; a table that nothing scales is kept as float32
            if values.ndim == 4 and dtype == "uint8":
                shape = [shape[0], *shape[2:], shape[1]]
            inputs[name] = RawInput(dtype, tuple(shape), data.sizes if values.ndim == 4 else _NO_SIZES, scaling)
        return cls(inputs, fields, cells)

    @classmethod
    def from_manifest(cls, about: Mapping[str, Any], learned: Learned | None, shaped: ShapedGraph) -> Preprocessing:
        """That of an export of `shaped` whose manifest is `about`, and which has `learned`.

        Raises:
            VerificationError: ``tampered`` where they do not tell it.
        """
        sizes = size_transforms(shaped.spec.data.transforms if shaped.spec.data else ())
        try:
            noted, inputs = about["pipeline"], {}
            assert learned is not None
            for name in shaped.inputs:
                entry = noted["network"][name]
                resizing = sizes if len(entry["shape"]) == 4 else _NO_SIZES
                scaling = tuple(learned.values.get(entry["field"], ()))
                inputs[name] = RawInput(entry["dtype"], tuple(entry["shape"]), resizing, scaling)
            fields = {name: str(noted["network"][name]["field"]) for name in inputs}
            batch = noted["inputs"][0]["shape"][0]
            return cls(inputs, fields, Cells(learned.columns, batch) if noted["columns"] and learned.columns else None)
        except (AssertionError, KeyError, IndexError, TypeError, AttributeError) as error:
            message = f"manifest.json does not say what pipeline.onnx takes: {error!r}"
            raise VerificationError([Diagnostic("tampered", message, hint="export it again")]) from error

    @property
    def signature(self) -> list[dict[str, Any]]:
        """Name, shape and dtype of what goes in, as the manifest has them."""
        if self.cells is not None:
            return self.cells.signature
        return [{"name": name, **each.signature} for name, each in self.inputs.items()]

    @property
    def noted(self) -> dict[str, Any]:
        """What the manifest has of it: what goes in, of which batches the network's inputs are made, and the field that
        each is.
        """
        made_of = {name: {**each.signature, "field": self.fields[name]} for name, each in self.inputs.items()}
        return {"inputs": self.signature, "network": made_of, "columns": self.cells is not None}

    def steps(self, raw: Raw, dtypes: Mapping[str, torch.dtype]) -> dict[str, list[Tensor]]:
        """What training computes from `raw`, by input: see :meth:`RawInput.steps`."""
        batches = raw if self.cells is None else self.cells.tensors(raw)
        return {
            name: each.steps(batches[name if self.cells is None else self.fields[name]], dtypes[name])
            for name, each in self.inputs.items()
        }

    def write(
        self, op: Taped, raw: Mapping[str, ir.Value], real: Mapping[str, np.dtype[Any]]
    ) -> dict[str, list[ir.Value]]:
        """The same as :meth:`steps`, as nodes behind `raw`, by input."""
        batches = raw if self.cells is None else self.cells.write(op, raw)
        return {
            name: each.write(op, batches[name if self.cells is None else self.fields[name]], real[name])
            for name, each in self.inputs.items()
        }

    def raw(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Raw samples that become about `values`, the network's inputs, where no sizes are changed."""
        batches = {name: each.raw(values[name]) for name, each in self.inputs.items()}
        if self.cells is None:
            return batches
        return self.cells.raw({self.fields[name]: batch for name, batch in batches.items()})

    def inner(self, name: str) -> tuple[list[str], str]:
        """What is called in the file: the batch behind each transform of the input `name`, and what it becomes."""
        of = f".{name}" if len(self.inputs) > 1 else ""
        return [f"transforms.{k}{of}" for k in range(len(self.inputs[name].transforms))], f"network.input{of}"

    def check_names(self, taken: Sequence[str], opset_version: int) -> None:
        """Refuse (``not-exportable``) columns that are called like other values of the file, `taken` or inner ones, and
        texts where ONNX had no operator for them.
        """
        if self.cells is None:
            return
        own = {*taken, *(value for name in self.inputs for steps, end in [self.inner(name)] for value in (*steps, end))}
        for column in self.cells.columns.each:
            if column.name in own or not column.name:
                hint = f"rename it in the table, or drop = [{quoted(column.name)}]"
                message = f"pipeline.onnx cannot call an input {quoted(column.name)}, as the column is called"
                raise fail("not-exportable", message, at=_FORMATS, hint=hint)
            if column.categories is not None and column.fill is not None and opset_version < TEXTS_SINCE:
                message = f"missing texts of the column {quoted(column.name)} need opset_version = {TEXTS_SINCE}"
                raise fail("not-exportable", message, at=("export", "opset_version"))


_NO_SIZES = size_transforms(())


def faults(shaped: ShapedGraph) -> Iterator[Diagnostic]:
    """Why ``pipeline.onnx`` cannot be written for `shaped`, as far as no data are needed to see it: a tokenizer, and
    each transform that has no form in ONNX, at its argument.
    """
    data = shaped.spec.data
    if data is not None and data.tokenizer is not None:
        hint = 'leave "pipeline" out: the export has tokenizer.json, and its README the lines from a text to the answer'
        yield Diagnostic("not-exportable", "ONNX has no tokenizer, and raw samples are texts", at=_FORMATS, hint=hint)
    for k, step in enumerate(size_transforms(data.transforms if data else ()).steps):
        if because := step.refusal():
            at = (*_TRANSFORMS, k, because.argument)
            yield Diagnostic("not-exportable", because.message, at=at, hint=because.hint)


def _cells(shaped: ShapedGraph, columns: Columns | None) -> Cells | None:
    """The columns of a table go in by name, but for numbers alone that are all of one input: they are that table."""
    if columns is None:
        return None
    if len(shaped.inputs) == 1 and not any(c.categories is not None or c.fill is not None for c in columns.each):
        return None
    return Cells(columns, next(iter(shaped.inputs.values())).sizes[0])


def _channels(
    shaped: ShapedGraph, field: str, kind: TensorType, resizing: SizeTransforms, place: DataPlace
) -> int | str:
    """The raw images' channels: the network's, but where a transform changes them; then those of the source."""
    spec = shaped.spec.data
    if spec is None or not any(step.colours for step in resizing.steps):
        return kind.sizes[1]
    if spec.dataset.type in OF_IMAGE_FILES:
        return 3  # as it decodes them
    wanted = Wanted(shaped.spec.train.of_data if shaped.spec.train else (), is_copied(spec.dataset))
    dataset = without_targets(spec.dataset) if is_copied(spec.dataset) else spec.dataset
    source = read(dataset, Place(place.root or Path(spec.root), wanted=wanted, given=place.given), size_transforms(()))
    return int(source.train.inputs[field].shape[1])


def _sizes(shaped: ShapedGraph, name: str, resizing: SizeTransforms) -> list[int | str]:
    """Height and width of raw images: the network's, but open where a transform makes them what they are."""
    kind, images = shaped.inputs[name], [n for n, other in shaped.inputs.items() if len(other.shape) == 4]
    if not any(step.sizes for step in resizing.steps):
        return kind.sizes[2:]
    if len(images) > 1:
        return [f"{name}_height", f"{name}_width"]
    return [side if side not in shaped.dims else f"image_{side}" for side in ("height", "width")]


def first_whole_row(raw: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """A row of `raw` as JSON holds it, the first without a missing cell if there is one; a missing number is None."""
    count = len(next(iter(raw.values())))
    row = next((row for row in range(count) if is_whole(raw, row)), 0)
    cells = {name: values[row].item() for name, values in raw.items()}
    return {name: None if cell != cell else cell for name, cell in cells.items()}
