"""How ``model.onnx`` is run: in Python, in Node.js, in a browser."""

from __future__ import annotations

import math
from collections.abc import Iterator

from graphspec.exporting.bundle.data_readme import run_on_samples
from graphspec.exporting.bundle.snippets import Signature, Sizes, code, example_shape

#: JavaScript's words for a dtype.
_JAVASCRIPT = {
    "float32": "Float32Array", "float64": "Float64Array", "int64": "BigInt64Array", "int32": "Int32Array",
    "uint8": "Uint8Array", "int8": "Int8Array", "int16": "Int16Array", "bool": "Uint8Array", "float16": "Uint16Array",
}  # fmt: skip


def sections(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """One section a runtime; none where numpy and JavaScript have no word for an input's dtype."""
    if all(value["dtype"] in _JAVASCRIPT for value in signature["inputs"]):
        yield from (*_python(signature, sizes), *_node(signature, sizes), *_browser(signature, sizes))


def _python(signature: Signature, sizes: Sizes) -> Iterator[str]:
    lines = ["import numpy as np", "import onnxruntime", ""]
    lines += ['session = onnxruntime.InferenceSession("model.onnx")']
    lines += ["outputs = dict(zip([value.name for value in session.get_outputs()], session.run(None, inputs)))"]
    yield "## Python, onnxruntime\n"
    yield from run_on_samples(signature, sizes, "raw", lines)


def _feeds(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """The members of a JavaScript object: an input's name and its tensor."""
    for value in signature["inputs"]:
        shape = example_shape(value, sizes)
        data = f"new {_JAVASCRIPT[value['dtype']]}({math.prod(shape)})"
        yield f'  {value["name"]}: new ort.Tensor("{value["dtype"]}", {data}, {shape}),'


def _node(signature: Signature, sizes: Sizes) -> Iterator[str]:
    yield "## JavaScript, onnxruntime-node\n\n`npm install --ignore-scripts onnxruntime-node`\n"
    yield code("js", [
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
    yield (
        "## A browser, onnxruntime-web\n\nAs `index.html`, after `npm install --ignore-scripts onnxruntime-web`;"
        " `python -m http.server` shows it at port 8000:\n"
    )
    yield code("html", [
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
