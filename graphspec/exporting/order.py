"""What a format's writer is given: the captured program, and what the file says besides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphspec.exporting.capture import Capture
from graphspec.exporting.metadata import Metadata

if TYPE_CHECKING:
    import onnx_ir as ir


class Order:
    """One export. ``metadata`` is what is known of the data, ``properties`` what every file holds of it, by key."""

    def __init__(self, capture: Capture, opset_version: int, about: Mapping[str, Any], metadata: Metadata) -> None:
        self.capture = capture
        self.opset_version = opset_version
        self.metadata = metadata
        self.properties = {f"graphspec.{key}": json.dumps(value) for key, value in about.items()}
        self._model: ir.Model | None = None

    def onnx_model(self) -> ir.Model:
        """The program in ONNX operators: converted once, and a copy of its own for each file."""
        return self._converted.clone()

    @property
    def layers(self) -> dict[str, str]:
        """The layer of each ONNX node; empty where no file has any."""
        from graphspec.exporting.onnx.model import layer_map

        return layer_map(self._model) if self._model else {}

    @property
    def _converted(self) -> ir.Model:
        from graphspec.exporting.onnx.model import onnx_model

        if self._model is None:
            self._model = onnx_model(self.capture, self.opset_version, self.properties)
        return self._model
