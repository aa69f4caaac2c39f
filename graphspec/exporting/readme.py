"""The bundle's README: what the model takes and gives, and the few lines that load it in each runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: numpy's, JavaScript's and libtorch's words for a dtype.
_NUMPY = {"bool": "bool_"}
_JAVASCRIPT = {
    "float32": "Float32Array", "float64": "Float64Array", "int64": "BigInt64Array", "int32": "Int32Array",
    "uint8": "Uint8Array", "int8": "Int8Array", "int16": "Int16Array", "bool": "Uint8Array", "float16": "Uint16Array",
}  # fmt: skip
_CPP = {
    "float32": "kFloat", "float64": "kDouble", "float16": "kHalf", "bfloat16": "kBFloat16", "int64": "kLong",
    "int32": "kInt", "int16": "kShort", "int8": "kChar", "uint8": "kByte", "bool": "kBool",
}  # fmt: skip


def readme(name: str, signature: Mapping[str, Any], sizes: Mapping[str, int], files: Sequence[str]) -> str:
    """The text of ``README.md``; `sizes` are example sizes of the dynamic dims, `files` the model files present."""
    parts = [f"# {name}\n", _table("Inputs", signature["inputs"]), _table("Outputs", signature["outputs"])]
    parts.append(
        "Every file here was measured against the network it came from before it was published; `manifest.json` holds"
        " the measured errors and the hash of each file, and `python check.py` repeats the check with numpy and"
        " onnxruntime alone. `weights.safetensors` and `spec.toml` are the network itself.\n"
    )
    sections = {
        "model.onnx": (_python_onnx, _node),
        "model.pt": (_python_torchscript, _cpp),
        "model.pt2": (_python_pt2,),
    }
    for file, writers in sections.items():
        if file in files:
            parts += [write(signature, sizes) for write in writers]
    return "\n".join(parts)


def _table(title: str, values: Sequence[Mapping[str, Any]]) -> str:
    rows = [f"| `{value['name']}` | `{value['dtype']}` | {_shape_text(value['shape'])} |" for value in values]
    return "\n".join([f"| {title} | dtype | shape |", "|---|---|---|", *rows, ""])


def _shape_text(shape: Sequence[int | str]) -> str:
    return " × ".join(str(dim) for dim in shape) or "scalar"


def _sizes(value: Mapping[str, Any], sizes: Mapping[str, int]) -> list[int]:
    return [dim if isinstance(dim, int) else sizes[dim] for dim in value["shape"]]


def _block(title: str, language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}\n", f"```{language}", *lines, "```", ""])


def _python_onnx(signature: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    lines = ["import numpy as np", "import onnxruntime", "", 'session = onnxruntime.InferenceSession("model.onnx")']
    lines += ["inputs = {"]
    for value in signature["inputs"]:
        dtype = _NUMPY.get(value["dtype"], value["dtype"])
        lines.append(f'    "{value["name"]}": np.zeros({tuple(_sizes(value, sizes))}, dtype=np.{dtype}),')
    lines += ["}", "outputs = dict(zip([value.name for value in session.get_outputs()], session.run(None, inputs)))"]
    return _block("Python, onnxruntime", "python", lines)


def _tensors(signature: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    made = [f"torch.zeros({tuple(_sizes(v, sizes))}, dtype=torch.{v['dtype']})" for v in signature["inputs"]]
    return ", ".join(made)


def _python_torchscript(signature: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    lines = ["import torch", "", 'model = torch.jit.load("model.pt")', f"outputs = model({_tensors(signature, sizes)})"]
    return _block("Python, TorchScript", "python", lines)


def _python_pt2(signature: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    lines = ["import torch", "", 'model = torch.export.load("model.pt2").module()']
    return _block("Python, torch.export", "python", [*lines, f"outputs = model({_tensors(signature, sizes)})"])


def _cpp(signature: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    lines = ["#include <torch/script.h>", "", "#include <iostream>", "", "int main() {"]
    lines += ['    torch::jit::Module model = torch::jit::load("model.pt");', "    torch::NoGradGuard no_grad;"]
    lines += ["    std::vector<torch::jit::IValue> inputs;"]
    for value in signature["inputs"]:
        shape = ", ".join(map(str, _sizes(value, sizes)))
        lines.append(f"    inputs.push_back(torch::zeros({{{shape}}}, torch::{_CPP[value['dtype']]}));")
    lines += ["    std::cout << model.forward(inputs) << std::endl;", "}"]
    return _block("C++, libtorch", "cpp", lines)


def _node(signature: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    lines = ['const ort = require("onnxruntime-node");', "", "async function main() {"]
    lines += ['  const session = await ort.InferenceSession.create("model.onnx");', "  const inputs = {"]
    for value in signature["inputs"]:
        shape = _sizes(value, sizes)
        count = 1
        for size in shape:
            count *= size
        data = f"new {_JAVASCRIPT[value['dtype']]}({count})"
        lines.append(f'    {value["name"]}: new ort.Tensor("{value["dtype"]}", {data}, {shape}),')
    lines += ["  };", "  const outputs = await session.run(inputs);", "  console.log(outputs);", "}", "main();"]
    return _block("JavaScript, onnxruntime-node", "js", lines)
