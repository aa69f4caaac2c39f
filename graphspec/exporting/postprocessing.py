"""What stands behind the network: from its output to the class and its probability, as the loss reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphspec.exporting.bundle.manifest import signature
from graphspec.exporting.reference import Arrays, as_array
from graphspec.exporting.tape import Taped
from graphspec.output_reading import Reading
from graphspec.probability import Probability
from graphspec.shapes.producer import reading_of
from graphspec.shapes.shaped import ShapedGraph

if TYPE_CHECKING:
    import onnx_ir as ir

LABEL, PROBABILITIES = "label", "probabilities"


@dataclasses.dataclass(frozen=True, slots=True)
class Postprocessing:
    """``outputs`` are the network's, as the manifest has them; ``reading`` is how its one output of ``columns`` is
    read, None where the outputs are left as they are.
    """

    outputs: tuple[dict[str, Any], ...]
    reading: Reading | None = None
    columns: int | None = None

    @classmethod
    def of(cls, shaped: ShapedGraph, labels: Sequence[str] | None) -> Postprocessing:
        """For the network's one output; with several outputs, or without ``[train]``, they are left as they are.

        `labels` are the class names, None for regression.
        """
        (kind, *others) = shaped.output_types.values()
        outputs = tuple(signature(shaped)["outputs"])
        reading = reading_of(shaped, next(iter(shaped.outputs)), None if labels is None else len(labels))
        if others or reading is None or len(kind.shape) < 2:
            return cls(outputs)
        return cls(outputs, reading, kind.shape[1] if isinstance(kind.shape[1], int) else None)

    @property
    def _probability(self) -> Probability | None:
        return None if self.reading is None else self.reading.probability_of(self.columns)

    @property
    def classes(self) -> int | None:
        """How many classes the output decides between, None where it decides nothing."""
        return None if self.reading is None else self.reading.classes

    @property
    def two_sided(self) -> bool:
        """Whether one column stands for both of two classes."""
        return self.reading is not None and self.reading.two_sided(self.columns)

    @property
    def decision(self) -> dict[str, Any] | None:
        """How the output decides for a class, for the manifest; None where it does not."""
        if self.reading is None or self.classes is None:
            return None
        found: dict[str, Any] = {"output": self.outputs[0]["name"]}
        if self.reading.blank is not None:
            return found | {"rule": "greatest", "blank": self.reading.blank}
        if not self.two_sided:
            return found | {"rule": "least" if self.reading.lowest else "greatest"}
        return found | {"rule": "below" if self.reading.lowest else "above", "threshold": self.reading.threshold}

    @property
    def signature(self) -> list[dict[str, Any]]:
        """The predictions in order: name, shape and dtype. The network's own outputs stay unless replaced."""
        own = self.outputs[0]
        first, _, *rest = own["shape"] if len(own["shape"]) > 1 else (None, None)
        found = []
        if self.classes is not None:
            found.append({"name": LABEL, "shape": [first, *rest], "dtype": "int64"})
        if self._probability is None:
            return [*found, *self.outputs]
        columns = 2 if self.two_sided else own["shape"][1]
        return [*found, {"name": PROBABILITIES, "shape": [first, columns, *rest], "dtype": own["dtype"]}]

    def tensors(self, output: Tensor) -> dict[str, Tensor]:
        """Predictions by name: ``label`` int64 and ``probabilities`` over dimension 1; empty where `output` is it."""
        found: dict[str, Tensor] = {}
        if self.reading is not None and self.classes is not None:
            found[LABEL] = self.reading.predicted(output)
        probabilities = None if self.reading is None else self.reading.probabilities(output)
        if probabilities is not None:
            found[PROBABILITIES] = probabilities
        return found

    def read(self, outputs: Arrays) -> Arrays:
        """The predictions from the network's `outputs`, by the names of :attr:`signature`."""
        if len(self.outputs) > 1:
            return outputs
        (output,) = outputs.values()
        predictions = {name: as_array(value) for name, value in self.tensors(torch.from_numpy(output)).items()}
        return {entry["name"]: predictions.get(entry["name"], output) for entry in self.signature}

    def write(self, op: Taped, output: ir.Value, real: np.dtype[Any]) -> dict[str, ir.Value]:
        """The same as :meth:`tensors`, as nodes behind `output`, which has the numpy dtype `real`."""
        found: dict[str, ir.Value] = {}
        if self.reading is None:
            return found
        if self.classes is not None:
            found[LABEL] = self.reading.predicted_nodes(op, output, self.columns, real)
        if self._probability is not None:
            found[PROBABILITIES] = self.reading.probability_nodes(op, output, self.columns, real)
        return found
