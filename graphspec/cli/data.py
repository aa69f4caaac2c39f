"""``graphspec data``: what a spec's data set holds, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from graphspec.cli import options
from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.data import DataSet, Samples


def data(
    spec: options.Spec,
    show: Annotated[
        Path | None,
        typer.Option("--show", metavar="FILE.png", help="Draw samples as epochs see them.", show_default=False),
    ] = None,
    place: options.Place = options.Place(),
    reading: options.Reading = options.Reading(),
    work: options.Work = options.Work(),
) -> None:
    """Read the data set of SPEC and show its parts; the test part stays sealed."""
    with work.screen() as here:
        from graphspec.data import data_of
        from graphspec.data.picture import show as picture

        words = reading.words()
        found = data_of(
            options.source(spec), place.data_place(), variant=words["variant"], overrides=words["overrides"]
        )
        document = _document(found) | ({"picture": str(picture(found, show))} if show else {})
        here.show(document, *_tables(document))


def _document(found: DataSet) -> dict[str, Any]:
    parts = {"train": found.train} | ({"validation": found.validation} if found.validation is not None else {})
    return {
        "dataset": found.name,
        "parts": {name: {"samples": len(samples), **_classes(found, samples)} for name, samples in parts.items()},
        "test": "sealed" if found.test.exists else None,
        "inputs": _kinds(found.batch(1, "train").inputs),
        "targets": _kinds(found.batch(1, "train").targets),
        "columns": found.columns.lines() if found.columns else [],
        "vocabulary": dict(found.vocabulary),
        "transforms": found.transforms,
        "fingerprint": found.fingerprint,
    }


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


def _tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
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
