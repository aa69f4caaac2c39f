"""The bundle's README: what the model takes and gives, and the few lines that load it in each runtime."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Signature = Mapping[str, Any]
Sizes = Mapping[str, int]

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


def readme(name: str, signature: Signature, sizes: Sizes, files: Sequence[str]) -> str:
    """The text of ``README.md``; `sizes` are example sizes of the dynamic dims, `files` the model files present."""
    parts = [f"# {name}\n", _table("Inputs", signature["inputs"]), _table("Outputs", signature["outputs"])]
    parts.append(
        "Every file here was measured against the network it came from before it was published; `manifest.json` holds"
        " the measured errors and the hash of each file, and `python check.py` repeats the check with numpy and"
        " onnxruntime alone. `weights.safetensors` and `spec.toml` are the network itself.\n"
    )
    parts += [section for file, write in SECTIONS if file in files for section in write(signature, sizes)]
    return "\n".join(parts)


def _table(title: str, values: Sequence[Mapping[str, Any]]) -> str:
    rows = [f"| `{value['name']}` | `{value['dtype']}` | {_shape_text(value['shape'])} |" for value in values]
    return "\n".join([f"| {title} | dtype | shape |", "|---|---|---|", *rows, ""])


def _shape_text(shape: Sequence[int | str]) -> str:
    return " × ".join(str(dim) for dim in shape) or "scalar"


def _sizes(value: Mapping[str, Any], sizes: Mapping[str, int]) -> list[int]:
    return [dim if isinstance(dim, int) else sizes[dim] for dim in value["shape"]]


def _code(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


def _known(signature: Signature, words: Mapping[str, str]) -> bool:
    """Whether every input's dtype has a word in a language: numpy and JavaScript have no bfloat16."""
    return all(value["dtype"] in words for value in signature["inputs"])


def _python_onnx(signature: Signature, sizes: Sizes) -> Iterator[str]:
    if not _known(signature, _JAVASCRIPT):
        return
    lines = ["import numpy as np", "import onnxruntime", "", 'session = onnxruntime.InferenceSession("model.onnx")']
    lines += ["inputs = {"]
    for value in signature["inputs"]:
        dtype = _NUMPY.get(value["dtype"], value["dtype"])
        lines.append(f'    "{value["name"]}": np.zeros({tuple(_sizes(value, sizes))}, dtype=np.{dtype}),')
    lines += ["}", "outputs = dict(zip([value.name for value in session.get_outputs()], session.run(None, inputs)))"]
    yield "## Python, onnxruntime\n"
    yield _code("python", lines)


def _tensors(signature: Signature, sizes: Sizes) -> str:
    made = [f"torch.zeros({tuple(_sizes(v, sizes))}, dtype=torch.{v['dtype']})" for v in signature["inputs"]]
    return ", ".join(made)


def _python_torchscript(signature: Signature, sizes: Sizes) -> Iterator[str]:
    yield "## Python, TorchScript\n"
    lines = ["import torch", "", 'model = torch.jit.load("model.pt")', f"outputs = model({_tensors(signature, sizes)})"]
    yield _code("python", lines)


def _python_pt2(signature: Signature, sizes: Sizes) -> Iterator[str]:
    yield "## Python, torch.export\n"
    lines = ["import torch", "", 'model = torch.export.load("model.pt2").module()']
    yield _code("python", [*lines, f"outputs = model({_tensors(signature, sizes)})"])


def _python_aoti(signature: Signature, sizes: Sizes) -> Iterator[str]:
    yield (
        "## Python, AOTInductor\n\nMachine code for the kind of processor that exported it, and for its version of"
        " torch; load it only where you trust who made it. Inputs of other sizes, strides or dtypes are refused.\n"
    )
    lines = ["import torch", "", 'model = torch._inductor.aoti_load_package("model.aoti.pt2")']
    yield _code("python", [*lines, f"outputs = model({_tensors(signature, sizes)})"])


def _cpp(signature: Signature, sizes: Sizes) -> Iterator[str]:
    lines = ["#include <torch/script.h>", "", "#include <iostream>", "", "int main() {"]
    lines += ['  torch::jit::Module model = torch::jit::load("model.pt");', "  torch::NoGradGuard no_grad;"]
    lines += ["  std::vector<torch::jit::IValue> inputs;"]
    for value in signature["inputs"]:
        shape = ", ".join(map(str, _sizes(value, sizes)))
        lines.append(f"  inputs.push_back(torch::zeros({{{shape}}}, torch::{_CPP[value['dtype']]}));")
    lines += ["  std::cout << model.forward(inputs) << std::endl;", "}"]
    yield "## C++, libtorch\n\nAs `main.cpp`, with the libtorch inside the Python package:\n"
    yield _code("cpp", lines)
    yield _code("sh", [
        "TORCH=$(python -c 'import torch; print(torch.__path__[0])')",
        "g++ -std=c++20 main.cpp -o main -I$TORCH/include -I$TORCH/include/torch/csrc/api/include \\",
        "  -L$TORCH/lib -Wl,-rpath,$TORCH/lib -ltorch -ltorch_cpu -lc10",
        "./main",
    ])  # fmt: skip


def _feeds(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """The members of a JavaScript object: an input's name and its tensor."""
    for value in signature["inputs"]:
        shape = _sizes(value, sizes)
        data = f"new {_JAVASCRIPT[value['dtype']]}({math.prod(shape)})"
        yield f'  {value["name"]}: new ort.Tensor("{value["dtype"]}", {data}, {shape}),'


def _node(signature: Signature, sizes: Sizes) -> Iterator[str]:
    if not _known(signature, _JAVASCRIPT):
        return
    yield "## JavaScript, onnxruntime-node\n\n`npm install --ignore-scripts onnxruntime-node`\n"
    yield _code("js", [
        'const ort = require("onnxruntime-node");', "",
        "async function main() {",
        '  const session = await ort.InferenceSession.create("model.onnx");',
        "  const inputs = {", *(f"  {line}" for line in _feeds(signature, sizes)), "  };",
        "  const outputs = await session.run(inputs);",
        "  for (const [name, { dims, data }] of Object.entries(outputs)) console.log(name, dims, data);",
        "}",
        "main();",
    ])  # fmt: skip


def _browser(signature: Signature, sizes: Sizes) -> Iterator[str]:
    if not _known(signature, _JAVASCRIPT):
        return
    yield (
        "## A browser, onnxruntime-web\n\nAs `index.html`, after `npm install --ignore-scripts onnxruntime-web`;"
        " `python -m http.server` shows it at port 8000:\n"
    )
    yield _code("html", [
        "<!doctype html>",
        '<script src="node_modules/onnxruntime-web/dist/ort.wasm.min.js"></script>',
        '<script type="module">',
        'const session = await ort.InferenceSession.create("model.onnx");',
        "const inputs = {", *_feeds(signature, sizes), "};",
        "const outputs = await session.run(inputs);",
        "for (const [name, { dims, data }] of Object.entries(outputs)) {",
        "  document.body.append(`${name} [${dims}] ${data} `);",
        "}",
        "</script>",
    ])  # fmt: skip


#: The model files, each with what writes its sections.
SECTIONS: tuple[tuple[str, Callable[[Signature, Sizes], Iterator[str]]], ...] = (
    ("model.onnx", _python_onnx), ("model.onnx", _node), ("model.onnx", _browser),
    ("model.pt", _python_torchscript), ("model.pt", _cpp),
    ("model.pt2", _python_pt2),
    ("model.aoti.pt2", _python_aoti),
)  # fmt: skip
