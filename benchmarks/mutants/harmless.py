"""Changes to an ONNX file that mean nothing, and files that tools made of it: none is to be refused."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from changes import Change, _inserted_at, _number
from onnx import ModelProto, helper, numpy_helper


def harmless(model: ModelProto) -> Iterator[Change]:
    """Every one that the model has a place for."""
    for name, edit in _EVERYWHERE.items():
        yield Change(name, "everywhere", edit)
    for k, node in enumerate(model.graph.node):
        if node.op_type == "Gemm":
            yield Change("Gemm as MatMul and Add", node.name, lambda m, k=k: _split_gemm(m, k))
            yield Change("Gemm transposed", node.name, lambda m, k=k: _transposed(m, k))
        if node.op_type == "Relu":
            for name, write in _RELU.items():
                yield Change(f"ReLU as {name}", node.name, lambda m, k=k, write=write: write(m, k))
        if node.op_type in ("Add", "Mul"):
            yield Change("operands exchanged", node.name, lambda m, k=k: _exchange(m, k))
        if node.op_type == "BatchNormalization":
            yield Change("BatchNorm as Mul and Add", node.name, lambda m, k=k: _norm_as_affine(m, k))
        if node.op_type == "Gelu":
            yield Change("GELU by the error function", node.name, lambda m, k=k: _gelu(m, k))


def _rename(model: ModelProto) -> None:
    kept = {value.name for value in [*model.graph.input, *model.graph.output]}
    for node in model.graph.node:
        node.name = f"n_{node.name}"
        for values in (node.input, node.output):
            for k, value in enumerate(values):
                if value and value not in kept:
                    values[k] = f"v_{value}"
    for tensor in model.graph.initializer:
        tensor.name = f"v_{tensor.name}"


def _constants(model: ModelProto) -> None:
    nodes = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer]
    old = list(model.graph.node)
    del model.graph.initializer[:]
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *old])


def _strip(model: ModelProto) -> None:
    del model.metadata_props[:]
    model.producer_name, model.doc_string = "other", "a text"
    for node in model.graph.node:
        del node.metadata_props[:]


def _unused(model: ModelProto) -> None:
    _number(model, [1.0, 2.0])
    model.graph.node.append(helper.make_node("Identity", [model.graph.node[0].output[0]], ["nowhere"]))


def _plain_data(model: ModelProto) -> None:
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(helper.make_tensor(tensor.name, tensor.data_type, array.shape, array.ravel().tolist()))


def _with(op: str, number: float | None = None) -> Callable[..., list[onnx.NodeProto]]:
    def nodes(model: ModelProto, value: str, result: str) -> list[onnx.NodeProto]:
        inputs = [value] if number is None else [value, _number(model, number)]
        return [helper.make_node(op, inputs, [result])]

    return nodes


def _twice(model: ModelProto, value: str, result: str) -> list[onnx.NodeProto]:
    return [helper.make_node("Neg", [value], ["opposite"]), helper.make_node("Neg", ["opposite"], [result])]


def _there_and_back(model: ModelProto, value: str, result: str) -> list[onnx.NodeProto]:
    axes = _number(model, [0], np.int64)
    first = helper.make_node("Unsqueeze", [value, axes], ["wider"])
    return [first, helper.make_node("Squeeze", ["wider", axes], [result])]


_EVERYWHERE = {
    "other names": _rename,
    "constants as nodes": _constants,
    "metadata": _strip,
    "unused nodes and numbers": _unused,
    "numbers as fields": _plain_data,
    "Identity before the output": _inserted_at("output", _with("Identity")),
    "× 1 before the output": _inserted_at("output", _with("Mul", 1.0)),
    "+ 0 before the output": _inserted_at("output", _with("Add", 0.0)),
    "Dropout before the output": _inserted_at("output", _with("Dropout")),
    "twice negated": _inserted_at("output", _twice),
    "a dim there and back": _inserted_at("output", _there_and_back),
}


def _replace(model: ModelProto, k: int, nodes: list[onnx.NodeProto]) -> None:
    old = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*old[:k], *nodes, *old[k + 1 :]])


def _array(model: ModelProto, name: str) -> np.ndarray:
    return numpy_helper.to_array(next(tensor for tensor in model.graph.initializer if tensor.name == name))


def _split_gemm(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    weight = _number(model, _array(model, node.input[1]).T.copy())
    value, bias, result = node.input[0], node.input[2], node.output[0]
    product = helper.make_node("MatMul", [value, weight], ["product"])
    _replace(model, k, [product, helper.make_node("Add", ["product", bias], [result])])


def _transposed(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    weight = _number(model, _array(model, node.input[1]).T.copy())
    _replace(model, k, [helper.make_node("Gemm", [node.input[0], weight, node.input[2]], [*node.output])])


def _exchange(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    node.input[0], node.input[1] = node.input[1], node.input[0]


def _relu_max(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    _replace(model, k, [helper.make_node("Max", [node.input[0], _number(model, 0.0)], [*node.output])])


def _relu_clip(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    _replace(model, k, [helper.make_node("Clip", [node.input[0], _number(model, 0.0)], [*node.output])])


def _relu_where(model: ModelProto, k: int) -> None:
    node, zero = model.graph.node[k], _number(model, 0.0)
    test = helper.make_node("Greater", [node.input[0], zero], ["positive"])
    _replace(model, k, [test, helper.make_node("Where", ["positive", node.input[0], zero], [*node.output])])


def _relu_leaky(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    _replace(model, k, [helper.make_node("LeakyRelu", [node.input[0]], [*node.output], alpha=0.0)])


_RELU = {"Max": _relu_max, "Clip": _relu_clip, "Where": _relu_where, "LeakyReLU of slope 0": _relu_leaky}


def _norm_as_affine(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    gamma, beta, mean, variance = (_array(model, name).astype(np.float64) for name in node.input[1:])
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
    scale = gamma / np.sqrt(variance + epsilon)
    shape = (-1, 1, 1)
    parts = [_number(model, part.reshape(shape)) for part in (scale, beta - mean * scale)]
    scaled = helper.make_node("Mul", [node.input[0], parts[0]], ["normal"])
    _replace(model, k, [scaled, helper.make_node("Add", ["normal", parts[1]], [*node.output])])


def _gelu(model: ModelProto, k: int) -> None:
    node = model.graph.node[k]
    if any(attribute.name == "approximate" and attribute.s == b"tanh" for attribute in node.attribute):
        return
    value, half, one, root = node.input[0], *(_number(model, x) for x in (0.5, 1.0, 0.5**0.5))
    _replace(model, k, [
        helper.make_node("Mul", [value, root], ["g1"]), helper.make_node("Erf", ["g1"], ["g2"]),
        helper.make_node("Add", ["g2", one], ["g3"]), helper.make_node("Mul", [value, "g3"], ["g4"]),
        helper.make_node("Mul", ["g4", half], [*node.output]),
    ])  # fmt: skip


# --- files that tools make -------------------------------------------------------------------------------------------


Tools = dict[str, Callable[[Path, Path], None]]


def made_by_tools(path: Path, folder: Path, tools: Tools) -> Iterator[tuple[str, Path]]:
    """What onnxruntime's optimiser, onnxscript's, onnx's converter, quantisation and onnxslim (if installed) make."""
    for name, make in tools.items():
        target = folder / f"{name.replace(' ', '-').replace(',', '')}.onnx"
        try:
            with _quiet():
                make(path, target)
        except Exception as error:  # a tool that does not know the network, or is not installed, makes nothing
            print(f"  {name} made nothing: {str(error).splitlines()[0][:80] if str(error) else type(error).__name__}")
            continue
        if name.startswith("fp16") and not _loads(target):
            print(f"  {name} made a file that onnxruntime cannot load")
            continue
        yield name, target


