"""The network as ``.tflite`` for LiteRT, which was TensorFlow Lite: for phones, boards and microcontrollers.

Its converter writes every size into the file. The network is converted at two batches, and what differs between both
files, shapes and nothing else, is opened; other dims have to be numbers in the spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphspec.diagnostics import fail
from graphspec.exporting import pt2
from graphspec.exporting.bundle.data_readme import run_on_samples
from graphspec.exporting.bundle.snippets import Signature, Sizes
from graphspec.exporting.capture import Capture
from graphspec.exporting.costly import batch_dim
from graphspec.exporting.holdable import check_formats
from graphspec.exporting.lowering import AT, lowering, refused
from graphspec.exporting.open_batch import opened
from graphspec.shapes.shaped import ShapedGraph
from graphspec.system.extras import install, require

if TYPE_CHECKING:
    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedLayer

#: What installs the converter and the runtime.
EXTRA = install("litert")


def write(order: Order, path: Path) -> None:
    """Write ``model.tflite``."""
    write_litert(order.capture, path, order.properties)


def sections(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """How the file is run in Python, in which layout, and at which batches."""
    text = "## Python, LiteRT\n\nInputs and outputs by name, in the shapes above: images are channels first"
    text += " (N × C × H × W), as in torch and not as in TensorFlow."
    text += f" The batch {next(iter(sizes))} is open: the runner resizes to what it is given." if sizes else ""
    text += f" `{EXTRA}` installs the runtime; phones and boards run the file by LiteRT's own.\n"
    yield text
    lines = ["import numpy as np", "from ai_edge_litert.interpreter import Interpreter", ""]
    lines += ['model = Interpreter(model_path="model.tflite").get_signature_runner()', "outputs = model(**inputs)"]
    yield from run_on_samples(signature, sizes, "raw", lines)


def cannot_hold(layer: ShapedLayer) -> str:
    """Why a LiteRT file has no form for `layer`; empty where it has one."""
    return pt2.cannot_hold(layer)


def write_litert(captured: Capture, path: Path, extra: Mapping[str, str]) -> None:
    """Convert `captured`'s network and save it to `path`; `extra` are texts that the file holds, by name.

    Raises:
        GraphspecError: ``missing-package`` where the extra is not installed, ``not-exportable`` with the input whose
            dim is open, or with the layer that LiteRT refuses.
    """
    require("litert_torch", "the format litert needs litert-torch", "litert", AT)
    check_formats(captured.shaped, ["litert"])
    batch = _batch(captured.shaped)
    first, second = _two(*captured.shaped.dims[batch]) if batch else (0, 0)
    with lowering(captured, "litert", lambda part: _converted(part, {batch: first} if batch else {})):
        if batch:
            model = opened(_converted(captured, {batch: first}), _converted(captured, {batch: second}))
        else:
            model = _converted(captured, {})
    _name(model, captured)
    _tell(model, extra)
    from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

    path.write_bytes(convert_object_to_bytearray(model))


def _batch(shaped: ShapedGraph) -> str | None:
    """The dim that may stay open; a diagnostic at the input that has another."""
    batch = batch_dim(shaped)
    for name, kind in shaped.inputs.items():
        for dim in kind.shape:
            if not isinstance(dim, int) and str(dim) != batch:
                message = f'the dim "{dim}" of input "{name}" cannot be open in litert, whose files hold every size'
                raise fail("not-exportable", message, ("inputs", name), "write a number, or drop the format")
    return batch


def _two(least: int, greatest: int | None) -> tuple[int, int]:
    """Two batches, above 1 where they may be: what broadcasts is not what repeats."""
    first = max(least, 2) + 1
    first = first if greatest is None else max(least, min(first, greatest - 1))
    return first, first + 2 if greatest is None or first + 2 <= greatest else first + 1


def _converted(captured: Capture, sizes: Mapping[str, int]) -> Any:
    """The converter's file at `sizes` of the open dims, as objects that can be changed."""
    import litert_torch
    from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray

    litert_torch.config.show_progress = False
    inputs = captured.sampler.draw({**captured.sampler.sizes, **sizes})
    made = litert_torch.convert(captured.network.module, tuple(inputs.values()), enable_x64=True)
    return read_model_from_bytearray(bytearray(made.model_content()))


def _name(model: Any, captured: Capture) -> None:
    """Give the file's inputs and outputs the spec's names."""
    (signature,), (graph,) = model.signatureDefs, model.subgraphs
    outputs = captured.output_names
    names = {f"args_{k}": name for k, name in enumerate(captured.input_names)}
    names |= {"output_0": outputs[0]} if len(outputs) == 1 else {}
    for entry in (*signature.inputs, *signature.outputs):
        entry.name = names.get(entry.name.decode(), entry.name.decode())
        graph.tensors[entry.tensorIndex].name = entry.name
    wanted = {*captured.input_names, *outputs}
    if missing := sorted(wanted - {entry.name for entry in (*signature.inputs, *signature.outputs)}):
        raise refused(captured, "litert", "", f"its converter lost {', '.join(missing)}")


def _tell(model: Any, extra: Mapping[str, str]) -> None:
    """Put the texts `extra` into the file's metadata."""
    from ai_edge_litert.schema_py_generated import BufferT, MetadataT

    for name, text in extra.items():
        buffer, entry = BufferT(), MetadataT()
        buffer.data = np.frombuffer(text.encode(), np.uint8)
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or ()), entry]
