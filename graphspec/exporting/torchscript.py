"""The captured module as TorchScript, for programs that load models in C++ or without their Python source."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from graphspec.diagnostics import GraphspecError, fail
from graphspec.exporting.bundle.snippets import Signature, Sizes, code, example_shape, zero_tensors
from graphspec.exporting.capture import Capture, first_line
from graphspec.exporting.script_forms import scriptable
from graphspec.system.collecting import uncollected
from graphspec.system.quiet import quiet
from graphspec.system.torch_private import archive_reader, archive_writer

if TYPE_CHECKING:
    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedLayer

#: The first Python whose bytecode and syntax ``torch.jit`` no longer supports.
UNSUPPORTED = (3, 14)


#: The one word of TorchScript's grammar that is none of Python's (lexer.h): a file with such a name cannot be loaded.
OWN_WORD = "NoneType"

#: libtorch's words for a dtype.
_CPP = {
    "float32": "kFloat", "float64": "kDouble", "float16": "kHalf", "bfloat16": "kBFloat16", "int64": "kLong",
    "int32": "kInt", "int16": "kShort", "int8": "kChar", "uint8": "kByte", "bool": "kBool",
}  # fmt: skip


def write(order: Order, path: Path) -> None:
    """Write ``model.pt``."""
    write_torchscript(order.capture, path, order.properties)


def sections(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """How the file is run in Python and in C++."""
    yield from (*_python(signature, sizes), *_cpp(signature, sizes))


def cannot_hold(layer: ShapedLayer) -> str:
    """Why TorchScript has no form for `layer`; empty where it has one."""
    if OWN_WORD in layer.name.split("."):
        return f"{OWN_WORD} is a word of its own language, in which its files are written"
    return ""


@uncollected()
def write_torchscript(capture: Capture, path: Path, extra_files: Mapping[str, str]) -> None:
    """Script `capture`'s module and save it to `path`; `extra_files` are stored inside, by name.

    Raises:
        GraphspecError: ``not-exportable`` on Python ≥ 3.14 or where ``torch.jit.script`` refuses a layer.
    """
    if sys.version_info >= UNSUPPORTED:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        message = f"TorchScript does not exist on Python {version}"
        raise fail("not-exportable", message, at=("export", "formats"), hint='use "pt2" or "onnx" instead')
    try:
        scripted = _script(scriptable(capture.network.module))
    except Exception as error:  # torch.jit raises RuntimeError, OSError, NotSupportedError and others
        raise _refused(capture, error) from error
    whole = io.BytesIO(scripted.save_to_buffer(_extra_files=dict(extra_files)))
    path.write_bytes(_without_debug(whole))  # torch's own writing of files ends the process where the disk is full


def _script(module: nn.Module) -> torch.jit.ScriptModule:
    with quiet():  # the README says it
        return cast(torch.jit.ScriptModule, torch.jit.script(module))


def _refused(capture: Capture, error: Exception) -> GraphspecError:
    """`error` as a diagnostic at the first layer that is refused by itself, else at the formats."""
    for layer in capture.shaped.layers:
        if layer.op.is_leaf:
            continue
        try:
            _script(scriptable(capture.network.module.get_submodule(layer.module)))
        except Exception as own:  # whatever it is, it is this layer's
            message = f'layer "{layer.name}" ({layer.type}) cannot be written as TorchScript: {first_line(own)}'
            return fail("not-exportable", message, at=layer.at)
    if (called := _called(capture, str(error))) is not None:
        because = f'layer "{called.name}" ({called.type}) cannot be written as TorchScript'
        return fail("not-exportable", f"{because}: it does not take what it is given", at=called.at)
    message = f"the network cannot be written as TorchScript: {first_line(error)}"
    return fail("not-exportable", message, at=("export", "formats"))


def _called(capture: Capture, said: str) -> ShapedLayer | None:
    """The layer whose call torch's message marks: it quotes the line of code, and ``HERE`` under it."""
    marked = re.findall(r"= self\.([\w.]+)\([^\n]*\n[^\n]*<--- HERE", said)
    return next((layer for layer in capture.shaped.layers for name in marked if layer.module == name), None)


def _without_debug(archive: io.BytesIO) -> bytes:
    """The archive but for its ``.debug_pkl`` records: they hold the paths of the Python sources."""
    reader = archive_reader(archive)
    rest = io.BytesIO()
    writer = archive_writer(rest)
    written_by_writer = ("version", "byteorder", ".data/serialization_id")
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in written_by_writer:
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return rest.getvalue()


def _python(signature: Signature, sizes: Sizes) -> Iterator[str]:
    yield "## Python, TorchScript\n\ntorch has deprecated TorchScript since 2.11; `pt2` follows it.\n"
    lines = [
        "import torch",
        "",
        'model = torch.jit.load("model.pt")',
        f"outputs = model({zero_tensors(signature, sizes)})",
    ]
    yield code("python", lines)


def _cpp(signature: Signature, sizes: Sizes) -> Iterator[str]:
    lines = ["#include <torch/script.h>", "", "#include <iostream>", "", "int main() {"]
    lines += ['  torch::jit::Module model = torch::jit::load("model.pt");', "  torch::NoGradGuard no_grad;"]
    lines += ["  std::vector<torch::jit::IValue> inputs;"]
    for value in signature["inputs"]:
        shape = ", ".join(map(str, example_shape(value, sizes)))
        lines.append(f"  inputs.push_back(torch::zeros({{{shape}}}, torch::{_CPP[value['dtype']]}));")
    lines += ["  std::cout << model.forward(inputs) << std::endl;", "}"]
    yield "## C++, libtorch\n\nAs `main.cpp`, with the libtorch inside the Python package:\n"
    yield code("cpp", lines)
    yield code("sh", [
        "TORCH=$(python -c 'import torch; print(torch.__path__[0])')",
        "g++ -std=c++20 main.cpp -o main -I$TORCH/include -I$TORCH/include/torch/csrc/api/include \\",
        "  -L$TORCH/lib -Wl,-rpath,$TORCH/lib -ltorch -ltorch_cpu -lc10",
        "./main",
    ])  # fmt: skip
