"""The bundle's README: what the model takes and gives, and the few lines that load it in each runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.exporting.bundle.data_readme import data_section
from graphspec.exporting.bundle.markdown import plain
from graphspec.exporting.bundle.snippets import Signature, Sizes
from graphspec.exporting.bundle.text_readme import text_section
from graphspec.formats import Format
from graphspec.shapes.dims import range_text


def readme(name: str, signature: Signature, sizes: Sizes, formats: Sequence[Format]) -> str:
    """The text of ``README.md``; `sizes` are example sizes of the dynamic dims, `formats` the formats present."""
    parts = [
        f"# {plain(name)}\n",
        *_trained(signature),
        _table("Inputs", signature["inputs"]),
        _table("Outputs", signature["outputs"]),
    ]
    parts += _ranges(signature["dims"])
    checked = (
        "repeats the check with numpy and onnxruntime alone"
        if any(format.of_onnx for format in formats)
        else "compares the hashes, as it runs ONNX files alone; `graphspec verify` runs what is here"
    )
    parts.append(
        "Every file here was measured against the network it came from before it was published; `manifest.json` holds"
        f" the measured errors and the hash of each file, and `python check.py` {checked}."
        " `weights.safetensors` and `spec.toml` are the network itself.\n"
    )
    parts += data_section(signature)
    parts += text_section(signature, sizes)
    parts += [section for format in formats for section in format.writer.sections(signature, sizes)]
    return "\n".join(parts)


def _trained(signature: Signature) -> list[str]:
    """Whether anything has learned the weights, where that is known."""
    words = {
        "seeded": "**The weights are untrained**, drawn by the spec's seed: what this model predicts means nothing.\n",
        "trained": "The weights are the best of a training run.\n",
    }
    return [words[signature["weights"]]] if signature["weights"] in words else []


def _ranges(dims: Mapping[str, Mapping[str, int | None]]) -> list[str]:
    """The sizes that the network works for, where those are not all."""
    ranges = {name: (each["min"], each["max"]) for name, each in dims.items()}
    bounded = [range_text(name, *ends) for name, ends in ranges.items() if ends != (1, None)]
    return [f"It works for {', '.join(bounded)}.\n"] if bounded else []


def _table(title: str, values: Sequence[Mapping[str, Any]]) -> str:
    rows = [f"| `{value['name']}` | `{value['dtype']}` | {_shape_text(value['shape'])} |" for value in values]
    return "\n".join([f"| {title} | dtype | shape |", "|---|---|---|", *rows, ""])


def _shape_text(shape: Sequence[int | str]) -> str:
    return " × ".join(str(dim) for dim in shape) or "scalar"
