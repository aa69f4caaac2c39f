"""Whether an ONNX file is what was asked for, before it is run: names, order, dtypes, dims and opset."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graphspec.exporting.bundle.manifest import signature
from graphspec.exporting.capture import first_line
from graphspec.exporting.preprocessing.cells import STRING
from graphspec.shapes.shaped import ShapedGraph

#: Reads an ONNX file, the numbers of its weights left out.
Read = Callable[[Path], Any]
#: What the files of an export say of its data, each as the manifest does.
_SAID = ("labels", "transforms", "decision")


def check_onnx(path: Path, read: Read, shaped: ShapedGraph, opset_version: int | None) -> list[str]:
    """What `path` has otherwise than `shaped` says; empty when all is as asked."""
    return check_values(path, read, signature(shaped), opset_version)


def check_values(path: Path, read: Read, expected: Mapping[str, Any], opset_version: int | None) -> list[str]:
    """What `path` has otherwise than `expected`, its ``inputs`` and ``outputs`` as a manifest has them."""
    try:
        model = read(path)
        _check(path)
        numbers = {tensor.name for tensor in model.graph.initializer}  # among the inputs too, in old files
        inputs = [value for value in model.graph.input if value.name not in numbers]
        found = {"inputs": list(map(_value, inputs)), "outputs": list(map(_value, model.graph.output))}
    except Exception as error:  # protobuf's and onnx's own errors: all mean that this is no ONNX model
        return [f"{path.name} is no valid ONNX model: {first_line(error)}"]
    faults = []
    for key, values in found.items():
        if values != expected[key]:
            faults.append(f"{path.name} has the {key} {_text(values)} instead of {_text(expected[key])}")
    opset = next((entry.version for entry in model.opset_import if not entry.domain), None)
    if opset_version is not None and opset != opset_version:
        faults.append(f"{path.name} has opset {opset} instead of {opset_version}")
    return faults


def check_metadata(path: Path, read: Read, manifest: Mapping[str, Any]) -> list[str]:
    """What the ONNX file `path` of an export says of its data otherwise than the `manifest`."""
    try:
        kept = {entry.key: entry.value for entry in read(path).metadata_props}
        said = {key: json.loads(kept[name]) for key in _SAID if (name := f"graphspec.{key}") in kept}
    except Exception as error:  # protobuf's and json's own errors
        return [f"{path.name} is no valid ONNX model: {first_line(error)}"]
    return [f"{path.name} has other {key} than manifest.json" for key in said if said[key] != manifest.get(key)]


def _check(path: Path) -> None:
    """onnx's own check; nodes in another order and wrong notes on values, as converters leave, are no fault."""
    import onnx
    import onnx_ir as ir

    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        ordered = ir.from_proto(onnx.load(str(path)))
        ordered.graph.sort()
        plain = ir.to_proto(ordered)
        del plain.graph.value_info[:]
        onnx.checker.check_model(plain, full_check=True)


def _value(value: Any) -> dict[str, Any]:
    import onnx

    if not value.type.HasField("tensor_type"):
        raise ValueError(f"{value.name} is no tensor")
    tensor = value.type.tensor_type
    shape = [dim.dim_param or dim.dim_value for dim in tensor.shape.dim]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return {"name": value.name, "shape": shape, "dtype": STRING if dtype.kind == "O" else str(dtype)}


def _text(values: list[dict[str, Any]]) -> str:
    return ", ".join(f"{v['name']} [{', '.join(map(str, v['shape']))}] {v['dtype']}" for v in values)
