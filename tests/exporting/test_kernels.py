"""What ONNX or onnxruntime has no kernel for is computed in a wider dtype, to the same values, or said."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as bound

from graphspec.exporting.onnx.kernels import LACKING, widen

OPSET = 20
PADS = numpy_helper.from_array(np.array([0, 1, 0, 1]), "pads")
#: Operator → how numpy computes it from two arrays, its attributes and its constants, and how many arrays it takes.
COMPUTED = {
    "Max": (np.maximum, 2, {}, []),
    "ReduceMax": (lambda a: a.max(keepdims=True), 1, {}, []),
    "ArgMin": (lambda a: a.argmin(0)[None], 1, {}, []),
    "Pad": (lambda a: np.pad(a, ((0, 0), (1, 1))), 1, {}, [PADS]),
    "Pow": (np.power, 2, {}, []),
    "Einsum": (lambda a, b: a.T @ b, 2, {"equation": "ji,jk->ik"}, []),
}


def written(op, arrays, attributes=(), constants=()):
    """A model of one node, and what `widen` says of it."""
    kinds = [helper.np_dtype_to_tensor_dtype(array.dtype) for array in arrays]
    names = [f"x{k}" for k in range(len(arrays))]
    inputs = [helper.make_tensor_value_info(n, kind, ["a", "b"]) for n, kind in zip(names, kinds, strict=True)]
    node = helper.make_node(op, [*names, *(t.name for t in constants)], ["y"], name="node", **dict(attributes))
    kind = onnx.TensorProto.INT64 if op.startswith("Arg") else kinds[0]
    output = helper.make_tensor_value_info("y", kind, ["c", "d"])
    graph = helper.make_graph([node], "graph", inputs, [output], list(constants))
    model = ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9))
    said = widen(model)
    return ir.to_proto(model), said


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("op", COMPUTED)
def test_whole_numbers_are_computed_as_numpy_does(op, dtype):
    computed, count, attributes, constants = COMPUTED[op]
    generator = np.random.default_rng(0)
    arrays = [generator.integers(0, 7, (3, 4)).astype(dtype) for _ in range(count)]
    model, said = written(op, arrays, attributes.items(), constants)
    assert said == []
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {f"x{k}": array for k, array in enumerate(arrays)})
    wanted = computed(*arrays)
    assert np.array_equal(found, wanted)
    assert found.dtype == (np.int64 if op == "ArgMin" else wanted.dtype)


def test_what_no_wider_dtype_holds_is_said():
    _, said = written("Erf", [np.ones((2, 2))])
    assert [(node.op_type, reason) for node, reason in said] == [("Erf", "onnxruntime has no Erf of float64")]
    _, said = written("Gelu", [np.ones((2, 2))], {"approximate": "tanh"}.items())
    assert said == []


def test_no_kernel_is_lacking_that_the_table_does_not_name():
    names = {name: ir.DataType[name.upper()] for name in ("int8", "uint8", "int16", "int32", "int64", "double")}
    kernels: dict[str, dict[str, set[str]]] = {}
    for kernel in bound.get_all_opkernel_def():
        first, last = kernel.version_range
        if kernel.provider == "CPUExecutionProvider" and kernel.domain == "" and first <= OPSET <= last:
            for parameter, types in kernel.type_constraints.items():
                kernels.setdefault(kernel.op_name, {}).setdefault(parameter, set()).update(types)
    looked_at = {entry.partition("/")[0] for entries in LACKING.values() for entry in entries} & kernels.keys()
    assert len(looked_at) > 40
    for op in looked_at:
        for constraint in onnx.defs.get_schema(op, OPSET).type_constraints:
            parameter = constraint.type_param_str
            entry = op if parameter == "T" else f"{op}/{parameter}"
            for name, dtype in names.items():
                text = f"tensor({name})"
                if text in constraint.allowed_type_strs and parameter in kernels[op]:
                    assert text in kernels[op][parameter] or entry in LACKING[dtype], (entry, name)
