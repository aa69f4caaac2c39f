"""The part of the bundle's README on ``pipeline.onnx``: from a picture or a row of numbers to the prediction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.exporting.bundle.data_readme import label_lines, sequence_lines
from graphspec.exporting.bundle.golden import PIPELINE_GOLDEN
from graphspec.exporting.several_labels import EACH

_MODES = {1: "L", 3: "RGB"}
_IMPORTS = ["import json", "", "import numpy as np", "import onnxruntime"]
_COLUMNS = (
    "It takes {count} columns by their names, an array of N cells each: numbers as `float64` (NaN where a cell is"
    " missing), texts as strings, as the table has them. A text that the training part does not have, and a missing"
    " cell, become what they become in training; where missing cells were refused there, NaN gives NaN."
)


def pipeline_section(about: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    """The section's text; `sizes` are example sizes of the dynamic dims."""
    entries, outputs = about["pipeline"]["inputs"], about["pipeline"]["outputs"]
    predictions = "; ".join(f"`{value['name']}`, {_text(value)}" for value in outputs)
    if about["pipeline"]["columns"]:
        taken, raw = _COLUMNS.format(count=len(entries)), _row(about["pipeline"])
    else:
        each = (f"`{entry['name']}`: {_text(entry)}, {_meaning(entry)}" for entry in entries)
        taken, raw = f"Input{'s' * (len(entries) > 1)} {'; '.join(each)}.", _samples(entries, sizes)
    return "\n".join(
        [
            "## pipeline.onnx: from the raw sample to the prediction\n",
            f"The network between its preprocessing and its postprocessing. {taken} Outputs: {predictions}.\n",
            "```python",
            *raw,
            *_run(outputs, about, _is_picture(entries[0])),
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


def _is_picture(entry: Mapping[str, Any]) -> bool:
    return entry["dtype"] == "uint8" and len(entry["shape"]) == 4 and entry["shape"][3] in _MODES


def _samples(entries: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]) -> list[str]:
    """Lines of Python that make ``raw`` of a picture a file, and of the bundle's real samples."""
    lines = [*_IMPORTS, *(["from PIL import Image"] if any(map(_is_picture, entries)) else []), "", "raw = {}"]
    for entry in entries:
        name = json.dumps(entry["name"])
        if _is_picture(entry):
            channels, file = entry["shape"][3], "image.png" if len(entries) == 1 else f"{entry['name']}.png"
            lines.append(f'image = np.asarray(Image.open("{file}").convert("{_MODES[channels]}"))')
            lines.append(f"raw[{name}] = image.reshape(1, *image.shape[:2], {channels})")
        else:
            count = "[:1]" if any(map(_is_picture, entries)) else ""
            kept = f'np.load("{PIPELINE_GOLDEN}")["0.input.{entry["name"]}"]{count}'
            lines.append(f"raw[{name}] = {kept}  # real samples")
    return lines


def _row(pipeline: Mapping[str, Any]) -> list[str]:
    """Lines of Python that make ``raw`` of a row of the training part."""
    lines = [*_IMPORTS, "", "row = {  # one of the training part"]
    for entry in pipeline["inputs"]:
        cell = pipeline["example"][entry["name"]]
        lines.append(f"    {entry['name']!r}: {'np.nan' if cell is None else repr(cell)},")
    return [*lines, "}", "raw = {name: np.array([cell]) for name, cell in row.items()}"]


def _run(outputs: Sequence[Mapping[str, Any]], about: Mapping[str, Any], pictures: bool) -> list[str]:
    names, labelled = ", ".join(value["name"] for value in outputs), about["labels"] is not None
    lines = ['session = onnxruntime.InferenceSession("pipeline.onnx")']
    lines += [f"{names}{',' if len(outputs) == 1 else ''} = session.run(None, raw)"]
    if labelled and "blank" in (about.get("decision") or {}):
        lines += sequence_lines("label", about["decision"]["blank"], about["labels"])
    elif labelled and pictures and len(outputs[0]["shape"]) == 3:
        lines += ['Image.fromarray(label[0].astype(np.uint8)).save("mask.png")  # the number of a class in each pixel']
    elif labelled and outputs[0]["name"] == "label" and len(outputs[0]["shape"]) == 1:
        lines += ['labels = json.loads(session.get_modelmeta().custom_metadata_map["graphspec.labels"])']
        lines += ["print(labels[label[0]])"]
    elif (about.get("decision") or {}).get("rule") == EACH:
        lines += label_lines(about["decision"], outputs[0]["name"])
    else:
        lines += [f"print({names})"]
    return lines
