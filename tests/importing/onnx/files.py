"""Small ONNX files, as other exporters write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Operator sets beside ONNX's own.
OTHERS = {"com.microsoft": 1, "ai.onnx.ml": 3}
Dims = Sequence[int | str | None]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Seeded normals."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node; names are separated by spaces, ``-`` is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), **attributes)


def branch(op: str, name: str) -> onnx.GraphProto:
    """A branch of ``If``: one node over ``x``."""
    return helper.make_graph(
        [node(op, "x", name)], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
    )


def write(
    path: Path, nodes: Sequence[onnx.NodeProto], x: Dims, weights: dict[str, Any] | None = None, opset: int = 17,
    dtype: int = TensorProto.FLOAT, outputs: str = "y", out: int = TensorProto.FLOAT,
) -> Path:  # fmt: skip
    """A file with the input ``x``."""
    graph = helper.make_graph(
        list(nodes), "g", [helper.make_tensor_value_info("x", dtype, x)],
        [helper.make_tensor_value_info(name, out, None) for name in outputs.split()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )  # fmt: skip
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*each) for each in (("", opset), *OTHERS.items())], ir_version=9
    )
    onnx.save(model, str(path))
    return path
