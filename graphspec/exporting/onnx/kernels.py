"""Dtypes that an ONNX operator, or onnxruntime's kernel for it, lacks: computed in a wider one that holds its numbers.

torch computes in every dtype. What ONNX allows is read from its schemas; what onnxruntime lacks beside that stands
here, as its own list of kernels has it (1.32, the CPU). float16 is not among it: onnxruntime casts that by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx
import onnx_ir as ir

_BOOL, _I8, _U8, _I16, _I32, _I64, _F32, _F64, _F16, _BF16 = (
    ir.DataType[name]
    for name in ("BOOL", "INT8", "UINT8", "INT16", "INT32", "INT64", "FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
)  # fmt: skip
#: By dtype, those that hold each of its numbers, nearest first.
_WIDER: Mapping[ir.DataType, tuple[ir.DataType, ...]] = {
    _BOOL: (_U8, _I32, _F32),
    _I8: (_I32, _I64, _F32),
    _U8: (_I32, _I64, _F32),
    _I16: (_I32, _I64, _F32),
    _I32: (_I64, _F64),
    _I64: (),
    _F64: (),
    _F16: (_F32,),
    _BF16: (_F32,),
}
#: By dtype, the operators that onnxruntime has no kernel for, with the schema's type parameter where it is not T.
LACKING: Mapping[ir.DataType, frozenset[str]] = {
    _BOOL: frozenset("DepthToSpace SpaceToDepth GridSample/T1 OneHot/T3 Resize/T1 Where Unique Col2Im".split()),
    _I8: frozenset("Einsum GridSample/T1 NonZero OneHot/T1 OneHot/T2 OneHot/T3 Pow/T1 Trilu Col2Im".split()),
    _U8: frozenset("Einsum GridSample/T1 OneHot/T1 OneHot/T2 OneHot/T3 Pow/T1 Trilu Unique Col2Im".split()),
    _I16: frozenset(
        """ArgMax ArgMin Clip Col2Im DepthToSpace Einsum GridSample/T1 Max Min NonZero OneHot/T1 OneHot/T2
        OneHot/T3 Pad Pow/T1 Relu Resize/T1 SpaceToDepth Trilu Unique Where""".split()
    ),
    _I32: frozenset("DepthToSpace SpaceToDepth Gemm GridSample/T1 PRelu Unique Col2Im".split()),
    _I64: frozenset("DepthToSpace SpaceToDepth Gemm GridSample/T1 PRelu Relu Resize/T1 Col2Im".split()),
    _F64: frozenset(
        """Acos Acosh Asin Asinh Atan Atanh AveragePool Celu Col2Im Conv ConvTranspose Cosh Det Elu Erf Gelu
        GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid HardSwish Hardmax InstanceNormalization LRN LeakyRelu
        LpPool MaxUnpool/T1 Mean Mish NonZero OneHot/T1 OneHot/T2 OneHot/T3 PRelu RNN Resize/T1 Selu Sinh Softplus
        Softsign Tan ThresholdedRelu""".split()
    ),
}
#: What has a kernel for bfloat16, since it only arranges; all others are computed in float32.
_ARRANGING = frozenset(
    """Cast Identity Transpose Reshape Concat Slice Gather GatherND GatherElements Squeeze Unsqueeze Split Flatten Shape
    Where ScatterND ScatterElements ConstantOfShape If Loop Scan""".split()
)


def widen(model: ir.Model) -> list[tuple[ir.Node, str]]:
    """Put casts around the nodes of `model` that have no kernel for their dtype; those for which none is wide enough.

    Of these, what is lacking is said.
    """
    lacking = []
    for node in list(model.graph):
        if node.domain not in ("", "ai.onnx"):
            continue
        schema = onnx.defs.get_schema(node.op_type, model.opset_imports[""])
        for constraint in schema.type_constraints:
            places = list(_places(schema.inputs, constraint.type_param_str, len(node.inputs)))
            values = [value for k in places if (value := node.inputs[k]) is not None]
            dtype = next((value.dtype for value in values if value.dtype is not None), None)
            allowed = {text[len("tensor(") : -1] for text in constraint.allowed_type_strs}
            if dtype is None or dtype not in _WIDER or _has(node, constraint.type_param_str, dtype, allowed):
                continue
            able = (wider for wider in _WIDER[dtype] if _has(node, constraint.type_param_str, wider, allowed))
            wide = next(able, None)
            if wide is None:
                lacking.append((node, f"onnxruntime has no {node.op_type} of {_name(dtype)}"))
            else:
                _cast(node, places, list(_places(schema.outputs, constraint.type_param_str, len(node.outputs))), wide)
    return lacking


def _has(node: ir.Node, parameter: str, dtype: ir.DataType, allowed: Iterable[str]) -> bool:
    """Whether there is a kernel for `node` whose type `parameter`, for which the schema has `allowed`, is `dtype`."""
    op = node.op_type
    if dtype == _BF16 and op not in _ARRANGING:
        return False
    if op == "Gelu" and node.attributes.get_string("approximate", "none") == "tanh":
        return True  # a function of ONNX, made of others
    lacking = LACKING.get(dtype, frozenset())
    return (
        _name(dtype, "float", "double") in allowed and (op if parameter == "T" else f"{op}/{parameter}") not in lacking
    )


def _name(dtype: ir.DataType, single: str = "float32", double: str = "float64") -> str:
    return {_F64: double, _F32: single}.get(dtype, dtype.name.lower())


def _places(formal: Any, type_name: str, count: int) -> Iterator[int]:
    """The places of the inputs, or outputs, that have the type `type_name`; a variadic one takes all that follow."""
    for k, parameter in enumerate(formal):
        if parameter.type_str == type_name and k < count:
            variadic = parameter.option == onnx.defs.OpSchema.FormalParameterOption.Variadic
            yield from range(k, count) if variadic else (k,)


def _cast(node: ir.Node, inputs: Iterable[int], outputs: Iterable[int], wide: ir.DataType) -> None:
    """`node` with `inputs` made `wide`, and its `outputs` made again what they were."""
    assert node.graph is not None
    own = None
    for k in inputs:
        if (value := node.inputs[k]) is not None:
            own = value.dtype
            before = _casting(value, wide, f"{node.name}/wide_{k}", node)
            node.graph.insert_before(node, before)
            node.replace_input_with(k, before.outputs[0])
    for k in outputs:
        value = node.outputs[k]
        assert own is not None
        after = _casting(value, own, f"{node.name}/narrow_{k}", node)
        narrow = after.outputs[0]
        for user, place in list(value.uses()):
            if user is not after:
                user.replace_input_with(place, narrow)
        graph = node.graph
        graph.outputs[:] = [narrow if output is value else output for output in graph.outputs]
        value.type = ir.TensorType(wide)
        graph.insert_after(node, after)


def _casting(value: ir.Value, dtype: ir.DataType, name: str, like: ir.Node) -> ir.Node:
    cast = ir.node("Cast", [value], {"to": dtype}, name=name, metadata_props=dict(like.metadata_props))
    cast.outputs[0].name, cast.outputs[0].shape, cast.outputs[0].type = name, value.shape, ir.TensorType(dtype)
    return cast
