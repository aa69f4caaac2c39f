"""``model.onnx`` in half precision, and with weights and activations of 8 bit, by onnxruntime's own tools."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphspec.diagnostics import fail
from graphspec.exporting.reference import Arrays
from graphspec.system.scratch import ScratchFolder

#: Layers whose activations vary so much that onnxruntime's guide scales them anew for each input.
RECURRENT = ("LSTM", "GRU", "RNN")
AT = ("export", "precisions")
#: Operators that stay float32 in the float16 variant: onnxruntime 1.32 ends the process over them on processors with
#: float16 arithmetic.
NOT_HALVED = ("Gelu",)


def write_fp16(source: Path, target: Path) -> None:
    """Write the model at `source` to `target` with float16 weights and values; inputs and outputs stay float32."""
    import onnx
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    whole = [*DEFAULT_OP_BLOCK_LIST, *NOT_HALVED]
    with silent():
        model = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True, op_block_list=whole)
    _finish(model, source, target)


def write_int8(source: Path, target: Path, batches: Callable[[], Sequence[Arrays]]) -> None:
    """Write the model at `source` to `target` in 8 bit: weights by channel and, as a rule, activations.

    Activations are scaled by their range over `batches` of real samples; in recurrent and attention networks by that
    of each input, while it runs.

    Raises:
        GraphspecError: ``not-exportable`` where the network has no layer that onnxruntime quantises.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with ScratchFolder() as scratch, silent():
        prepared, made = Path(scratch) / "prepared.onnx", Path(scratch) / "int8.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        if _scaled_while_running(onnx.load(str(prepared))):
            quantize_dynamic(prepared, made, per_channel=True, weight_type=QuantType.QInt8)
        else:
            quantize_static(
                prepared, made, _reader(batches()), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
        model = onnx.load(str(made))
    if not any("Quantize" in node.op_type or "Integer" in node.op_type for node in model.graph.node):
        raise fail("not-exportable", "int8: the network has no layer that onnxruntime quantises", at=AT)
    _finish(model, source, target)


def runner(path: Path) -> Callable[[Arrays], Arrays]:
    """The model at `path` in onnxruntime, as installed but with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def _scaled_while_running(model: Any) -> bool:
    """Whether the network is recurrent or multiplies activations with each other, as attention does."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return any(
        node.op_type in RECURRENT or (node.op_type == "MatMul" and not constants & {*node.input})
        for node in model.graph.node
    )


def _reader(batches: Sequence[Mapping[str, Any]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = iter(batches)

        def get_next(self) -> Mapping[str, Any] | None:
            return next(self._batches, None)

    return Reader()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """The tools give advice in the root logger and on stdout; what is wrong with a variant is measured."""
    import io

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _finish(model: Any, source: Path, target: Path) -> None:
    """Nodes in order, only the domains in use, `source`'s own metadata, and nothing of the tools' workings."""
    import onnx
    import onnx_ir as ir

    own = onnx.load(str(source), load_external_data=False)
    made = ir.from_proto(model)
    made.graph.sort()
    used = {"", *(node.domain for node in made.graph)}
    for domain in [*made.graph.opset_imports]:
        if domain not in used:
            del made.graph.opset_imports[domain]
    made.metadata_props.clear()
    made.metadata_props.update({prop.key: prop.value for prop in own.metadata_props})
    made.producer_name, made.producer_version = own.producer_name, own.producer_version
    made.doc_string, made.graph.doc_string = None, None
    for node in made.graph:
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape, value.type = None, None
    ir.save(made, target)