def _loads(path: Path) -> bool:
    """Whether onnxruntime takes the file; in a process of its own, which a recurrent layer in float16 ends."""
    code = "import sys, onnxruntime; onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True).returncode == 0


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _optimised(level: str) -> Callable[[Path, Path], None]:
    def make(path: Path, target: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    return make


def _onnxscript(path: Path, target: Path) -> None:
    from onnxscript import optimizer

    onnx.save(optimizer.optimize(onnx.load(path)), target)


def _converted(path: Path, target: Path) -> None:
    onnx.save(onnx.version_converter.convert_version(onnx.load(path), 21), target)


def _onnxslim(path: Path, target: Path) -> None:
    import onnxslim

    onnxslim.slim(str(path), str(target))


def _dynamic(path: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(path, target, weight_type=QuantType.QInt8)


def _static(path: Path, target: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    model = onnx.load(path)
    generator = np.random.default_rng(0)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = 8

        def get_next(self) -> dict[str, np.ndarray] | None:
            self._left -= 1
            return {value.name: _drawn(value, generator) for value in model.graph.input} if self._left >= 0 else None

    quantize_static(path, target, Reader(), per_channel=True, weight_type=QuantType.QInt8)


def _drawn(value: onnx.ValueInfoProto, generator: np.random.Generator) -> np.ndarray:
    shape = [dim.dim_value or 8 for dim in value.type.tensor_type.shape.dim]
    if value.type.tensor_type.elem_type == onnx.TensorProto.INT64:
        return generator.integers(0, 10, shape)
    return generator.standard_normal(shape).astype(np.float32) * 2


def _half(path: Path, target: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), target)


TOOLS: Tools = {
    "onnxruntime, basic": _optimised("ORT_ENABLE_BASIC"),
    "onnxruntime, extended": _optimised("ORT_ENABLE_EXTENDED"),
    "onnxruntime, all": _optimised("ORT_ENABLE_ALL"),
    "onnxscript": _onnxscript,
    "opset 21": _converted,
    "onnxslim": _onnxslim,
    "int8, dynamic": _dynamic,
    "int8, static": _static,
    "fp16": _half,
}
