"""Writing ONNX nodes by hand: a call is a node, a numpy number or array among its inputs a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx_ir as ir

    #: What a node reads: another node's output, or a constant with its numpy dtype.
    Operand = ir.Value | NDArray[Any] | np.generic | None


class Nodes:
    """The nodes written so far, in order, and their constants; their names start with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[ir.Node] = []
        self.constants: list[ir.Value] = []

    def __call__(self, op_type: str, *inputs: Operand, **attributes: Any) -> ir.Value:
        """Write one node of ONNX's default domain and give its first output."""
        import onnx_ir as ir

        name = f"{self.prefix}/{op_type}_{len(self.nodes)}"
        node = ir.node(op_type, list(map(self._value, inputs)), attributes, version=None, name=name)
        node.outputs[0].name = name
        self.nodes.append(node)
        return node.outputs[0]

    def cast(self, value: Operand, dtype: type[np.generic] | np.dtype[Any]) -> ir.Value:
        """`value` as numpy's `dtype`."""
        import onnx_ir as ir

        return self("Cast", value, to=int(ir.DataType.from_numpy(np.dtype(dtype))))

    def size(self, value: Operand, axis: int) -> ir.Value:
        """The size of `value` along `axis` (counted from 0), an int64 scalar."""
        return self("Squeeze", self("Shape", value, start=axis, end=axis + 1))

    def vector(self, *numbers: Operand) -> ir.Value:
        """int64 scalars as one vector."""
        return self("Concat", *(self("Reshape", number, np.array([1])) for number in numbers), axis=0)

    def _value(self, operand: Operand) -> ir.Value | None:
        import onnx_ir as ir

        if operand is None or isinstance(operand, ir.Value):
            return operand
        name = f"{self.prefix}/constant_{len(self.constants)}"
        tensor = ir.tensor(np.asarray(operand), name=name)
        shape = ir.Shape(np.shape(operand))
        constant = ir.Value(name=name, shape=shape, type=ir.TensorType(tensor.dtype), const_value=tensor)
        self.constants.append(constant)
        return constant
