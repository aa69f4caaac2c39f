"""The formats of an export, one row each, for spec, schema, command line, exporting and verifying; no torch here."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, cast

FormatName = Literal["onnx", "torchscript", "pt2", "executorch", "litert", "aoti", "pipeline"]


class Writer(Protocol):
    """The module that has a format's code."""

    def write(self, order: Any, path: Path) -> None:
        """Write the file of an ``exporting.order.Order``; ``GraphspecError`` where the network cannot be held."""

    def sections(self, about: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[str]:
        """How the file is loaded and called, for the bundle's README, at `sizes` of the dynamic dims."""

    def cannot_hold(self, layer: Any) -> str:
        """Why the format has no form for a ``ShapedLayer``; empty where it has one."""


class DataWriter(Writer, Protocol):
    """The code of a format that is ``of_data``."""

    def faults(self, shaped: Any) -> Iterator[Any]:
        """A ``Diagnostic`` for what of a ``ShapedGraph`` and of what is done to its data has no form here."""


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """One kind of file. ``code`` is its module in ``graphspec.exporting``.

    ``of_onnx``: written in ONNX operators, of the version that ``opset_version`` says. ``of_data``: it holds what is
    done to the data, which must be there. A file of ``machine_code`` is run only if its runtime is named.
    ``by_default``: it is written where a spec names no formats. ``greatest``: where its memory is planned, the size up
    to which an open dim without a greatest size is planned; None where it may be any. ``layout``: the order of an
    image's axes, where those who use the format expect another. ``lowered_by``: the packages, as pip names them, that
    lower it into a file that tells no tensors by name. ``variants``: the module of ``verifying.variants`` that writes
    its file in lower precision, and runs that.
    """

    name: FormatName
    file: str
    code: str
    about: str
    of_onnx: bool = False
    of_data: bool = False
    machine_code: bool = False
    by_default: bool = False
    greatest: int | None = None
    layout: str = ""
    lowered_by: tuple[str, ...] = ()
    variants: str = ""

    @property
    def writer(self) -> Writer:
        """The format's code, which imports torch."""
        return cast(Writer, importlib.import_module(f"graphspec.exporting.{self.code}"))


_ROWS = (
    Format(
        "onnx", "model.onnx", "onnx", "ONNX, for onnxruntime and many other runtimes", of_onnx=True, by_default=True,
        variants="convert",
    ),
    Format("torchscript", "model.pt", "torchscript", "TorchScript, for libtorch and C++", by_default=True),
    Format("pt2", "model.pt2", "pt2", "torch.export's program"),
    Format(
        "executorch", "model.pte", "executorch", "ExecuTorch with XNNPACK, for phones and boards", greatest=64,
        lowered_by=("executorch",),
    ),
    Format(
        "litert", "model.tflite", "litert", "LiteRT (TensorFlow Lite), for phones and boards",
        layout="as in the spec: channels first, N × C × H × W", lowered_by=("litert-torch", "litert-converter"),
        variants="convert_litert",
    ),
    Format("aoti", "model.aoti.pt2", "aoti", "AOTInductor's machine code for this processor", machine_code=True),
    Format(
        "pipeline", "pipeline.onnx", "pipeline_onnx", "ONNX from the raw sample to label and probabilities",
        of_onnx=True, of_data=True,
    ),
)  # fmt: skip
#: By name, in the order in which they are written.
FORMATS: Mapping[str, Format] = MappingProxyType({row.name: row for row in _ROWS})
DEFAULTS = tuple(row.name for row in _ROWS if row.by_default)

#: What predictions of an export are made of, and ``pipeline.onnx``.
BASE = FORMATS["onnx"]
#: By the end of the file's name: those whose files ``verify`` judges alone, whoever wrote them.
JUDGED_ALONE: Mapping[str, Format] = MappingProxyType(
    {row.file.removeprefix("model"): row for row in _ROWS if row is BASE or row.lowered_by}
)


def chosen(names: Sequence[str]) -> list[Format]:
    """The rows of `names`, in the table's order."""
    return [row for row in _ROWS if row.name in names]
