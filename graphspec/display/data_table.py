"""What ``graphspec data`` shows: parts, classes, columns, and what is done to samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.data import DataSet, Samples


def described(found: DataSet) -> dict[str, Any]:
    """What it holds, as data; the test part stays sealed."""
    parts = {"train": found.train} | ({"validation": found.validation} if found.validation is not None else {})
    return {
        "dataset": found.name,
        "parts": {name: {"samples": len(samples), **_classes(found, samples)} for name, samples in parts.items()},
        "test": "sealed" if found.test.exists else None,
        "inputs": _kinds(found.batch(1, "train").inputs),
        "targets": _kinds(found.batch(1, "train").targets),
        "columns": _decided(found),
        "vocabulary": dict(found.vocabulary),
        "transforms": found.transforms,
        "fingerprint": found.fingerprint,
    }


def _decided(found: DataSet) -> list[str]:
    """What was decided about each column of a table, or of a series."""
    decided = found.columns or found.series
    return decided.lines() if decided else []


def _classes(found: DataSet, samples: Samples) -> dict[str, Any]:
    """How often each class of the first target that has classes occurs."""
    for target, names in found.labels.items():
        counts = found.class_counts(target, samples).tolist()
        return {"classes": dict(zip(names, counts, strict=True))}
    return {}


def _kinds(fields: Mapping[str, Any]) -> dict[str, str]:
    """Shape and dtype of one sample of each field."""
    return {
        name: f"{' × '.join(map(str, value.shape[1:])) or 'scalar'} {str(value.dtype).removeprefix('torch.')}"
        for name, value in fields.items()
    }


def in_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The same as a person reads it."""
    parts = document["parts"]
    table = new_table()
    table.add_column("Class" if "classes" in parts["train"] else "", overflow="fold")
    for part in parts:
        table.add_column(part, justify="right")
    for name in parts["train"].get("classes", ()):
        table.add_row(printable(name), *(f"{part['classes'][name]:,}" for part in parts.values()))
    table.add_row("samples", *(f"{part['samples']:,}" for part in parts.values()), style="bold")
    yield table
    yield ""
    for kind in ("inputs", "targets"):
        yield Text(f"{kind.capitalize():<10}  " + ", ".join(f"{name}: {text}" for name, text in document[kind].items()))
    for line in document["columns"]:
        yield Text(printable(line))
    if document["vocabulary"]:
        ids = ", ".join(f"{name} {count:,} ids" for name, count in document["vocabulary"].items())
        yield Text(f"Vocabulary  {ids}")
    yield Text(f"Transforms  {', '.join(step['type'] for step in document['transforms']) or 'none'}")
    yield Text(f"Test        {document['test'] or 'none'}")
    if "picture" in document:
        yield Text(f"Picture     {document['picture']}")
