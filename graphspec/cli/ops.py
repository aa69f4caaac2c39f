"""``graphspec ops``: the layer types, losses, optimisers and all else that a spec names, and what one of them takes."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.columns import Columns
from rich.console import RenderableType
from rich.constrain import Constrain
from rich.text import Text

from graphspec.cli import options
from graphspec.diagnostics import fail, quoted, suggest
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.ops import Op, Parameter
    from graphspec.schema.component_pages import ComponentPage

_LIST_WIDTH = 100


def ops(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A layer type, a loss, an optimiser, a data set, …", show_default=False),
    ] = None,
    work: options.Work = options.Work(),
) -> None:
    """List what a spec can name, or show what NAME takes.

    graphspec ops Conv2d; graphspec ops Adam; graphspec ops CrossEntropyLoss; graphspec ops digits
    """
    with work.screen() as here:
        if name is None:
            from graphspec.ops import lookup, names
            from graphspec.schema.component_pages import component_names

            groups = _grouped([lookup(each) for each in names()])
            layers = {origin: [op.name for op in group] for origin, group in groups.items()}
            others = component_names()
            here.show({"ops": layers, "components": others}, *_listing(layers | others))
        elif op := _layer(name):
            here.show(_document(op), *_page(op))
        else:
            pages = _components(name)
            rows = [dataclasses.asdict(page) | {"example": page.example} for page in pages]
            here.show({"name": name, "components": rows}, *(part for page in pages for part in _component(page)))


def _layer(name: str) -> Op | None:
    from graphspec.ops import UnknownOp, lookup

    try:
        return lookup(name)
    except UnknownOp:
        return None


def _components(name: str) -> list[ComponentPage]:
    from graphspec.ops.table import similar
    from graphspec.schema.component_pages import component_names, component_pages

    if found := component_pages(name):
        return found
    known = [*similar(name), *(each for names in component_names().values() for each in names)]
    message = f"no layer type {quoted(name)}, nor a loss, an optimiser or anything else that a spec names"
    raise fail("unknown-layer", message, hint=suggest(name, known, most=10_000))


def _component(page: ComponentPage) -> Iterator[RenderableType]:
    yield Text(f"{page.name} ({page.key} of [{page.section}])", style="bold")
    yield Text(page.summary)
    for paragraph in page.details:
        yield Constrain(Text(paragraph), width=_LIST_WIDTH)
    yield Text(f"\nExample  {page.example}")
    table = new_table()
    said = any(row["meaning"] for row in page.arguments.values())
    for heading in ("Argument", "Default", *["Meaning"] * said):
        table.add_column(heading, overflow="fold")
    for name, row in page.arguments.items():
        default = "required" if row["required"] else "" if row["default"] is None else json.dumps(row["default"])
        table.add_row(name, default, *[row["meaning"]] * said)
    if table.row_count:
        yield ""
        yield table
    yield ""


def _grouped(found: list[Op]) -> dict[str, list[Op]]:
    groups: dict[str, list[Op]] = {}
    for op in sorted(found, key=lambda op: op.name.lower()):
        groups.setdefault(op.origin, []).append(op)
    return groups


def _listing(groups: dict[str, list[str]]) -> Iterator[RenderableType]:
    for origin, group in groups.items():
        yield Text(f"{origin} ({len(group)})", style="bold")
        yield Constrain(Columns(group, padding=(0, 2), column_first=True), width=_LIST_WIDTH)
        yield ""
    yield Text("`graphspec ops NAME` shows its arguments.")


def _document(op: Op) -> dict[str, Any]:
    from graphspec.ops.examples import example

    return {
        "name": op.name,
        "origin": op.origin,
        "summary": _summary(op),
        "arguments": {name: _argument(name, parameter) for name, parameter in _arguments(op).items()},
        "inputs": [port.name for port in op.ports],
        "outputs": list(op.values),
        "example": example(op),
    }


def _summary(op: Op) -> str:
    """The first paragraph of torch's documentation without its markup: ``:math:`x``` is x."""
    return re.sub(r":[a-z:]+:`~?([^`<]+?)(?: <[^`]*>)?`", r"\1", op.summary).replace("``", "")


def _arguments(op: Op) -> dict[str, Parameter]:
    """Its arguments; those that stand in for an input (``mul`` with ``other = 0.5``) last."""
    numbers = op.scalar[1].options if op.scalar else {}
    own = {**op.written}
    return own | {name: dataclasses.replace(entry, default=None) for name, entry in numbers.items() if name not in own}


def _argument(name: str, parameter: Parameter) -> dict[str, Any]:
    from graphspec.ops.arguments import describe
    from graphspec.ops.inferred import INFERRED

    row: dict[str, Any] = {"takes": describe(parameter), "required": parameter.required, "inferred": False}
    if parameter.required and name in INFERRED:
        return row | {"required": False, "inferred": True}
    return row if parameter.required else row | {"default": _plain(parameter.default)}


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    if isinstance(value, list | tuple):
        return [*map(_plain, value)]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _page(op: Op) -> Iterator[RenderableType]:
    from graphspec.ops.examples import example

    yield Text(f"{op.name} ({op.origin})", style="bold")
    yield Text(_summary(op))
    yield Text(f"\nInputs   {', '.join(port.name + ('' if port.required else ' (optional)') for port in op.ports)}")
    if op.values:
        yield Text(f"Outputs  {', '.join(op.values)}")
    yield Text(f"Example  {example(op)}")
    table = new_table()
    for heading in ("Argument", "Takes", "Default"):
        table.add_column(heading, overflow="fold")
    for name, parameter in _arguments(op).items():
        row = _argument(name, parameter)
        default = "from the input" if row["inferred"] else "required" if row["required"] else json.dumps(row["default"])
        table.add_row(name, row["takes"], "" if default == "null" else default)
    if table.row_count:
        yield ""
        yield table
