"""The ``[export]`` section: which files are written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from graphspec.spec.base import SpecModel

Format = Literal["onnx", "torchscript", "pt2", "pipeline"]


class ExportSpec(SpecModel):
    """What ``graphspec export`` writes.

    ``"pipeline"`` is ``pipeline.onnx``: the raw sample in, label and probabilities out. ``opset_version`` is ONNX's:
    written as asked, or refused.
    """

    formats: tuple[Format, ...] = ("onnx", "torchscript")
    opset_version: Annotated[int, Field(ge=18, le=23)] = 20
