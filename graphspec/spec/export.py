"""The ``[export]`` section: which files are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from graphspec.formats import FormatName
from graphspec.spec.base import SpecModel

Precision = Literal["fp16", "int8"]


class ExportSpec(SpecModel):
    """What ``graphspec export`` writes.

    ``"aoti"`` is machine code for this kind of processor, made by AOTInductor with a C++ compiler. ``"pipeline"`` is
    ``pipeline.onnx``: the raw sample in, label and probabilities out. ``opset_version`` is ONNX's:
    written as asked, or refused. ``precisions`` are written beside ``model.onnx`` and measured against it.
    """

    formats: tuple[FormatName, ...] = ("onnx", "torchscript")
    precisions: tuple[Precision, ...] = ()
    opset_version: Annotated[int, Field(ge=18, le=23)] = 20
