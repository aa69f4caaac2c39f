"""The captured program as ``.pte`` for ExecuTorch, its linear algebra by XNNPACK: for phones and boards.

ExecuTorch plans memory when the file is written, so every open dim needs a greatest size: its own, where the spec has
one, else the one that the format's row names. The file refuses greater ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.export import ExportedProgram
from torch.fx import Interpreter

from graphspec.diagnostics import fail
from graphspec.exporting import pt2
from graphspec.exporting.bundle.data_readme import run_on_samples
from graphspec.exporting.bundle.snippets import Signature, Sizes, code, zero_tensors
from graphspec.exporting.capture import Capture, capture, open_sizes
from graphspec.exporting.holdable import check_formats
from graphspec.exporting.lowering import AT, lowering, refused
from graphspec.formats import FORMATS
from graphspec.system.extras import install, require
from graphspec.system.torch_private import keep_ranges, replaced, sizes_of_one

if TYPE_CHECKING:
    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedLayer

#: What installs it.
EXTRA = install("executorch")
_RECURRENT = ("LSTM", "GRU", "RNN")
#: Its kernel of a convolution takes one and two dimensions, and refuses a third when it is run.
_DEEP = ("Conv3d", "ConvTranspose3d", "conv3d", "conv_transpose3d")
#: What XNNPACK is told as a reshape, of one open dim at most: this, and these in one dimension. It refuses the file.
_RESHAPED = ("unsqueeze_copy.default", "convolution.default", "_native_batch_norm_legit_no_training.default")


def write(order: Order, path: Path) -> None:
    """Write ``model.pte``."""
    write_executorch(order.capture, path, order.properties)


def sections(signature: Signature, sizes: Sizes) -> Iterator[str]:
    """How the file is run in Python, and up to which sizes."""
    names = ", ".join(f"`{value['name']}`" for value in signature["outputs"])
    text = f"## Python, ExecuTorch\n\nInputs in order as tensors; outputs are a list: {names}."
    greatest = FORMATS["executorch"].greatest
    if bounded := [name for name, each in signature["dims"].items() if each["max"] is None]:
        text += f" Its memory is planned for {', '.join(f'{name} ≤ {greatest}' for name in bounded)}; a range under"
        text += " `[dims]` of the spec plans it otherwise."
    text += f" `{EXTRA}` installs the runtime; phones and boards run the file by ExecuTorch's own."
    yield f"{text}\n"
    load = ["from executorch.runtime import Runtime", ""]
    load += ['model = Runtime.get().load_program("model.pte").load_method("forward")']
    if "bfloat16" in {value["dtype"] for value in (*signature["inputs"], *signature["outputs"])}:  # numpy has none
        run = f"outputs = model.execute([{zero_tensors(signature, sizes)}])"
        yield code("python", ["import torch", *load, run])
        return
    lines = ["import numpy as np", "import torch", *load]
    given = [value["name"] for value in signature["outputs"]]
    lines += [f"outputs = {{k: v.numpy() for k, v in zip({given}, model.execute([*inputs.values()]))}}"]
    yield from run_on_samples(signature, sizes, "torch.from_numpy(raw)", lines)


def cannot_hold(layer: ShapedLayer) -> str:
    """Why a program for ExecuTorch has no form for `layer`; empty where it has one."""
    if layer.type in _RECURRENT:
        shape = next(iter(layer.outputs.values())).shape
        axis = 1 if layer.arguments.get("batch_first") and len(shape) == 3 else 0
        if not isinstance(shape[axis], int):
            return f"its steps are written out one by one, and their number {shape[axis]} is open"
    if layer.type in _DEEP:
        return "its runtime has no kernel for a convolution of three dimensions"
    return pt2.cannot_hold(layer)


def write_executorch(captured: Capture, path: Path, extra: Mapping[str, str]) -> None:
    """Lower `captured`'s program and save it to `path`; `extra` are methods of the file that give a text, by name.

    Raises:
        GraphspecError: ``missing-package`` where the extra is not installed, ``not-exportable`` with the layer where
            ExecuTorch refuses it or has no kernel for it.
    """
    require("executorch", "the format executorch needs ExecuTorch", "executorch", AT)
    check_formats(captured.shaped, ["executorch"])
    bounded = _bounded(captured)
    with lowering(bounded, "executorch", lambda part: _lowered(part, {})):
        lowered = _lowered(bounded, extra)
        missing = _without_kernel(lowered)
    if missing:
        raise refused(bounded, "executorch", missing, f"its runtime has no kernel {missing}")
    path.write_bytes(lowered.buffer)


def _lowered(captured: Capture, extra: Mapping[str, str]) -> Any:
    """ExecuTorch's program of `captured`, whose open dims have greatest sizes."""
    with sizes_of_one(True):
        edge = _edge(captured.program, extra)
        _check_open(edge.exported_program(), captured)
        keep_ranges(edge.exported_program())  # a convolution's choice of kernel has bounded the batch: "<= 15"
        return edge.to_executorch()


