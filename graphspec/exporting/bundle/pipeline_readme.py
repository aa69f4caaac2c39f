"""The part of the bundle's README on ``pipeline.onnx``: from a picture or a row of numbers to the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MODES = {1: "L", 3: "RGB"}


def pipeline_section(about: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    """The section's text; `sizes` are example sizes of the dynamic dims."""
    (entry,), outputs = about["pipeline"]["inputs"], about["pipeline"]["outputs"]
    shape = " × ".join(map(str, entry["shape"]))
    predictions = "; ".join(f"`{value['name']}`, {_text(value)}" for value in outputs)
    return "\n".join(
        [
            "## pipeline.onnx: from the raw sample to the prediction\n",
            f"The network between its preprocessing and its postprocessing. Input `{entry['name']}`: {shape}"
            f" `{entry['dtype']}`, {_meaning(entry)}. Outputs: {predictions}.\n",
            "```python",
            *_lines(entry, outputs, sizes, about["labels"] is not None),
            "```",
            "",
        ]
    )


def _text(value: Mapping[str, Any]) -> str:
    return f"{' × '.join(map(str, value['shape']))} `{value['dtype']}`"


def _meaning(entry: Mapping[str, Any]) -> str:
    if entry["dtype"] == "uint8" and len(entry["shape"]) == 4:
        colours = "RGB" if entry["shape"][3] == 3 else "grey"
        return f"{colours} pixels as image decoders give them (OpenCV's are BGR: turn them round), 0 to 255"
    return "as the data set holds it, before any transform"


def _lines(entry: Mapping[str, Any], outputs: Any, sizes: Mapping[str, int], labelled: bool) -> list[str]:
    lines = ["import json", "", "import numpy as np", "import onnxruntime"]
    shape = [dim if isinstance(dim, int) else sizes.get(dim, 1) for dim in entry["shape"]]
    is_image = entry["dtype"] == "uint8" and len(shape) == 4
    mode = _MODES.get(shape[3]) if is_image else None
    if mode:
        lines += ["from PIL import Image", "", f'image = np.asarray(Image.open("image.png").convert("{mode}"))']
        lines += [f"raw = image.reshape(1, *image.shape[:2], {shape[3]})"]
    else:
        lines += ["", f"raw = np.zeros({(1, *shape[1:])}, dtype=np.{entry['dtype']})"]
    lines += ['session = onnxruntime.InferenceSession("pipeline.onnx")']
    names = ", ".join(value["name"] for value in outputs)
    lines += [f'{names}{"," if len(outputs) == 1 else ""} = session.run(None, {{"{entry["name"]}": raw}})']
    if labelled and mode and len(outputs[0]["shape"]) == 3:
        lines += ['Image.fromarray(label[0].astype(np.uint8)).save("mask.png")  # the number of a class in each pixel']
    if labelled and outputs[0]["name"] == "label" and len(outputs[0]["shape"]) == 1:
        lines += ['labels = json.loads(session.get_modelmeta().custom_metadata_map["graphspec.labels"])']
        lines += ["print(labels[label[0]])"]
    return lines
