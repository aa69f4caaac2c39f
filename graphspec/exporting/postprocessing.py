"""What stands behind the network: from its output to the class and its probability, as the loss reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphspec.exporting.bundle.manifest import signature
from graphspec.exporting.preprocessing.nodes import Nodes
from graphspec.exporting.reference import Arrays, as_array
from graphspec.shapes.shaped import ShapedGraph
from graphspec.training.objective import OF_LOGITS

if TYPE_CHECKING:
    import onnx_ir as ir

LABEL, PROBABILITIES = "label", "probabilities"


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How a loss reads an output as probabilities, in torch and in ONNX. ``each``: of every column by itself."""

    tensors: Callable[[Tensor], Tensor]
    nodes: Callable[[Nodes, Any], Any]
    each: bool


_READINGS = {
    "CrossEntropyLoss": Reading(lambda output: output.softmax(1), lambda op, x: op("Softmax", x, axis=1), each=False),
    "NLLLoss": Reading(torch.exp, lambda op, x: op("Exp", x), each=False),
    "BCEWithLogitsLoss": Reading(torch.sigmoid, lambda op, x: op("Sigmoid", x), each=True),
    "MultiLabelSoftMarginLoss": Reading(torch.sigmoid, lambda op, x: op("Sigmoid", x), each=True),
    "BCELoss": Reading(lambda output: output, lambda op, x: x, each=True),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Postprocessing:
    """``outputs`` are the network's, as the manifest has them. ``reading`` is None where the loss gives them no
    probabilities, ``classes`` where there are none.

    A classifier of one column decides between two classes at ``threshold``; its probabilities have two columns.
    """

    outputs: tuple[dict[str, Any], ...]
    reading: Reading | None = None
    classes: int | None = None
    threshold: float = 0.0
    one_column: bool = False

    @classmethod
    def of(cls, shaped: ShapedGraph, labels: Sequence[str] | None) -> Postprocessing:
        """For the network's one output; with several outputs, or without ``[train]``, they are left as they are.

        `labels` are the class names, None for regression.
        """
        (kind, *others) = shaped.output_types.values()
        outputs, train = tuple(signature(shaped)["outputs"]), shaped.spec.train
        if others or train is None or len(kind.shape) < 2:
            return cls(outputs)
        loss, one_column = getattr(train.loss_of(next(iter(shaped.outputs))), "type", ""), kind.shape[1] == 1
        reading = _READINGS.get(loss)
        if reading and one_column and not reading.each:
            reading = None
        classes = None if labels is None else len(labels)
        return cls(outputs, reading, classes, 0.0 if loss in OF_LOGITS else 0.5, one_column)

    @property
    def signature(self) -> list[dict[str, Any]]:
        """The answers in order: name, shape and dtype. The network's own outputs stay where nothing replaces them."""
        own = self.outputs[0]
        first, _, *rest = own["shape"] if len(own["shape"]) > 1 else (None, None)
        found = []
        if self.classes is not None:
            found.append({"name": LABEL, "shape": [first, *rest], "dtype": "int64"})
        if self.reading is None:
            return [*found, *self.outputs]
        columns = 2 if self._two_sided else own["shape"][1]
        return [*found, {"name": PROBABILITIES, "shape": [first, columns, *rest], "dtype": own["dtype"]}]

    def tensors(self, output: Tensor) -> dict[str, Tensor]:
        """The answers by name: ``label`` int64 and ``probabilities`` over dimension 1; empty where `output` is it."""
        found: dict[str, Tensor] = {}
        if self.classes is not None:
            decided = (output[:, 0] > self.threshold).to(torch.int64) if self.one_column else output.argmax(1)
            found[LABEL] = decided
        if self.reading is not None:
            share = self.reading.tensors(output)
            found[PROBABILITIES] = torch.cat([1 - share, share], 1) if self._two_sided else share
        return found

    def read(self, outputs: Arrays) -> Arrays:
        """The answers to the network's `outputs`, by the names of :attr:`signature`."""
        if len(self.outputs) > 1:
            return outputs
        (output,) = outputs.values()
        answers = {name: as_array(value) for name, value in self.tensors(torch.from_numpy(output)).items()}
        return {entry["name"]: answers.get(entry["name"], output) for entry in self.signature}

    def write(self, op: Nodes, output: ir.Value, real: np.dtype[Any]) -> dict[str, ir.Value]:
        """The same as :meth:`tensors`, as nodes behind `output`, which has the numpy dtype `real`."""
        found: dict[str, ir.Value] = {}
        if self.classes is not None and self.one_column:
            above = op("Greater", output, np.array(self.threshold, dtype=real))
            found[LABEL] = op("Squeeze", op.cast(above, np.int64), np.array([1]))
        elif self.classes is not None:
            found[LABEL] = op("ArgMax", output, axis=1, keepdims=0)
        if self.reading is not None:
            share = self.reading.nodes(op, output)
            other = op("Sub", np.array(1, dtype=real), share) if self._two_sided else share
            found[PROBABILITIES] = op("Concat", other, share, axis=1) if self._two_sided else op("Identity", share)
        return found

    @property
    def _two_sided(self) -> bool:
        return self.one_column and self.classes == 2
