"""ONNX nodes written by hand, on an ``onnx_ir`` tape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    import onnx_ir as ir

    #: What a node reads: another node's output, or a constant with its numpy dtype.
    Operand = ir.Value | NDArray[Any] | np.generic | None


#: The domain of LabelEncoder, and the version of its operators that is written.
ML, ML_VERSION = "ai.onnx.ml", 4


class Taped:
    """:class:`graphspec.data.transforms.Operators` on a tape; the names of its nodes start with `prefix`."""

    def __init__(self, prefix: str) -> None:
        from onnx_ir.tape import Tape

        self.prefix, self.tape = prefix, Tape()

    def __call__(self, op_type: str, *inputs: Operand, **attributes: Any) -> ir.Value:
        """Write one node of ONNX's default domain and give its first output."""
        name = f"{self.prefix}/{op_type}_{len(self.tape.nodes)}"
        value = self.tape.op(op_type, list(map(self._value, inputs)), attributes, name=name)
        value.name = name
        return value

    def ml(self, op_type: str, *inputs: Operand, **attributes: Any) -> ir.Value:
        """The same of a node of ONNX's domain for what is learned without networks."""
        name = f"{self.prefix}/{op_type}_{len(self.tape.nodes)}"
        values = list(map(self._value, inputs))
        value = self.tape.op(op_type, values, attributes, domain=ML, version=ML_VERSION, name=name)
        value.name = name
        return value

    def cast(self, value: Operand, dtype: DTypeLike) -> ir.Value:
        """`value` as numpy's `dtype`."""
        import onnx_ir as ir

        return self("Cast", value, to=int(ir.DataType.from_numpy(np.dtype(dtype))))

    def _value(self, operand: Operand) -> ir.Value | None:
        import onnx_ir as ir

        if operand is None or isinstance(operand, ir.Value):
            return operand
        name = f"{self.prefix}/constant_{len(self.tape.initializers)}"
        return self.tape.initializer(ir.tensor(np.asarray(operand), name=name))