def _bounded(captured: Capture) -> Capture:
    """The network captured with a greatest size for every open dim; `captured` itself where each has one."""
    shaped, greatest = captured.shaped, FORMATS["executorch"].greatest
    dims = {name: (least, most or greatest) for name, (least, most) in shaped.dims.items()}
    if dims == shaped.dims:
        return captured
    return capture(captured.network.with_shaped(dataclasses.replace(shaped, dims=dims)), captured.sampler)


def _edge(program: ExportedProgram, extra: Mapping[str, str]) -> Any:
    """The program in ExecuTorch's operators, what XNNPACK can do given to it."""
    from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.exir.verification import verifier

    methods = {name.replace(".", "_"): text for name, text in extra.items()}
    rules = [_of_one_open_dim(rule) if rule.target_name in _RESHAPED else rule for rule in ALL_PARTITIONER_CONFIGS]
    partitioner = XnnpackPartitioner(configs=rules)
    with replaced(verifier, "EdgeOpArgValidator", _unfreezing(verifier.EdgeOpArgValidator)):
        return to_edge_transform_and_lower(program, partitioner=[partitioner], constant_methods=methods)


def _unfreezing(check: Any) -> Any:
    """ExecuTorch's `check` of dtypes but for operators that give a list of tensors, such as ``split``: it counts the
    first one's rows, and freezes an open dim by that.
    """

    class Check(check):
        def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
            listed = isinstance(self.node.meta["val"], list)
            own = Interpreter.call_function if listed else check.call_function
            return own(self, target, args, kwargs)

    return Check


def _of_one_open_dim(rule: Any) -> Any:
    """ExecuTorch's `rule` of what XNNPACK can do, without what it is told as a reshape and has two open dims."""

    class Within(rule):
        def check_constraints(self, node: Any, program: ExportedProgram) -> bool:
            value = node.meta["val"]
            shape = (value[0] if isinstance(value, tuple) else value).shape
            reshaped = rule.target_name == "unsqueeze_copy.default" or len(shape) < 4
            several = sum(not isinstance(size, int) for size in shape) > 1
            return not (reshaped and several) and super().check_constraints(node, program)

    return Within


def _check_open(lowered: ExportedProgram, captured: Capture) -> None:
    """Refuse a program whose dims are no longer those of `captured`: a decomposition may take a size for a number."""
    for name, dim, size in open_sizes(lowered, captured.shaped):
        if str(size).isdecimal():  # a symbol that was replaced reads as a number too
            message = f'ExecuTorch froze the dynamic dim "{dim}" of input "{name}" to {size}'
            raise fail("not-exportable", message, ("inputs", name), f"write {size} if it never varies")


def _without_kernel(lowered: Any) -> str:
    """The first operator of the program that the runtime has no kernel for; empty where it has all."""
    from executorch.extension.pybindings import portable_lib

    known = set(portable_lib._get_operator_names())
    plan = next(plan for plan in lowered.executorch_program.execution_plan if plan.name == "forward")
    names = (f"{each.name}.{each.overload}" if each.overload else each.name for each in plan.operators)
    return next((name for name in names if name not in known), "")
