"""Reading an ONNX file, which may be a stranger's: nodes in order, constants as tensors, inputs with their dims."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphspec.diagnostics import GraphspecError, fail, quoted
from graphspec.exporting.onnx import LAYER_KEY
from graphspec.importing.sources.inputs import Input
from graphspec.ops.arguments import DTYPES
from graphspec.spec.names import fault_in
from graphspec.system.free_memory import at_most
from graphspec.system.regular_file import require_regular
from graphspec.verifying.local_functions import check_functions

if TYPE_CHECKING:
    import onnx

#: The operator sets that files are read in; older ones are converted to the first by onnx itself.
OPSETS = range(13, 24)
MOST_BYTES = 2_000_000_000
#: What reading may take beside the bytes of the file: its protobuf, its tensors.
COPIES, SPARE = 6, 1 << 30


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One operator; a value's name is ``""`` where an optional one is left out. ``layer`` is what our exports say."""

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: Any
    layer: str = ""

    @property
    def kind(self) -> str:
        """The operator, with its domain where that is not ONNX's own."""
        return f"{self.domain}.{self.op}" if self.domain else self.op

    @property
    def title(self) -> str:
        """As messages name it."""
        return f"the node {quoted(self.name or self.outputs[0])} ({self.kind})"


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """What an ``If`` runs, and which of its values come out; they may be those of the graph around it."""

    nodes: list[Node]
    outputs: list[str]


@dataclasses.dataclass(frozen=True, eq=False)
class OnnxFile:
    """A graph. ``trained`` are the constants that the file keeps as initializers, by name among ``constants``.

    ``aliases`` says which value an output is, where it has another name.
    """

    path: Path
    opset: int
    nodes: list[Node]
    constants: dict[str, Tensor]
    trained: frozenset[str]
    inputs: dict[str, Input | None]
    outputs: list[str]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read(path: Path) -> OnnxFile:
    """The file at `path`.

    Raises:
        GraphspecError: ``not-importable`` where it is no ONNX file, damaged, too large, or of another opset.
    """
    try:
        require_regular(path, most=MOST_BYTES)
        with at_most(COPIES * path.stat().st_size + SPARE):
            return _file(path, _model(path))
    except GraphspecError:
        raise
    except FileNotFoundError:
        raise fail("not-importable", f"there is no file {quoted(path)}") from None
    except MemoryError as error:
        raise fail("too-much-memory", f"{quoted(path)} claims more than is in it") from error
    except OSError as error:
        raise fail("not-importable", f"{quoted(path)} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of a damaged file protobuf and onnx raise whatever they trip over
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise fail("not-importable", f"{quoted(path)} is no ONNX file that can be read: {reason[:200]}") from error


def _model(path: Path) -> onnx.ModelProto:
    import onnx
    from onnx.external_data_helper import _get_all_tensors, load_external_data_for_model, uses_external_data
    from onnx.inliner import inline_local_functions

    model = onnx.load(str(path), load_external_data=False)
    if not model.graph.node and not model.graph.output:
        raise ValueError("it has no graph")
    for tensor in _get_all_tensors(model):
        if uses_external_data(tensor):
            place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
            if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts or not place:
                raise ValueError(f"its weights are outside its folder: {quoted(place)}")
            require_regular(path.parent / place, links=False)
    load_external_data_for_model(model, str(path.parent))
    if model.functions:
        check_functions(model)
        model = inline_local_functions(model)
    return _converted(path, model)


def _converted(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx

    opset = _opset(model)
    if opset in OPSETS:
        return model
    model.ir_version = max(model.ir_version, 4)  # the converter wants weights among the inputs of an older one
    message = f"{quoted(path)} has ONNX opset {opset}"
    if opset > OPSETS[-1]:
        raise fail(
            "not-importable", f"{message}, read are {OPSETS[0]} to {OPSETS[-1]}", hint="convert it to an older one"
        )
    try:
        return onnx.version_converter.convert_version(model, OPSETS[0])
    except Exception as error:  # onnx's converter raises RuntimeError for what it does not know
        reason = (str(error).strip().splitlines() or [""])[0].rpartition("failed: ")[2][:200]
        raise fail("not-importable", f"{message}, which onnx cannot convert to {OPSETS[0]}: {reason}") from error


def _opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators; of a file that uses none, one that is read."""
    return next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), OPSETS[0])


def _file(path: Path, model: onnx.ModelProto) -> OnnxFile:
    graph = model.graph
    if graph.sparse_initializer:
        raise ValueError("it has sparse weights")
    constants = {each.name: tensor_of(each) for each in graph.initializer}
    names: dict[str, str] = {}
    inputs = {each.name: _input(each, names) for each in graph.input if each.name not in constants}
    return OnnxFile(
        path, _opset(model), [node_of(each) for each in graph.node], constants, frozenset(constants), inputs,
        [each.name for each in graph.output],
    )  # fmt: skip


def node_of(proto: onnx.NodeProto) -> Node:
    """A node with its attributes as Python's values."""
    from onnx.helper import get_attribute_value

    layer = next((entry.value for entry in proto.metadata_props if entry.key == LAYER_KEY), "")
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    attributes = {each.name: _plain(get_attribute_value(each)) for each in proto.attribute}
    return Node(proto.op_type, domain, proto.name, tuple(proto.input), tuple(proto.output), attributes, proto, layer)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return [_plain(item) for item in value] if isinstance(value, list) else value


def tensor_of(proto: onnx.TensorProto) -> Tensor:
    """The numbers of a tensor."""
    from onnx import numpy_helper

    if proto.data_type == proto.STRING:
        raise ValueError(f"the tensor {quoted(proto.name)} holds text")
    array = numpy_helper.to_array(proto)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16").copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy() if array.flags.writeable is False or not array.flags.c_contiguous else array)


def _input(given: onnx.ValueInfoProto, names: dict[str, str]) -> Input | None:
    """What the file says of an input; None where it does not say the number of dims."""
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = given.type
    if not kind.HasField("tensor_type"):
        raise fail("not-importable", f"the input {quoted(given.name)} is no tensor")
    name = str(tensor_dtype_to_np_dtype(kind.tensor_type.elem_type))
    if name not in DTYPES:
        raise fail("not-importable", f"the input {quoted(given.name)} is {name}, which no spec can say")
    if not kind.tensor_type.HasField("shape"):
        return None
    dtype = DTYPES[name]
    dims = []
    for place, dim in enumerate(kind.tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value == 0:
            raise fail("not-importable", f"the input {quoted(given.name)} has a dim of 0")
        if dim.HasField("dim_value") and dim.dim_value > 0:
            dims.append(dim.dim_value)
        else:
            dims.append(_dim_name(dim.dim_param, place, names))
    return Input(tuple(dims), dtype)


def _dim_name(text: str, place: int, names: dict[str, str]) -> str:
    """The name of a dim that may be any: the file's, where a spec can have it; each unknown one is its own."""
    if text and text in names:
        return names[text]
    multiple = re.fullmatch(r"([0-9]+)\s*\*\s*([A-Za-z]\w*)", text)
    if multiple:
        return f"{multiple[1]}*{multiple[2]}"
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or ("N" if place == 0 else f"D{place}")
    name = name if name[0].isalpha() and fault_in(name, "dim", ()) is None else f"D_{name}"[:60]
    taken = _lowered(names.values())
    free, number = name, 1
    while text and free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    names[text or f"#{place}"] = free
    return free


def _lowered(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}
