"""How a raw sample is entered in the page: a picture, the cells of a table's row, plain numbers, or texts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphspec.data.learned import Learned
from graphspec.data.text.encoding import MASK
from graphspec.diagnostics import quoted
from graphspec.exporting.bundle.golden import PIPELINE_GOLDEN
from graphspec.system.array_file import Claim, read_arrays
from graphspec.system.regular_file import open_regular

#: Numbers that a person would type or paste.
_MOST_NUMBERS = 10_000
#: Values of the example that is read along, and texts of a column that are offered.
_MOST_VALUES, _MOST_TEXTS = 1 << 24, 1000
_NUMBERS = ("float32", "float64", "int64")


def form_of(pipeline: Mapping[str, Any], folder: Path, learned: Learned | None) -> dict[str, Any] | str:
    """The form for what ``pipeline.onnx`` in `folder` takes, as the manifest has it; a text says why there is none.

    What was `learned` from the training part has the names of columns and their texts.
    """
    entries: Sequence[Mapping[str, Any]] = pipeline["inputs"]
    if pipeline["columns"]:
        return {"kind": "cells", "columns": _cells(pipeline, learned)}
    if len(entries) != 1:
        return f"the page has a form for one input, the network has {len(entries)}"
    (entry,) = entries
    batch, *shape = entry["shape"]
    if isinstance(batch, int) and batch != 1:
        return f"its batches always have {batch} samples"
    named = {"name": entry["name"], "dtype": entry["dtype"]}
    if len(shape) == 3 and entry["dtype"] in ("uint8", "float32"):
        last = entry["dtype"] == "uint8"
        channels, height, width = (shape[2], *shape[:2]) if last else shape
        if channels in (1, 3):
            sizes = {"height": _whole(height), "width": _whole(width)}
            sizes |= {"of_height": _factor(height), "of_width": _factor(width)}
            return {**named, **sizes, "kind": "picture", "channels": channels, "last": last}
    count = math.prod(shape) if all(isinstance(size, int) for size in shape) else _MOST_NUMBERS + 1
    if entry["dtype"] in _NUMBERS and count <= _MOST_NUMBERS:
        numbers = {"shape": shape, "count": count, "example": _example(folder, entry["name"])}
        return {**named, **numbers, "kind": "numbers", "columns": _names(learned, count)}
    return "the page has no form for an input " + " × ".join(map(str, entry["shape"]))


def text_form(manifest: Mapping[str, Any], tokenizer: bytes) -> dict[str, Any] | str:
    """The form for the texts that a network takes, whose ids the page makes by ``tokenizer.json``; a text says why
    there is none."""
    text, inputs = manifest["text"], {entry["name"]: entry for entry in manifest["inputs"]}
    texts = []
    for name in text["inputs"]:
        mask = inputs.pop(MASK.format(name), None)
        ids = inputs.pop(name, None) or (inputs.pop(next(iter(inputs))) if len(inputs) == len(text["inputs"]) else None)
        if ids is not None:
            texts.append({"name": name, "ids": _named(ids), "mask": mask and _named(mask)})
    if inputs or not texts:
        return f"the page has a form for texts alone, the network takes {quoted(next(iter(inputs), 'none'))} too"
    try:
        said = json.loads(tokenizer)
        cut = said["pre_tokenizer"]["type"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "its tokenizer.json is none that graphspec wrote"
    kinds = {"ByteLevel": "BPE", "Split": "Char", "Whitespace": "WordLevel"}
    if cut not in kinds:
        return f"the page has no tokenizer {quoted(str(cut))}"
    width = manifest["inputs"][0]["shape"][-1]
    if text["running"] and not isinstance(width, int) and not width.isidentifier():
        return f"its windows have {width} tokens"
    about = {"length": text["length"], "running": text["running"], "tokenizer": kinds[cut], "width": _whole(width)}
    return {"kind": "text", "texts": texts, **about}


def _named(entry: Mapping[str, Any]) -> dict[str, str]:
    return {"name": entry["name"], "dtype": entry["dtype"]}


def _whole(size: object) -> int | None:
    """A size, None where any will do."""
    return size if isinstance(size, int) else None


def _factor(size: object) -> int | None:
    """What a size is a multiple of, as ``4*H`` says it."""
    factor, times, name = str(size).partition("*")
    return int(factor) if times and factor.isdecimal() and name.isidentifier() else None


def _cells(pipeline: Mapping[str, Any], learned: Learned | None) -> list[dict[str, Any]]:
    """Each column: its name, dtype, a cell of the training part and, of texts, those that it knows."""
    columns = learned.columns.each if learned is not None and learned.columns is not None else ()
    known = {column.name: list(column.categories or ())[:_MOST_TEXTS] for column in columns}
    example = pipeline.get("example") or {}
    return [
        {**entry, "texts": known.get(entry["name"], []), "example": example.get(entry["name"])}
        for entry in pipeline["inputs"]
    ]


def _names(learned: Learned | None, count: int) -> list[str]:
    """The columns of a table of numbers, where they are known."""
    columns = learned.columns.each if learned is not None and learned.columns is not None else ()
    return [column.name for column in columns] if len(columns) == count else []


def _example(folder: Path, name: str) -> list[float] | None:
    """The first real sample that the export keeps; None where it keeps none."""

    def check(claims: Mapping[str, Claim]) -> None:
        if sum(claim.values for claim in claims.values()) > _MOST_VALUES:
            raise ValueError("too many values")

    try:
        with open_regular(folder / PIPELINE_GOLDEN, links=False) as file:
            kept = read_arrays(file, check)[f"0.input.{name}"]
        return [float(f"{value:.6g}") for value in np.asarray(kept[0], np.float64).flatten()]
    except (OSError, ValueError, KeyError, IndexError):
        return None
